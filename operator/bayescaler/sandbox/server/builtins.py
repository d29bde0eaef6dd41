"""What the API server itself adds to and asks of built-in kinds: defaults, and checks beyond the schema."""

import base64
import ipaddress
from collections.abc import Callable
from typing import Any

from .columns import dig
from .errors import FieldError, Json
from .events import require_micro_time
from .selectors import matches_selector

Defaults = Callable[[Json], Json]
Check = Callable[[Json, Json | None], list[FieldError]]

_POD_SPEC = {
    "restartPolicy": "Always",
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "securityContext": {},
    "schedulerName": "default-scheduler",
}
_CONTAINER = {
    "resources": {},
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
}
_DEPLOYMENT = {
    "replicas": 1,
    "progressDeadlineSeconds": 600,
    "revisionHistoryLimit": 10,
    "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
}
_STATEFUL_SET = {
    "replicas": 1,
    "revisionHistoryLimit": 10,
    "podManagementPolicy": "OrderedReady",
    "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
}
_SERVICE_NETWORK = ipaddress.ip_network("10.96.0.0/16")


def pod_spec(spec: Json) -> Json:
    """A pod spec with its defaults."""
    containers = [
        {**_CONTAINER, "imagePullPolicy": "IfNotPresent" if ":" in c.get("image", "") else "Always", **c}
        | ({"ports": [{"protocol": "TCP", **port} for port in c["ports"]]} if c.get("ports") else {})
        for c in spec.get("containers", ())
    ]
    return {**_POD_SPEC, **spec, "containers": containers}


def _pod(obj: Json) -> Json:
    status = obj.get("status") or {"phase": "Pending", "qosClass": "BestEffort"}
    return {**obj, "spec": pod_spec(obj.get("spec", {})), "status": status}


def _workload(defaults: Json, status: Json) -> Defaults:
    def fill(obj: Json) -> Json:
        spec = _with_strategy({**defaults, **obj.get("spec", {})}, defaults)
        if isinstance(dig(spec, "template", "spec"), dict):
            spec["template"] = {**spec["template"], "spec": pod_spec(spec["template"]["spec"])}
        return {**obj, "spec": spec, "status": obj.get("status") or dict(status)}

    return fill


def _with_strategy(spec: Json, defaults: Json) -> Json:
    """An empty strategy is the default one; one of the default type gets its parameters."""
    for key in ("strategy", "updateStrategy"):
        if key in defaults and (spec[key] or {}).get("type", defaults[key]["type"]) == defaults[key]["type"]:
            given = (spec[key] or {}).get("rollingUpdate") or {}
            spec[key] = {**defaults[key], "rollingUpdate": {**defaults[key]["rollingUpdate"], **given}}
    return spec


def _namespace(obj: Json) -> Json:
    name = obj["metadata"]["name"]
    metadata = {**obj["metadata"], "labels": {**obj["metadata"].get("labels", {}), "kubernetes.io/metadata.name": name}}
    status = obj.get("status") or {"phase": "Active"}
    return {**obj, "metadata": metadata, "spec": obj.get("spec") or {"finalizers": ["kubernetes"]}, "status": status}


def _secret(obj: Json) -> Json:
    filled = {"type": "Opaque", **obj}
    texts = filled.pop("stringData", None)
    if texts:
        encoded = {key: base64.b64encode(text.encode()).decode() for key, text in texts.items()}
        filled["data"] = {**(filled.get("data") or {}), **encoded}
    return filled


def _service(obj: Json) -> Json:
    spec: Json = {
        "type": "ClusterIP",
        "sessionAffinity": "None",
        "ipFamilyPolicy": "SingleStack",
        **obj.get("spec", {}),
    }
    if spec["type"] != "ExternalName" and "clusterIP" not in spec:
        spread = int.from_bytes(obj["metadata"]["name"].encode(), "big") % (_SERVICE_NETWORK.num_addresses - 2) + 1
        spec["clusterIP"] = str(_SERVICE_NETWORK[spread])
    if "ports" in spec:
        spec["ports"] = [{"protocol": "TCP", "targetPort": port.get("port"), **port} for port in spec["ports"]]
    return {**obj, "spec": spec, "status": obj.get("status") or {"loadBalancer": {}}}


