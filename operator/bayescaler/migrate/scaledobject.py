"""A ScaledObject of KEDA as a BayesianAutoscaler.

Source: KEDA's ScaledObject specification and its scalers prometheus, cpu, memory and cron (2.20).
"""

from collections.abc import Mapping
from typing import Any

from bayescaler import api

from .behavior import behavior_of
from .given import Object, PrometheusMetadata, ScaledObjectSpec, Trigger, UsageMetadata, read
from .load import Load, Workload, combined, kind_of, usage_load, valued
from .manifest import Plan, migrate
from .notes import Migrated, MigrateError, Notes, Topic
from .schedules import schedules_of
from .unsaid import Unsaid

KIND, VERSION = "ScaledObject", "keda.sh/v1alpha1"
POLLING_SECONDS, COOLDOWN_SECONDS = 30, 300
SHORTEST_AFTER_SECONDS = 10  # that fallback.after may be
USAGE = ("cpu", "memory")
# By authModes: keys of the Secret that authRef names.
SECRET_KEYS = {
    "bearer": "token",
    "basic": "username and password",
    "tls": "ca.crt, tls.crt and tls.key",
    "custom": "header.NAME",
}
PAUSED = "autoscaling.keda.sh/paused"


def from_scaledobject(obj: Mapping[str, Any], unsaid: Unsaid | None = None) -> Migrated:
    """Return the BayesianAutoscaler, in mode Observe, that behaves like this ScaledObject.

    Raises:
        MigrateError: it cannot be carried over; names the object, the field and the cure.
    """
    return migrate(obj, unsaid, KIND, _plan)


def _plan(obj: Object, unsaid: Unsaid, notes: Notes) -> Plan:
    if obj.api_version != VERSION:
        raise MigrateError(f"apiVersion {obj.api_version} is not read: give it as {VERSION}")
    spec = read(ScaledObjectSpec, obj.spec, "spec")
    notes.leave_out(spec.unread("spec"))
    if spec.advanced.scaling_modifiers.formula:
        cure = "write it as the query of one prometheus trigger"
        raise MigrateError(f"spec.advanced.scalingModifiers: a formula over triggers is not read: {cure}")
    ref = spec.scale_target_ref
    defaults = {"api_version": ref.api_version or "apps/v1", "kind": ref.kind or "Deployment"}
    target = ref.model_copy(update=defaults)
    workload = Workload(target, obj.metadata.namespace or unsaid.namespace)
    minimum = _min_replicas(spec, notes)
    loads = _loads(spec.triggers, workload, unsaid, notes)
    schedules = schedules_of(spec.triggers, spec.max_replica_count, notes)
    return Plan(
        target,
        minimum,
        spec.max_replica_count,
        combined(loads, "--trigger", notes),
        _behavior(obj, spec, notes),
        fallback=_fallback(spec, notes),
        forecast=_forecast(spec.triggers, notes),
        schedules=schedules,
        activation_threshold=_activation(loads, spec, minimum, notes),
        paused=_paused(obj, notes),
    )


def _loads(triggers: list[Trigger], workload: Workload, unsaid: Unsaid, notes: Notes) -> list[Load]:
    titles = [_title(index, trigger) for index, trigger in enumerate(triggers)]
    usable = [index for index, trigger in enumerate(triggers) if trigger.type != "cron"]
    if not usable:
        told = ", ".join(titles) or "none"
        raise MigrateError(f"has no trigger that is a load ({told}): add a prometheus trigger, and convert that")
    chosen = usable if unsaid.chosen is None else [unsaid.chosen]
    if not set(chosen) <= set(usable):
        raise MigrateError(f"has no load in trigger {unsaid.chosen}: choose of {', '.join(titles[i] for i in usable)}")
    loads = []
    for index, (title, trigger) in enumerate(zip(titles, triggers, strict=True)):
        path = f"spec.triggers[{index}]"
        if index in chosen:
            loads.append(_load(title, path, trigger, workload, unsaid, notes))
        elif trigger.type != "cron":
            notes.add(Topic.LEFT_OUT, f"{title}: --trigger {unsaid.chosen} was chosen")
    return loads


