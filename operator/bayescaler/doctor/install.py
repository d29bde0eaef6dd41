"""The installation: the CRD against what this release knows, the operator's Deployment, its Lease, metrics-server."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bayescaler.policy.explain import span

from .finding import Finding, Level, Topic

Json = Mapping[str, Any]
CRD_NAME = "bayesianautoscalers.bayescaler.dev"
OPTIONS = ("prometheus", "allow-prometheus", "namespace", "lease-name", "lease-namespace")
SHOWN_FIELDS = 4
INSTALL = "helm upgrade --install with the chart of this release: its CRD comes with it"


@dataclass(frozen=True, slots=True)
class Setup:
    """How an operator was started, as far as its Deployment tells."""

    name: str
    namespace: str
    version: str
    wanted: int
    ready: int
    prometheus: str
    allowed: tuple[str, ...]
    namespaces: tuple[str, ...]
    lease: str
    lease_namespace: str
    elects: bool

    @property
    def label(self) -> str:
        """Namespace and name of its Deployment."""
        return f"{self.namespace}/{self.name}"


def setup_of(deployment: Json) -> Setup:
    """Read the Deployment of an operator."""
    metadata, spec = deployment["metadata"], deployment.get("spec") or {}
    containers = ((spec.get("template") or {}).get("spec") or {}).get("containers") or [{}]
    given = {name: _given(containers[0], name) for name in OPTIONS}
    return Setup(
        name=str(metadata["name"]),
        namespace=str(metadata["namespace"]),
        version=str((metadata.get("labels") or {}).get("app.kubernetes.io/version") or ""),
        wanted=int(spec.get("replicas", 1)),
        ready=int((deployment.get("status") or {}).get("readyReplicas") or 0),
        prometheus=(given["prometheus"] or ("",))[-1],
        allowed=given["allow-prometheus"],
        namespaces=given["namespace"],
        lease=(given["lease-name"] or ("bayescaler",))[-1],
        lease_namespace=(given["lease-namespace"] or ("default",))[-1],
        elects="--no-leader-election" not in (containers[0].get("args") or ()),
    )


def check_crd(found: Json | None, known: Json) -> list[Finding]:
    """Judge the CRD that is installed against the one of this release, version by version and field by field."""
    if found is None:
        return [Finding(Level.ERROR, Topic.CLUSTER, CRD_NAME, "the CRD is not installed", INSTALL)]
    served = {one["name"]: one for one in (found.get("spec") or {}).get("versions") or () if one.get("served")}
    ours = known["spec"]["versions"][0]
    if ours["name"] not in served:
        what = f"it serves {', '.join(served) or 'nothing'}, this release knows {ours['name']}"
        return [Finding(Level.ERROR, Topic.CLUSTER, CRD_NAME, what, "install the release that fits, of chart or CLI")]
    conditions = (found.get("status") or {}).get("conditions") or ()
    if any(c.get("type") == "Established" and c.get("status") != "True" for c in conditions):
        what = "the API server has not established it"
        return [
            Finding(Level.ERROR, Topic.CLUSTER, CRD_NAME, what, "see kubectl describe crd, condition NamesAccepted")
        ]
    there, here = set(_fields(served[ours["name"]])), set(_fields(ours))
    if here - there:
        what = f"it is older than this release: it drops {_some(here - there)} without a word"
        return [Finding(Level.WARNING, Topic.CLUSTER, CRD_NAME, what, INSTALL)]
    if there - here:
        what = f"it is newer than this release, which does not know {_some(there - here)}"
        return [Finding(Level.INFO, Topic.CLUSTER, CRD_NAME, what, "upgrade this command: pip install -U bayescaler")]
    return [Finding(Level.OK, Topic.CLUSTER, CRD_NAME, f"{ours['name']} is served, as this release knows it")]


def check_operators(found: list[Setup], release: str) -> list[Finding]:
    """Judge the Deployments of the operator that were found."""
    if not found:
        what = "there is no Deployment with the label app.kubernetes.io/part-of=bayescaler"
        return [Finding(Level.ERROR, Topic.OPERATOR, "operator", what, "install it: helm install bayescaler")]
    findings = [finding for setup in found for finding in _check_operator(setup, release)]
    whole = [setup for setup in found if not setup.namespaces]
    if len(whole) > 1 or (whole and len(found) > 1):
        names = ", ".join(setup.label for setup in found)
        what = "several operators serve the same objects"
        findings.append(
            Finding(Level.ERROR, Topic.OPERATOR, names, what, "uninstall one, or give each watchNamespaces")
        )
    return findings


def _check_operator(setup: Setup, release: str) -> Iterator[Finding]:
    count = f"{setup.ready} of {setup.wanted} replicas are ready"
    logs = f"kubectl logs -n {setup.namespace} deploy/{setup.name} tells why"
    if setup.ready == 0:
        yield Finding(Level.ERROR, Topic.OPERATOR, setup.label, f"{count}: nothing is decided", logs)
    elif setup.ready < setup.wanted:
        yield Finding(Level.WARNING, Topic.OPERATOR, setup.label, count, logs)
    else:
        yield Finding(Level.OK, Topic.OPERATOR, setup.label, count)
    if setup.version and setup.version != release:
        what = f"it is release {setup.version}, this command {release}"
        cure = f"pip install bayescaler=={setup.version}, or upgrade the chart"
        yield Finding(Level.INFO, Topic.OPERATOR, setup.label, what, cure)


def check_lease(setup: Setup, lease: Json | None, *, now: float) -> list[Finding]:
    """Judge the Lease of an operator at epoch seconds `now`, by the API server's clock."""
    where = f"Lease {setup.lease_namespace}/{setup.lease}"
    cure = f"kubectl logs -n {setup.namespace} deploy/{setup.name}: condition and log name a missing permission"
    spec = (lease or {}).get("spec") or {}
    holder, renewed = spec.get("holderIdentity"), spec.get("renewTime")
    if not holder or not renewed:
        return [Finding(Level.ERROR, Topic.OPERATOR, where, "no replica leads: nothing is written", cure)]
    age, duration = now - datetime.fromisoformat(renewed).timestamp(), float(spec.get("leaseDurationSeconds") or 15)
    told = f"{holder} leads, renewed {span(age)} ago"
    if age > duration:
        what = f"{told}, and it lasts {span(duration)}: nobody leads, nothing is written"
        return [Finding(Level.ERROR, Topic.OPERATOR, where, what, cure)]
    return [Finding(Level.OK, Topic.OPERATOR, where, told)]


