"""The examination: which facts are read, in which order, and which checks judge them."""

from collections.abc import Callable
from dataclasses import dataclass

from bayescaler import __version__, api
from bayescaler.api import Spec, SpecError, parse_spec
from bayescaler.cluster.client import KubeClient
from bayescaler.cluster.secrets import read_secret
from bayescaler.policy.record import part
from bayescaler.sources.allow import AllowList, NotAllowed
from bayescaler.sources.auth import NO_AUTH, Auth
from bayescaler.sources.port import SourceError

from . import reading
from .access import check_access, cluster_rights, object_rights
from .clocks import check_clock
from .finding import Finding, Level, Topic, Unread, unread
from .health import check_forecast, check_status
from .install import Setup, check_crd, check_lease, check_metrics_server, check_operators
from .loads import Moved, Server, check_load, check_server
from .target import Json, check_conflicts, check_gitops, check_quota, check_requests

KEDA, METRICS = "keda.sh/v1alpha1", "metrics.k8s.io/v1beta1"
AGAIN = "try again; look at the API server"


@dataclass(frozen=True, slots=True)
class Asked:
    """What the reader gave: a Prometheus as it is reached from here, its credentials, where the operator lives."""

    prometheus: str | None = None
    auth: Auth | None = None
    operator_namespace: str | None = None