def _autoscaler(obj: Json) -> Json:
    return {**obj, "spec": {"minReplicas": 1, **obj.get("spec", {})}, "status": obj.get("status") or {}}


def _binding(obj: Json) -> Json:
    subjects = [
        {**({"apiGroup": "rbac.authorization.k8s.io"} if s.get("kind") != "ServiceAccount" else {}), **s}
        for s in obj.get("subjects") or ()
    ]
    return {**obj, "subjects": subjects} if subjects else obj


DEFAULTS: dict[str, Defaults] = {
    "Pod": _pod,
    "Deployment": _workload(_DEPLOYMENT, {}),
    "ReplicaSet": _workload({"replicas": 1}, {"replicas": 0}),
    "StatefulSet": _workload(_STATEFUL_SET, {"replicas": 0}),
    "Namespace": _namespace,
    "Secret": _secret,
    "Service": _service,
    "HorizontalPodAutoscaler": _autoscaler,
    "RoleBinding": _binding,
    "ClusterRoleBinding": _binding,
}


def _invalid(path: str, value: Any, why: str) -> FieldError:
    shown = f'"{value}"' if isinstance(value, str) else value
    return FieldError(path, "FieldValueInvalid", f"Invalid value: {shown}: {why}")


def _check_workload(new: Json, old: Json | None) -> list[FieldError]:
    spec, errors = new.get("spec", {}), []
    if int(spec.get("replicas", 1)) < 0:
        errors.append(_invalid("spec.replicas", spec["replicas"], "must be greater than or equal to 0"))
    labels = dig(spec, "template", "metadata", "labels", default={})
    if spec.get("selector") and not matches_selector(spec["selector"], labels):
        errors.append(
            FieldError(
                "spec.template.metadata.labels",
                "FieldValueInvalid",
                "Invalid value: `selector` does not match template `labels`",
            )
        )
    if old is not None and old["spec"].get("selector") != spec.get("selector"):
        errors.append(FieldError("spec.selector", "FieldValueInvalid", "Invalid value: field is immutable"))
    return errors


def _check_autoscaler(new: Json, _old: Json | None) -> list[FieldError]:
    spec, errors = new.get("spec", {}), []
    low, high = spec.get("minReplicas", 1), spec.get("maxReplicas", 0)
    if low < 1:
        errors.append(_invalid("spec.minReplicas", low, "must be greater than or equal to 1"))
    if high < 1:
        errors.append(_invalid("spec.maxReplicas", high, "must be greater than 0"))
    if 0 < high < low:
        errors.append(_invalid("spec.maxReplicas", high, "must be greater than or equal to `minReplicas`"))
    return errors


def _check_lease(new: Json, _old: Json | None) -> list[FieldError]:
    spec, errors = new.get("spec") or {}, []
    for field in ("acquireTime", "renewTime"):
        require_micro_time("Lease", spec.get(field))
    if spec.get("leaseDurationSeconds", 1) <= 0:
        errors.append(_invalid("spec.leaseDurationSeconds", spec["leaseDurationSeconds"], "must be greater than 0"))
    if spec.get("leaseTransitions", 0) < 0:
        errors.append(_invalid("spec.leaseTransitions", spec["leaseTransitions"], "must be greater than or equal to 0"))
    return errors


def _check_immutable_data(new: Json, old: Json | None) -> list[FieldError]:
    if old is None or not old.get("immutable"):
        return []
    return (
        [FieldError("data", "FieldValueForbidden", "Forbidden: field is immutable when `immutable` is set")]
        if (new.get("data") != old.get("data") or not new.get("immutable"))
        else []
    )


def _check_role_ref(new: Json, old: Json | None) -> list[FieldError]:
    if old is not None and old.get("roleRef") != new.get("roleRef"):
        return [FieldError("roleRef", "FieldValueInvalid", "Invalid value: cannot change roleRef")]
    return []


CHECKS: dict[str, Check] = {
    "Deployment": _check_workload,
    "ReplicaSet": _check_workload,
    "StatefulSet": _check_workload,
    "HorizontalPodAutoscaler": _check_autoscaler,
    "Lease": _check_lease,
    "Secret": _check_immutable_data,
    "ConfigMap": _check_immutable_data,
    "RoleBinding": _check_role_ref,
    "ClusterRoleBinding": _check_role_ref,
}