def _load(title: str, path: str, trigger: Trigger, workload: Workload, unsaid: Unsaid, notes: Notes) -> Load:
    if trigger.type == "prometheus":
        return _prometheus(title, path, trigger, workload, notes)
    if trigger.type not in USAGE:
        raise MigrateError(
            f"{title}: only prometheus, cpu and memory triggers are loads here: read the same figure from Prometheus "
            "by a prometheus trigger, or choose another with --trigger N"
        )
    metadata = read(UsageMetadata, trigger.metadata, f"{path}.metadata")
    notes.leave_out(metadata.unread(f"{path}.metadata"))
    of_requests = (trigger.metric_type or metadata.type) == "Utilization"
    return usage_load(
        title,
        trigger.type,
        metadata.container_name or None,
        workload,
        utilization=metadata.value if of_requests else None,
        average=None if of_requests else metadata.value,
        unsaid=unsaid,
        notes=notes,
    )


def _prometheus(title: str, path: str, trigger: Trigger, workload: Workload, notes: Notes) -> Load:
    metadata = read(PrometheusMetadata, trigger.metadata, f"{path}.metadata")
    notes.leave_out(metadata.unread(f"{path}.metadata"))
    query = metadata.query.strip()
    load = Load(
        title,
        query,
        metadata.threshold,
        kind_of(query),
        server=metadata.server_address,
        auth=_secret(title, trigger, metadata, notes),
        activation=max(metadata.activation_threshold, 0.0),
    )
    notes.add(Topic.ASSUMED, f"{title}: load.kind {load.kind}, by whether its query has a rate()")
    if metadata.ignore_null_values:
        cure = "if it does mean zero, append: or vector(0)"
        notes.add(Topic.DIFFERS, f"{title}: no data is not zero here, and nothing scales in on it; {cure}")
    return valued(load, workload, notes) if trigger.metric_type == "Value" else load


def _activation(loads: list[Load], spec: ScaledObjectSpec, minimum: int, notes: Notes) -> float:
    """Return the threshold of the one load that is read as KEDA reads it; note those that cannot be kept."""
    thresholds = {load.title: load.activation for load in loads if load.activation > 0}
    if minimum > 0:
        why = f"is of going to 0, minReplicas {minimum} is above"
    elif len(loads) > 1:
        why = "several loads are made into one in replicas, and any of it wants a replica"
    elif any(trigger.metric_type == "Value" for trigger in spec.triggers):
        why = "the load is the metric times ready replicas, and any of it wants a replica"
    else:
        return sum(thresholds.values())
    for title, threshold in thresholds.items():
        notes.add(Topic.LEFT_OUT, f"{title}: activationThreshold {threshold:g}: {why}")
    return 0.0


def _secret(title: str, trigger: Trigger, metadata: PrometheusMetadata, notes: Notes) -> str | None:
    """Name the Secret to make of what KEDA authenticates with, and say what goes into it."""
    ref = trigger.authentication_ref
    keys = [SECRET_KEYS.get(mode.strip(), mode.strip()) for mode in metadata.auth_modes.split(",") if mode.strip()]
    headers = [pair.partition("=")[0].strip() for pair in metadata.custom_headers.split(",")]
    keys += [f"header.{name}" for name in headers if name]
    if ref is None and not keys:
        return None
    owner = f"{ref.kind or 'TriggerAuthentication'} {ref.name}" if ref else "the trigger's metadata"
    name = ref.name if ref else "prometheus-auth"
    told = ", ".join(keys) or "token, or username and password, or tls.crt and tls.key"
    notes.add(
        Topic.FILL_IN,
        f"Secret {name} in the same namespace, with {told}, from {owner} of {title}; the operator needs a Role to "
        "get it",
    )
    return name


