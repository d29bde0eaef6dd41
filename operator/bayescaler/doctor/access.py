"""What the reader may do, as SelfSubjectAccessReviews tell: each missing rule by its name, and what stays unknown."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .finding import Finding, Level, Topic


@dataclass(frozen=True, slots=True)
class Right:
    """A verb on a resource, in a namespace or (None) the whole cluster; `purpose` is what it is wanted for.

    `level` is that of its absence.
    """

    group: str
    resource: str
    verb: str
    namespace: str | None
    purpose: str
    level: Level = Level.WARNING
    name: str = ""

    def attributes(self) -> dict[str, Any]:
        """Return the resourceAttributes of a SelfSubjectAccessReview."""
        resource, _, subresource = self.resource.partition("/")
        asked = {"group": self.group, "resource": resource, "verb": self.verb, "name": self.name}
        return asked | {"subresource": subresource, "namespace": self.namespace or ""}

    def rule(self) -> str:
        """Return the rule that grants it, as a Role or ClusterRole has it."""
        named = f", resourceNames: [{self.name}]" if self.name else ""
        group = self.group or '""'
        return f"{{apiGroups: [{group}], resources: [{self.resource}]{named}, verbs: [{self.verb}]}}"


OURS, CRDS = "bayescaler.dev", "apiextensions.k8s.io"


def cluster_rights(operator_namespace: str | None) -> tuple[Right, ...]:
    """Return what looking at an installation takes; the operator's namespace may be unknown (None: any)."""
    crd = "bayesianautoscalers.bayescaler.dev"
    return (
        Right(CRDS, "customresourcedefinitions", "get", None, "which CRD is installed", name=crd),
        Right("apps", "deployments", "list", operator_namespace, "whether the operator runs, and with which options"),
        Right("coordination.k8s.io", "leases", "get", operator_namespace, "which replica of the operator leads"),
    )


def object_rights(namespace: str, *, keda: bool, secret: str | None) -> tuple[Right, ...]:
    """Return what looking at one object takes; `secret` is that of its authRef, `keda` whether its kinds are served."""
    found = [
        Right(OURS, "bayesianautoscalers", "get", namespace, "the object itself", Level.ERROR),
        Right(OURS, "bayesianautoscalers", "list", namespace, "whether another object sizes the same target"),
        Right(OURS, "bayesianautoscalers", "patch", namespace, "to pause and resume it in an emergency", Level.INFO),
        Right("autoscaling", "horizontalpodautoscalers", "list", namespace, "whether an HPA moves the target too"),
        Right("", "resourcequotas", "list", namespace, "whether a quota has room for maxReplicas", Level.INFO),
    ]
    if keda:
        found.append(Right("keda.sh", "scaledobjects", "list", namespace, "whether KEDA moves the target too"))
    if secret is not None:
        purpose = "credentials for Prometheus: without, give --auth FOLDER"
        found.append(Right("", "secrets", "get", namespace, purpose, Level.INFO, name=secret))
    return tuple(found)


def check_access(reviews: Iterable[tuple[Right, bool]], where: str) -> list[Finding]:
    """Judge each right that was asked for; where all are granted, one line says so of `where`."""
    reviewed = list(reviews)
    missing = [_missing(right) for right, allowed in reviewed if not allowed]
    if missing or not reviewed:
        return missing
    return [Finding(Level.OK, Topic.ACCESS, where, f"you have all {len(reviewed)} rights that are needed here")]


def _missing(right: Right) -> Finding:
    where = "the whole cluster" if right.namespace is None else f"namespace {right.namespace}"
    kind = "ClusterRole" if right.namespace is None else "Role"
    what = f"you may not {right.verb} {right.resource}{f'.{right.group}' if right.group else ''}: {right.purpose}"
    return Finding(right.level, Topic.ACCESS, where, what, f"have a {kind} bound to you with {right.rule()}")
