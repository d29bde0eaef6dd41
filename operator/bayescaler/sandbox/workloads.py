"""The sandbox's controllers: Deployments through ReplicaSets, StatefulSets, and pods that take time to be ready.

They work on the store, in the clock's time: nothing happens between two timers, so a simulated day costs as much as
what changed in it.  `minReadySeconds`, pod failures and surge by topology are not played.
"""

import math
import random
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from typing import Any

from bayescaler.sandbox import pods, replica_sets, rollout
from bayescaler.sandbox.pods import Json, StartUp
from bayescaler.sandbox.scarcity import PODS, Scarcity
from bayescaler.sandbox.server.options import Deletion
from bayescaler.sandbox.server.resources import Registry
from bayescaler.sandbox.server.store import Change, Key, Resource

DEPLOYMENTS: Resource = ("apps", "deployments")
REPLICA_SETS: Resource = ("apps", "replicasets")
STATEFUL_SETS: Resource = ("apps", "statefulsets")
_REVISION = "controller-revision-hash"


class Workloads:
    """Runs the controllers over one registry until `stop`; `start_up` may be replaced while it runs.

    The start-up times are drawn from `seed`, in the order in which pods are created.
    """

    def __init__(self, registry: Registry, *, start_up: StartUp, seed: int = 0) -> None:
        self.start_up = start_up
        self._registry = registry
        self._store = registry.store
        self._clock = registry.store.clock
        self._random = random.Random(seed)  # noqa: S311 - a simulation has to repeat
        self._owned: defaultdict[str, dict[tuple[Resource, Key], Json]] = defaultdict(dict)
        self._due: dict[tuple[Resource, Key], None] = {}
        self._is_scheduled = False
        self._addresses = 0
        self._scarcity = Scarcity(registry.store)
        self._reconcilers: dict[Resource, Callable[[Json], None]] = {
            DEPLOYMENTS: self._deployment,
            REPLICA_SETS: self._replica_set,
            STATEFUL_SETS: self._stateful_set,
        }
        self._unsubscribe = self._store.subscribe(self._follow, (*self._reconcilers, PODS))
        for resource in (*self._reconcilers, PODS):
            for key, record in self._store.items(resource):
                self._follow(Change("ADDED", resource, key, record, None))

    def stop(self) -> None:
        """Do nothing more; pods that are starting stay so."""
        self._unsubscribe()
        self._reconcilers.clear()

    def limit(self, *, quota: float = math.inf, room: float = math.inf) -> None:
        """Refuse a namespace more pods than `quota`; let pods beyond `room` in the cluster wait for a node.

        Pods that are there stay. Refused pods are tried again as soon as the limits change.
        """
        self._scarcity.quota, self._scarcity.room = quota, room
        for resource in self._reconcilers:
            for key, _ in self._store.items(resource):
                self._mark(resource, key)

    def set_ready(self, namespace: str, name: str, *, ready: bool) -> None:
        """Make a pod ready or not, as a readiness probe would."""
        record = self._store.get(PODS, namespace, name)
        if record is None:
            raise LookupError(f"there is no pod {namespace}/{name} in the sandbox")
        self._put_ready((namespace, name), record.object, ready=ready)

    def _follow(self, change: Change) -> None:
        obj, place = change.record.object, (change.resource, change.key)
        for owner in obj["metadata"].get("ownerReferences", ()):
            if change.type == "DELETED":
                self._owned[owner["uid"]].pop(place, None)
            else:
                self._owned[owner["uid"]][place] = obj
            kind = {"Deployment": DEPLOYMENTS, "ReplicaSet": REPLICA_SETS, "StatefulSet": STATEFUL_SETS}.get(
                owner["kind"]
            )
            if kind is not None:
                self._mark(kind, (change.key[0], owner["name"]))
        if change.type == "DELETED":
            self._owned.pop(obj["metadata"]["uid"], None)
        elif change.resource in self._reconcilers:
            self._mark(*place)

    def _mark(self, resource: Resource, key: Key) -> None:
        self._due[resource, key] = None
        if not self._is_scheduled:
            self._is_scheduled = True
            self._clock.call_later(0.0, self._reconcile)

    def _reconcile(self) -> None:
        self._is_scheduled = False
        while self._due and self._reconcilers:
            resource, key = next(iter(self._due))
            del self._due[resource, key]
            record = self._store.get(resource, *key)
            if record is not None and not record.object["metadata"].get("deletionTimestamp"):
                self._reconcilers[resource](record.object)
        if self._reconcilers:
            self._fill_nodes()

    def _children(self, owner: Json, resource: Resource) -> list[Json]:
        owned = self._owned[owner["metadata"]["uid"]]
        return [
            obj for (kind, _), obj in owned.items() if kind == resource and "deletionTimestamp" not in obj["metadata"]
        ]

    # Deployments

    def _deployment(self, deployment: Json) -> None:
        current, older = self._sets_of(deployment)
        wanted, new = deployment["spec"].get("replicas", 1), current["spec"]["replicas"]
        if not deployment["spec"].get("paused") or not older:
            new, cuts = rollout.step(deployment["spec"], wanted, current, older)
            for replica_set, left in cuts:
                self._scale(replica_set, left)
        self._scale(current, new)
        self._report_deployment(deployment, wanted)

    def _sets_of(self, deployment: Json) -> tuple[Json, list[Json]]:
        name = pods.template_hash(deployment["spec"]["template"])
        sets = self._children(deployment, REPLICA_SETS)
        older = [rs for rs in sets if rs["metadata"]["labels"].get(replica_sets.HASH) != name]
        current = next((rs for rs in sets if rs["metadata"]["labels"].get(replica_sets.HASH) == name), None)
        if current is None:
            made = {"uid": self._store.new_uid(), "creationTimestamp": self._store.timestamp()}
            number = 1 + max((replica_sets.revision(rs) for rs in older), default=0)
            current = self._put(REPLICA_SETS, replica_sets.of(deployment, name, number, made))
        return current, older

    def _scale(self, replica_set: Json, replicas: int) -> None:
        if replica_set["spec"]["replicas"] != replicas:
            metadata = {**replica_set["metadata"], "generation": replica_set["metadata"]["generation"] + 1}
            self._put(
                REPLICA_SETS,
                {**replica_set, "metadata": metadata, "spec": {**replica_set["spec"], "replicas": replicas}},
            )

    def _report_deployment(self, deployment: Json, wanted: int) -> None:
        name = pods.template_hash(deployment["spec"]["template"])
        sets = self._children(deployment, REPLICA_SETS)
        total, ready = (sum(rs["status"].get(key, 0) for rs in sets) for key in ("replicas", "readyReplicas"))
        current = next(rs for rs in sets if rs["metadata"]["labels"].get(replica_sets.HASH) == name)
        updated = current["status"].get("replicas", 0)
        # What was complete once stays so while the number changes; only pods of an older template are a rollout.
        done = updated == total == ready == wanted or (updated == total and rollout.is_complete(deployment))
        enough = ready >= wanted - rollout.max_unavailable(deployment["spec"], wanted)
        conditions = [
            ("Available", enough, "MinimumReplicasAvailable" if enough else "MinimumReplicasUnavailable"),
            ("Progressing", True, "NewReplicaSetAvailable" if done else "ReplicaSetUpdated"),
        ]
        refused = [c for rs in sets for c in rs["status"].get("conditions", ())]
        annotations = {
            **deployment["metadata"].get("annotations", {}),
            replica_sets.REVISION_NUMBER: current["metadata"]["annotations"][replica_sets.REVISION_NUMBER],
        }
        deployment = {**deployment, "metadata": {**deployment["metadata"], "annotations": annotations}}
        self._report(
            DEPLOYMENTS,
            deployment,
            {
                "replicas": total,
                "updatedReplicas": updated,
                "readyReplicas": ready,
                "availableReplicas": ready,
                "unavailableReplicas": max(0, total - ready) if total >= wanted else wanted - ready,
                "conditions": [*rollout.conditions(deployment, conditions, self._store.timestamp()), *refused],
            },
        )

    # ReplicaSets

    def _replica_set(self, replica_set: Json) -> None:
        have, wanted = self._children(replica_set, PODS), replica_set["spec"].get("replicas", 1)
        refusal = ""
        for _ in range(wanted - len(have)):
            name = f"{replica_set['metadata']['name']}-{self._store.new_suffix()}"
            if refusal := self._scarcity.refusal(replica_set["metadata"]["namespace"], name):
                break
            self._start(name, replica_set, {})
        if len(have) > wanted:
            for pod in replica_sets.doomed(have)[: len(have) - wanted]:
                self._delete(pod)
        failure = {"conditions": [pods.failure(replica_set, refusal, self._clock.now())]} if refusal else {}
        self._report_pods(REPLICA_SETS, replica_set, failure)

    # StatefulSets

    def _stateful_set(self, stateful_set: Json) -> None:
        spec, name = stateful_set["spec"], stateful_set["metadata"]["name"]
        revision = f"{name}-{pods.template_hash(spec['template'])}"
        have = {pod["metadata"]["name"]: pod for pod in self._children(stateful_set, PODS)}
        wanted = [f"{name}-{ordinal}" for ordinal in range(spec.get("replicas", 1))]
        one_by_one = spec.get("podManagementPolicy", "OrderedReady") == "OrderedReady"
        for missing in [pod for pod in wanted if pod not in have]:
            earlier = wanted[: wanted.index(missing)]
            if one_by_one and not all(
                earlier_pod in have and pods.is_ready(have[earlier_pod]) for earlier_pod in earlier
            ):
                break
            if self._scarcity.refusal(stateful_set["metadata"]["namespace"], missing):
                break  # told by Events alone, as by the real controller
            have[missing] = self._start(
                missing, stateful_set, {_REVISION: revision, "apps.kubernetes.io/pod-index": missing.rpartition("-")[2]}
            )
        surplus = sorted(have.keys() - set(wanted), key=lambda pod: -int(pod.rpartition("-")[2]))
        stale = [
            pod
            for pod in reversed(wanted)
            if pod in have and have[pod]["metadata"]["labels"].get(_REVISION) != revision
        ]
        if surplus:
            for pod_name in surplus[:1] if one_by_one else surplus:
                self._delete(have[pod_name])
        elif stale and all(pods.is_ready(pod) for pod in have.values()):
            self._delete(have[stale[0]])
        children = self._children(stateful_set, PODS)
        updated = sum(pod["metadata"]["labels"].get(_REVISION) == revision for pod in children)
        done = updated == len(children) == sum(map(pods.is_ready, children)) == len(wanted)
        current = revision if done else stateful_set.get("status", {}).get("currentRevision", revision)
        self._report_pods(
            STATEFUL_SETS,
            stateful_set,
            {
                "currentReplicas": sum(pod["metadata"]["labels"].get(_REVISION) == current for pod in children),
                "updatedReplicas": updated,
                "currentRevision": current,
                "updateRevision": revision,
            },
        )

    # Pods

    def _start(self, name: str, owner: Json, labels: dict[str, str]) -> Json:
        now = self._clock.now()
        pod = pods.starting(name, owner, owner["spec"]["template"], labels, uid=self._store.new_uid(), now=now)
        if not self._scarcity.has_room():
            return self._put(PODS, pods.unscheduled(pod, now=now))
        return self._put_scheduled(pod)

    def _put_scheduled(self, pod: Json) -> Json:
        pod = self._put(PODS, pod)
        seconds = self.start_up(self._random)
        if math.isfinite(seconds):
            key = (pod["metadata"]["namespace"], pod["metadata"]["name"])
            self._clock.call_later(seconds, partial(self._started, key, pod["metadata"]["uid"]))
        return pod

    def _fill_nodes(self) -> None:
        """Give pods that wait for a node what room there is."""
        for pod in self._scarcity.waiting():
            if not self._scarcity.has_room():
                break
            self._put_scheduled(pods.scheduled(pod, now=self._clock.now()))

    def _started(self, key: Key, uid: str) -> None:
        record = self._store.get(PODS, *key)
        if record is not None and record.object["metadata"]["uid"] == uid and self._reconcilers:
            self._put_ready(key, record.object, ready=True)

    def _put_ready(self, key: Key, pod: Json, *, ready: bool) -> None:
        self._addresses += 1
        address = pod["status"].get("podIP") or f"10.244.{self._addresses // 254 % 256}.{self._addresses % 254 + 1}"
        self._store.put(PODS, *key, pods.with_readiness(pod, ready=ready, address=address, now=self._clock.now()))

    def _delete(self, pod: Json) -> None:
        kind = self._registry.kinds.find("", "v1", "pods")
        self._registry.delete(kind, pod["metadata"]["namespace"], pod["metadata"]["name"], Deletion())

    # Status

    def _report_pods(self, resource: Resource, owner: Json, more: Json) -> None:
        have = self._children(owner, PODS)
        ready = sum(map(pods.is_ready, have))
        self._report(
            resource, owner, {"replicas": len(have), "readyReplicas": ready, "availableReplicas": ready, **more}
        )

    def _report(self, resource: Resource, obj: Json, status: Json) -> None:
        """Store a changed status; zero counts are left out, but for `replicas` of other kinds than Deployment."""
        said: dict[str, Any] = {"observedGeneration": obj["metadata"]["generation"]}
        said |= {
            key: value for key, value in status.items() if value or (key == "replicas" and resource != DEPLOYMENTS)
        }
        record = self._store.get(resource, obj["metadata"]["namespace"], obj["metadata"]["name"])
        if record is not None and (
            record.object.get("status") != said
            or record.object["metadata"].get("annotations") != obj["metadata"].get("annotations")
        ):
            self._put(
                resource,
                {**record.object, "metadata": {**record.object["metadata"], **_annotated(obj)}, "status": said},
            )

    def _put(self, resource: Resource, obj: Json) -> Json:
        metadata = obj["metadata"]
        return self._store.put(resource, metadata["namespace"], metadata["name"], obj).object


def _annotated(obj: Json) -> Json:
    annotations = obj["metadata"].get("annotations")
    return {"annotations": annotations} if annotations else {}