def _min_replicas(spec: ScaledObjectSpec, notes: Notes) -> int:
    minimum = spec.min_replica_count
    if minimum == 0 and all(trigger.type in USAGE for trigger in spec.triggers):
        notes.add(Topic.ASSUMED, "minReplicas 1: by cpu and memory triggers alone KEDA does not go to zero")
        minimum = 1
    if spec.idle_replica_count is not None:
        told = f"minReplicas {minimum} stay without load, too; 0 there allows every number from 0"
        notes.add(Topic.LEFT_OUT, f"spec.idleReplicaCount {spec.idle_replica_count}: {told}")
    if minimum == 0:
        cooldown = COOLDOWN_SECONDS if spec.cooldown_period is None else spec.cooldown_period
        notes.add(
            Topic.DIFFERS,
            "0 replicas are wanted once neither load nor forecast is above load.activationThreshold, after "
            f"behavior.scaleDown.stabilizationWindowSeconds, which stands in for cooldownPeriod {cooldown}s",
        )
    elif spec.cooldown_period is not None:
        notes.add(Topic.LEFT_OUT, f"spec.cooldownPeriod {spec.cooldown_period}: is of going to 0, minReplicas is above")
    return minimum


def _fallback(spec: ScaledObjectSpec, notes: Notes) -> dict[str, Any]:
    given, polling = spec.fallback, spec.polling_interval
    if given is None:
        if polling is not None:
            notes.add(Topic.LEFT_OUT, f"spec.pollingInterval {polling}: how often is the operator's --interval")
        return {}
    polling = POLLING_SECONDS if polling is None else polling
    after = max(SHORTEST_AFTER_SECONDS, given.failure_threshold * polling)
    notes.add(
        Topic.ASSUMED,
        f"fallback.after {after}s: failureThreshold {given.failure_threshold} times pollingInterval {polling}s; KEDA "
        "counts the reads of the HPA as well and may come sooner",
    )
    made: dict[str, Any] = {"after": api.duration_text(after)}
    if given.behavior in {"static", "currentReplicasIfHigher"}:
        both = ", down as well" if given.behavior == "static" else ""
        replicas = min(given.replicas, spec.max_replica_count)  # as the HPA would hold them
        notes.add(
            Topic.DIFFERS,
            f"fallback.replicas {replicas} is the last rung, after pods' CPU and an hour's hold, and only raises; "
            f"KEDA goes there at once{both}",
        )
        return {**made, "replicas": replicas}
    if given.behavior != "currentReplicas":
        told = "the replicas stay as they are"
        notes.add(Topic.LEFT_OUT, f"spec.fallback {given.behavior} {given.replicas}: {told}")
    return made


def _forecast(triggers: list[Trigger], notes: Notes) -> dict[str, Any]:
    """Let the seasons follow the clock that a cron trigger names."""
    zones = {trigger.metadata.get("timezone") for trigger in triggers if trigger.type == "cron"} - {None}
    if len(zones) != 1:
        return {}
    zone = zones.pop()
    notes.add(Topic.ASSUMED, f"forecast.timeZone {zone}, that of the cron trigger")
    return {"timeZone": zone}


def _paused(obj: Object, notes: Notes) -> bool:
    count = obj.metadata.annotations.get(f"{PAUSED}-replicas")
    if count is not None:
        notes.add(Topic.LEFT_OUT, f"annotation {PAUSED}-replicas {count}: paused is set; set the replicas by hand")
    return count is not None or _is_true(obj, PAUSED)


def _behavior(obj: Object, spec: ScaledObjectSpec, notes: Notes) -> dict[str, Any]:
    config = spec.advanced.horizontal_pod_autoscaler_config
    made = behavior_of(config.behavior, "spec.advanced.horizontalPodAutoscalerConfig.behavior", notes)
    for direction, suffix in (("scaleDown", "-scale-in"), ("scaleUp", "-scale-out")):
        if _is_true(obj, PAUSED + suffix):
            made[direction]["selectPolicy"] = "Disabled"
    return made


def _is_true(obj: Object, annotation: str) -> bool:
    return str(obj.metadata.annotations.get(annotation)).lower() == "true"


def _title(index: int, trigger: Trigger) -> str:
    name = f' "{trigger.name}"' if trigger.name else ""
    return f"trigger {index} ({trigger.type}{name})"