def check_metrics_server(served: bool) -> list[Finding]:
    """Judge whether metrics.k8s.io answers, which the fallback on CPU stands on."""
    if served:
        return [Finding(Level.OK, Topic.CLUSTER, "metrics.k8s.io", "metrics-server answers")]
    what = "it does not answer: without load there is no fallback on CPU, replicas are held"
    cure = "install metrics-server (kubectl get apiservice v1beta1.metrics.k8s.io tells what is wrong with one)"
    return [Finding(Level.WARNING, Topic.CLUSTER, "metrics.k8s.io", what, cure)]


def _given(container: Json, option: str) -> tuple[str, ...]:
    """Return what an option was given: by arguments, else by the variable that stands for it."""
    variables = {one.get("name"): one.get("value") for one in container.get("env") or ()}
    variable = variables.get(f"BAYESCALER_RUN_{option.upper().replace('-', '_')}")
    args = [str(arg) for arg in container.get("args") or ()]
    return tuple(_values(args, option)) or tuple(str(variable or "").split())


def _values(args: list[str], name: str) -> Iterator[str]:
    """Yield what an option was given, as `--name=value` or `--name value`."""
    for place, arg in enumerate(args):
        if arg.startswith(f"--{name}="):
            yield arg.partition("=")[2]
        elif arg == f"--{name}" and place + 1 < len(args):
            yield args[place + 1]


def _fields(version: Json) -> Iterator[str]:
    schema = (version.get("schema") or {}).get("openAPIV3Schema") or {}
    for part in ("spec", "status"):
        yield from _paths(part, (schema.get("properties") or {}).get(part) or {})


def _paths(path: str, schema: Json) -> Iterator[str]:
    yield path
    for holder in (schema, schema.get("items") or {}):
        for name, field in (holder.get("properties") or {}).items():
            yield from _paths(f"{path}.{name}", field)


def _some(fields: set[str]) -> str:
    """Name a few fields: the outermost first, and none below one that is named."""
    outer = sorted(f for f in fields if not any(f.startswith(f"{other}.") for other in fields))
    more = len(outer) - SHOWN_FIELDS
    return ", ".join(outer[:SHOWN_FIELDS]) + (f" and {more} more" if more > 0 else "")
