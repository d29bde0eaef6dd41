"""The parts of a migration put together, and checked as the API server would."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bayescaler import api

from .given import Object, Reference, read
from .load import CAPACITY_PATH, QUERY_PATH, STEP, Load
from .notes import Migrated, MigrateError, Notes, Topic, listed, one_line
from .unsaid import Unsaid

# Annotations and labels that others keep for themselves, or that are read elsewhere.
NOISE = ("kubectl.kubernetes.io/", "autoscaling.alpha.kubernetes.io/", "scaledobject.keda.sh/", "autoscaling.keda.sh/")


@dataclass(frozen=True, slots=True)
class Plan:
    """What the manifest is to say."""

    target: Reference
    min_replicas: int
    max_replicas: int
    load: Load
    behavior: Mapping[str, Any]
    fallback: Mapping[str, Any] = field(default_factory=dict)
    forecast: Mapping[str, Any] = field(default_factory=dict)
    schedules: Sequence[Mapping[str, Any]] = ()
    activation_threshold: float = 0.0
    paused: bool = False


def migrate(
    obj: Mapping[str, Any], unsaid: Unsaid | None, kind: str, plan: Callable[[Object, Unsaid, Notes], Plan]
) -> Migrated:
    """Read one object of a kind, plan with it, and return the manifest with its notes.

    Raises:
        MigrateError: it cannot be carried over, or would be refused for more than what is to be filled in.
    """
    unsaid, notes = unsaid or Unsaid(), Notes()
    given = read(Object, obj, kind)
    if given.kind != kind:
        raise MigrateError(f"is a {given.kind}, expected a {kind}")
    space = given.metadata.namespace or unsaid.namespace
    name = one_line(f"{space}/{given.metadata.name}" if space else given.metadata.name)
    try:
        planned = plan(given, unsaid, notes)
        manifest = _manifest(given.metadata.name, space, planned)
        _check(_manifest(given.metadata.name, space, replace(planned, load=_filled_in(planned.load))))
    except MigrateError as error:
        raise MigrateError(one_line(f"{kind} {name}: {error}")) from error
    unfilled = _unfilled(planned.load, notes)
    _say_what_always_holds(given, notes)
    return Migrated(name, f"{kind} {name}", manifest, notes.in_order(), unfilled)


def _manifest(name: str, namespace: str | None, plan: Plan) -> dict[str, Any]:
    load = plan.load
    prometheus = {"query": load.query or "", "serverAddress": load.server, "authRef": load.auth and {"name": load.auth}}
    target = {"apiVersion": plan.target.api_version, "kind": plan.target.kind, "name": plan.target.name}
    capacity = f"FILL IN: {load.wanted}" if load.per_replica is None else _plain(load.per_replica)
    measured = {
        "prometheus": _known(prometheus),
        "kind": load.kind,
        "step": STEP,
        "activationThreshold": _plain(plan.activation_threshold) or None,
    }
    spec = {
        "scaleTargetRef": _known(target),
        "minReplicas": plan.min_replicas,
        "maxReplicas": plan.max_replicas,
        "mode": "Observe",
        "load": _known(measured),
        "capacity": {"perReplica": capacity},
        "forecast": dict(plan.forecast) or None,
        "behavior": dict(plan.behavior),
        "schedules": [dict(schedule) for schedule in plan.schedules] or None,
        "fallback": {**plan.fallback, "reactive": {"targetUtilization": 1}},
        "paused": plan.paused or None,
    }
    return {
        "apiVersion": api.API_VERSION,
        "kind": api.KIND,
        "metadata": _known({"name": name, "namespace": namespace}),
        "spec": _known(spec),
    }


def _unfilled(load: Load, notes: Notes) -> tuple[str, ...]:
    if load.query is None:
        notes.add(Topic.FILL_IN, f"{QUERY_PATH}: {load.wanted}")
        if load.kind == "Rate":
            notes.add(Topic.FILL_IN, "spec.load.kind: Rate for a query of events per second, Gauge for one of a level")
        return (QUERY_PATH,)
    if load.per_replica is None:
        notes.add(Topic.FILL_IN, f"{CAPACITY_PATH}: {load.wanted}")
        return (CAPACITY_PATH,)
    return ()


def _filled_in(load: Load) -> Load:
    """Return the load as if the user had filled it in: rules across fields are judged only once all fields are good."""
    per_replica = 1.0 if load.per_replica is None else load.per_replica
    return replace(load, query="vector(1)" if load.query is None else load.query, per_replica=per_replica)


def _check(manifest: Mapping[str, Any]) -> None:
    try:
        api.parse_spec(manifest)
    except api.SpecError as error:
        raise MigrateError(f"what it becomes would be refused: {error}") from error


def _say_what_always_holds(given: Object, notes: Notes) -> None:
    notes.add(
        Topic.DIFFERS,
        "once the forecast is trusted it sizes, for the highest load until more pods could be ready, at "
        "objective.quantile 0.95: up before the HPA, down after it",
    )
    notes.add(
        Topic.DIFFERS,
        "fallback.reactive.targetUtilization is 1, so that without a trusted forecast perReplica alone sizes; while "
        "the load is missing, CPU above 100 % of the requests adds replicas, where the HPA holds",
    )
    notes.add(
        Topic.DIFFERS,
        f"the load is read in buckets of load.step {STEP}, an HPA reads every 15s: shorten it if scrapes allow",
    )
    names = [*given.metadata.labels, *given.metadata.annotations]
    own = [name for name in names if not name.startswith(NOISE)]
    if own:
        notes.add(Topic.LEFT_OUT, f"labels and annotations {listed(own)}: copy what you need")


def _known(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _plain(value: float) -> float | int:
    return int(value) if value == int(value) else value
