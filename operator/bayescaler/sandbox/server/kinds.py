"""The kinds the server knows: the built-in ones, and those that CRDs add while it runs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from . import models
from .columns import Column, default_columns
from .errors import Json, no_such_path
from .schema import StructuralSchema
from .store import Resource

ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ScalePaths:
    """Where a kind keeps what /scale shows. `checks_uid`: a uid in a written Scale must be the object's."""

    spec_replicas: Path = ("spec", "replicas")
    status_replicas: Path = ("status", "replicas")
    selector: Path | None = None
    checks_uid: bool = False


@dataclass(frozen=True, eq=False)
class Kind:
    """One served version of one resource."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool = True
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL_VERBS
    singular: str = ""
    columns: tuple[Column, ...] = ()
    scale: ScalePaths | None = None
    has_status: bool = False
    counts_generations: bool = False
    create_on_update: bool = False
    unconditional_update: bool = True
    selectable: tuple[str, ...] = ()
    custom_schema: Json | None = None
    model: str = ""
    storage: Resource = ("", "")
    stored_version: str = ""
    custom: bool = field(default=False)

    @property
    def api_version(self) -> str:
        """`apps/v1`, or `v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def resource(self) -> Resource:
        """Where its objects are stored; two kinds that view the same objects share it."""
        return self.storage if self.storage != ("", "") else (self.group, self.plural)

    @property
    def singular_name(self) -> str:
        """What `kubectl get SINGULAR` takes."""
        return self.singular or self.kind.lower()

    @property
    def subresources(self) -> tuple[str, ...]:
        """The subresources served."""
        return (*(("scale",) if self.scale else ()), *(("status",) if self.has_status else ()))

    @cached_property
    def structural(self) -> StructuralSchema | None:
        """The schema, or None where any object is taken."""
        if self.custom:
            return StructuralSchema(self.custom_schema, custom=True) if self.custom_schema else None
        return StructuralSchema(models.schema(self.model), custom=False) if self.model else None

    @cached_property
    def printer_columns(self) -> tuple[Column, ...]:
        """The columns of a Table."""
        return self.columns or default_columns(self.kind)


_POD_SELECTABLE = ("spec.nodeName", "spec.restartPolicy", "spec.serviceAccountName", "status.phase", "status.podIP")
_EVENT_SELECTABLE = (
    *(
        f"involvedObject.{name}"
        for name in ("kind", "namespace", "name", "uid", "apiVersion", "fieldPath", "resourceVersion")
    ),
    "reason",
    "type",
    "reportingComponent",
    "source",
)
_WORKLOAD_SCALE = ScalePaths(selector=("spec", "selector"), checks_uid=True)


def _workload(kind: str, plural: str, short: str) -> Kind:
    return Kind(
        "apps",
        "v1",
        kind,
        plural,
        short_names=(short,),
        categories=("all",),
        scale=_WORKLOAD_SCALE,
        has_status=True,
        counts_generations=True,
        model=f"V1{kind}",
        selectable=("status.successful",) if kind == "ReplicaSet" else (),
    )


def _rbac(kind: str, *, namespaced: bool) -> Kind:
    return Kind(
        "rbac.authorization.k8s.io",
        "v1",
        kind,
        kind.lower() + "s",
        namespaced,
        create_on_update=True,
        model=f"V1{kind}",
    )


def _core(kind: str, plural: str, *short: str, **more: object) -> Kind:
    return Kind("", "v1", kind, plural, short_names=short, model=f"V1{kind}", **more)  # type: ignore[arg-type]  # passed on


def built_in() -> Iterator[Kind]:
    """The kinds of a fresh server."""
    yield _core("Namespace", "namespaces", "ns", namespaced=False, has_status=True, selectable=("status.phase",))
    yield _core("Node", "nodes", "no", namespaced=False, has_status=True, selectable=("spec.unschedulable",))
    yield _core(
        "Pod", "pods", "po", categories=("all",), has_status=True, selectable=_POD_SELECTABLE, counts_generations=True
    )
    yield _core("Service", "services", "svc", categories=("all",), has_status=True, create_on_update=True)
    yield _core("ServiceAccount", "serviceaccounts", "sa")
    yield _core("ConfigMap", "configmaps", "cm")
    yield _core("Secret", "secrets", selectable=("type",))
    yield _core("ResourceQuota", "resourcequotas", "quota", has_status=True)
    yield Kind(
        "",
        "v1",
        "Event",
        "events",
        short_names=("ev",),
        create_on_update=True,
        model="CoreV1Event",
        selectable=_EVENT_SELECTABLE,
    )
    yield Kind(
        "events.k8s.io",
        "v1",
        "Event",
        "events",
        short_names=("ev",),
        create_on_update=True,
        model="EventsV1Event",
        storage=("", "events"),
        selectable=_EVENT_SELECTABLE,
    )
    yield _workload("Deployment", "deployments", "deploy")
    yield _workload("ReplicaSet", "replicasets", "rs")
    yield _workload("StatefulSet", "statefulsets", "sts")
    yield Kind(
        "autoscaling",
        "v2",
        "HorizontalPodAutoscaler",
        "horizontalpodautoscalers",
        short_names=("hpa",),
        categories=("all",),
        has_status=True,
        model="V2HorizontalPodAutoscaler",
    )
    yield Kind(
        "coordination.k8s.io",
        "v1",
        "Lease",
        "leases",
        create_on_update=True,
        unconditional_update=False,
        model="V1Lease",
    )
    yield Kind(
        "policy",
        "v1",
        "PodDisruptionBudget",
        "poddisruptionbudgets",
        short_names=("pdb",),
        has_status=True,
        counts_generations=True,
        model="V1PodDisruptionBudget",
    )
    yield Kind(
        "networking.k8s.io",
        "v1",
        "NetworkPolicy",
        "networkpolicies",
        short_names=("netpol",),
        counts_generations=True,
        model="V1NetworkPolicy",
    )
    yield Kind(
        "flowcontrol.apiserver.k8s.io",
        "v1",
        "FlowSchema",
        "flowschemas",
        namespaced=False,
        has_status=True,
        counts_generations=True,
        model="V1FlowSchema",
    )
    yield _rbac("Role", namespaced=True)
    yield _rbac("RoleBinding", namespaced=True)
    yield _rbac("ClusterRole", namespaced=False)
    yield _rbac("ClusterRoleBinding", namespaced=False)
    yield Kind(
        "apiextensions.k8s.io",
        "v1",
        "CustomResourceDefinition",
        "customresourcedefinitions",
        namespaced=False,
        short_names=("crd", "crds"),
        categories=("api-extensions",),
        has_status=True,
        counts_generations=True,
        unconditional_update=False,
        model="V1CustomResourceDefinition",
    )
    yield Kind("metrics.k8s.io", "v1beta1", "PodMetrics", "pods", verbs=("get", "list"))


class Kinds:
    """What is served now. `on_change` is told when discovery changes."""

    def __init__(self) -> None:
        self._kinds: dict[tuple[str, str, str], Kind] = {}
        self._of_objects: dict[tuple[str, str], Kind] = {}
        self._on_change: list[Callable[[], None]] = []
        for kind in built_in():
            self.add(kind)

    def __iter__(self) -> Iterator[Kind]:
        return iter(self._kinds.values())

    def add(self, kind: Kind) -> None:
        """Serve `kind`, replacing an older definition of the same resource and version."""
        self._kinds[kind.group, kind.version, kind.plural] = kind
        self._changed()

    def remove(self, group: str, plural: str) -> None:
        """Serve no version of this resource any more."""
        self._kinds = {key: kind for key, kind in self._kinds.items() if (key[0], key[2]) != (group, plural)}
        self._changed()

    def on_change(self, callback: Callable[[], None]) -> None:
        """Call `callback` whenever the served kinds change."""
        self._on_change.append(callback)

    def _changed(self) -> None:
        self._of_objects = {(kind.api_version, kind.kind): kind for kind in reversed(self._kinds.values())}
        for callback in self._on_change:
            callback()

    def find(self, group: str, version: str, plural: str) -> Kind:
        """The kind of a path, or 404."""
        kind = self._kinds.get((group, version, plural))
        if kind is None:
            raise no_such_path()
        return kind

    def of_resource(self, resource: Resource) -> Kind | None:
        """One version that serves the objects stored under `resource`."""
        return next((kind for kind in self if kind.resource == resource), None)

    def of_object(self, obj: Json) -> Kind:
        """The kind of an object, by its apiVersion and kind; raises LookupError where nothing serves it."""
        api_version, name = obj.get("apiVersion", ""), obj.get("kind", "")
        kind = self._of_objects.get((api_version, name))
        if kind is None:
            raise LookupError(
                f"the sandbox serves no {name} of {api_version}; create its CustomResourceDefinition first"
            )
        return kind