class Examination:
    """One look at a cluster, and then at objects of it; `moved(what, share)` is told how far it is."""

    def __init__(self, client: KubeClient, asked: Asked, *, clock: Callable[[], float], moved: Moved) -> None:
        self._client, self._asked, self._clock, self._moved = client, asked, clock, moved
        self._setups: list[Setup] = []

    async def cluster(self) -> list[Finding]:
        """Look at access, clock, CRD, operator and metrics-server. Raises ApiError if the server cannot be asked."""
        self._moved("asking the API server", 0.0)
        began = self._clock()
        theirs = await self._client.clock()
        ours = self._clock()
        place = self._asked.operator_namespace
        found = check_access(await reading.reviews(self._client, cluster_rights(place)), "cluster")
        if theirs is not None:  # a header tells whole seconds, cut off
            found += check_clock("API server", theirs + 0.5 - 0.5 * (began + ours), 0.5 + 0.5 * (ours - began))
        installed = await reading.attempt(reading.crd(self._client))
        found += unread(installed, Topic.CLUSTER, "CRD", AGAIN)
        if not isinstance(installed, Unread):
            found += check_crd(installed, api.crd())
        self._moved("looking for the operator", 0.3)
        setups = await reading.attempt(reading.setups(self._client, place))
        found += unread(setups, Topic.OPERATOR, "operator", AGAIN)
        if not isinstance(setups, Unread):
            self._setups = setups
            found += check_operators(setups, __version__)
            found += await self._leases(ours if theirs is None else theirs)
        served = await reading.attempt(reading.serves(self._client, METRICS))
        found += unread(served, Topic.CLUSTER, "metrics.k8s.io", AGAIN)
        return found if isinstance(served, Unread) else found + check_metrics_server(served)

    async def _leases(self, now: float) -> list[Finding]:
        found = []
        for setup in self._setups:
            if setup.elects and setup.ready:
                lease = await reading.attempt(reading.lease(self._client, setup))
                found += unread(lease, Topic.OPERATOR, f"Lease {setup.lease_namespace}/{setup.lease}", AGAIN)
                if not isinstance(lease, Unread):
                    found += check_lease(setup, lease, now=now)
        return found

    async def object(self, obj: Json) -> list[Finding]:
        """Look at one object: spec, status, target, conflicts, load and forecast. Raises ApiError."""
        namespace = str(obj["metadata"]["namespace"])
        self._moved(f"looking at {namespace}/{obj['metadata']['name']}", 0.0)
        keda = await reading.attempt(reading.serves(self._client, KEDA)) is True
        secret = part(part(part(part(obj, "spec"), "load"), "prometheus"), "authRef").get("name")
        rights = object_rights(namespace, keda=keda, secret=str(secret) if secret and not self._asked.auth else None)
        found = check_access(await reading.reviews(self._client, rights), f"namespace {namespace}")
        found += [*check_status(obj, now=self._clock()), *self._watched(namespace)]
        found += [*await self._target(obj), *await self._conflicts(obj, keda=keda)]
        try:
            spec = parse_spec(obj)
        except SpecError as error:
            cure = "correct the field: kubectl explain bas.spec tells what it takes"
            return found + [
                Finding(Level.ERROR, Topic.OBJECT, problem.path, problem.message, cure) for problem in error.problems
            ]
        address, more = self._address(spec)
        found += [*more, *check_forecast(obj, address)]
        return found + (await self._load(obj, spec, address) if address else [])

    def _watched(self, namespace: str) -> list[Finding]:
        places = [setup.namespaces for setup in self._setups]
        if not places or any(not names or namespace in names for names in places):
            return []
        watched = ", ".join(sorted({name for names in places for name in names}))
        what = f"no operator watches it; they watch {watched}"
        return [Finding(Level.ERROR, Topic.OPERATOR, f"namespace {namespace}", what, "add it to watchNamespaces")]

    async def _target(self, obj: Json) -> list[Finding]:
        ref, namespace = obj["spec"]["scaleTargetRef"], obj["metadata"]["namespace"]
        where, mode = f"{ref.get('kind', 'Deployment')} {namespace}/{ref['name']}", str(obj["spec"].get("mode", "Auto"))
        target = await reading.attempt(reading.target(self._client, obj))
        if isinstance(target, Unread):
            return [] if target.refused else [Finding(Level.ERROR, Topic.TARGET, where, target.why, "see the message")]
        if target is None:
            cure = "create it, or correct spec.scaleTargetRef"
            return [Finding(Level.ERROR, Topic.TARGET, where, "it is not there", cure)]
        found = [*check_requests(target, where), *check_gitops(target, where, mode)]
        quotas = await reading.attempt(reading.quotas(self._client, namespace))
        if not isinstance(quotas, Unread):
            more = int(obj["spec"].get("maxReplicas") or 0) - int((target.get("spec") or {}).get("replicas") or 0)
            found += check_quota(quotas, max(more, 0), reading.per_pod(target))
        return found + unread(quotas, Topic.TARGET, "ResourceQuota", AGAIN)

    async def _conflicts(self, obj: Json, *, keda: bool) -> list[Finding]:
        ref = obj["spec"]["scaleTargetRef"]
        where = f"{ref.get('kind', 'Deployment')} {obj['metadata']['namespace']}/{ref['name']}"
        others = await reading.attempt(reading.others(self._client, obj, keda=keda))
        if isinstance(others, Unread):
            return unread(others, Topic.CONFLICT, where, AGAIN)
        return check_conflicts(others, str(obj["spec"].get("mode", "Auto")), where)

    def _address(self, spec: Spec) -> tuple[str, list[Finding]]:
        """Return the address to ask, and what is to be said of the one that the operator asks."""
        own = spec.load.prometheus.server_address or ""
        defaults = [setup.prometheus for setup in self._setups if setup.prometheus]
        found, where = [], "spec.load.prometheus.serverAddress"
        if not own and self._setups and not defaults:
            cure = "give it, or set prometheus.address in the chart's values"
            found.append(Finding(Level.ERROR, Topic.PROMETHEUS, where, "it is not given, nor is a default", cure))
        allowed = AllowList(tuple(one for setup in self._setups for one in (*setup.allowed, *defaults)))
        if own and self._setups:
            try:
                allowed.check(own)
            except NotAllowed as error:
                cure = f"add {own} to prometheus.allow in the chart's values"
                found.append(Finding(Level.ERROR, Topic.PROMETHEUS, where, str(error), cure))
                # Nor do we ask it unasked: whoever writes an object must not choose what a reader's desk connects to.
                own = ""
        address = self._asked.prometheus or own or (defaults or [""])[0]
        if not address and not found:
            cure = "give --prometheus URL, as it is reached from here"
            found.append(Finding(Level.INFO, Topic.PROMETHEUS, where, "which server is asked is not known", cure))
        return address, found

    async def _load(self, obj: Json, spec: Spec, address: str) -> list[Finding]:
        self._moved(f"asking {address}", 0.0)
        auth, found = await self._auth(obj, spec)
        server = Server(address, auth, given=self._asked.prometheus is not None)
        found += await check_server(server, clock=self._clock)
        if any(one.topic is Topic.PROMETHEUS and one.level in {Level.WARNING, Level.ERROR} for one in found):
            return found
        low = part(part(obj, "status"), "capacity").get("low")
        capacity = float(low) if isinstance(low, int | float) else spec.capacity.per_replica
        return found + await check_load(server, spec, capacity, now=self._clock(), moved=self._moved)

    async def _auth(self, obj: Json, spec: Spec) -> tuple[Auth, list[Finding]]:
        """Return the credentials given, or those of authRef, if the reader may read them."""
        ref = spec.load.prometheus.auth_ref
        if self._asked.auth is not None or ref is None:
            return self._asked.auth or NO_AUTH, []
        where = f"Secret {obj['metadata']['namespace']}/{ref.name}"
        if self._asked.prometheus is None and not self._setups:
            what = "its credentials are not sent to an address that neither you nor the operator's options name"
            return NO_AUTH, [Finding(Level.INFO, Topic.PROMETHEUS, where, what, "give --prometheus URL")]
        secret = await reading.attempt(read_secret(self._client, str(obj["metadata"]["namespace"]), ref.name))
        if isinstance(secret, Unread):
            if secret.refused:
                return NO_AUTH, []
            return NO_AUTH, [Finding(Level.ERROR, Topic.PROMETHEUS, where, secret.why, "create it, or correct authRef")]
        try:
            return Auth.from_secret(secret), []
        except SourceError as error:
            return NO_AUTH, [Finding(Level.ERROR, Topic.PROMETHEUS, where, str(error), "correct its keys")]
