"""The rights that the chart grants: the operator gets by on them, and uses every one."""

from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import yaml

from bayescaler.cluster.saved_states import SHARDS
from bayescaler.policy.reasons import Rung
from bayescaler.sandbox.server import service_account

from .worlds import MINUTE, SCALED_OBJECTS, SETTINGS, SHORT, World, autoscaler, deployment, rollout, rollouts

RIGHTS = yaml.safe_load((Path(__file__).resolve().parents[2] / "rbac.yaml").read_text())
RBAC = "rbac.authorization.k8s.io"
HOME, SERVED = "bayescaler-system", "default"
OPERATOR = service_account(HOME, "bayescaler")
SECRET = {
    "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "prom", "namespace": SERVED},
    "data": {"token": "bGV0bWVpbg=="},
}  # fmt: skip
FLOORED = {"hpa": "autoscaling/v2", "keda": "keda.sh/v1alpha1"}


def other(kind):
    """Another autoscaler, of the Deployment of one of those names."""
    name = "hpa" if kind == "HorizontalPodAutoscaler" else "keda"
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    cpu = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}
    metric = {"type": "Resource", "resource": cpu}
    more = {"maxReplicas": 40, "metrics": [metric]} if name == "hpa" else {"maxReplicaCount": 40, "triggers": []}
    about = {"name": name, "namespace": SERVED}
    return {"apiVersion": FLOORED[name], "kind": kind, "metadata": about, "spec": {"scaleTargetRef": target} | more}


class Guarded(World):
    """The operator as the ServiceAccount of the chart, on an API server that enforces its roles, `without` some."""

    def __init__(self, *, without=(), **world):
        super().__init__(**world)
        self._without = without

    async def _start_operator(self, exits, kubeconfig):
        self.server.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": HOME}})
        self.server.create(SCALED_OBJECTS)  # KEDA is there, or its objects are not asked for
        served = (RIGHTS["served"] | RIGHTS["extra"]).items()
        self.grant("served", *((right, verbs) for right, verbs in served if right not in self._without))
        self.grant("secrets", *RIGHTS["secrets"].items(), namespace=SERVED)
        self.grant("leader-election", *RIGHTS["leader-election"].items(), namespace=HOME, names=["bayescaler"])
        states = [f"bayescaler-state-{number}" for number in range(SHARDS)]
        self.grant("saved-state", *RIGHTS["saved-state"].items(), namespace=HOME, names=states)
        self.server.guard.enforced = True
        self.server.write_kubeconfig(kubeconfig, token=self.server.token(OPERATOR))
        await super()._start_operator(exits, kubeconfig)

    def grant(self, name, *rights, namespace="", names=()):
        kind, place = ("Role", {"namespace": namespace}) if namespace else ("ClusterRole", {})
        rules = []
        for right, verbs in rights:
            group, _, resource = right.partition("/")
            rules.append({"apiGroups": [group], "resources": [resource], "verbs": verbs})
            if names:
                rules[-1]["resourceNames"] = list(names)
        about = {"apiVersion": f"{RBAC}/v1", "metadata": {"name": name, **place}}
        subject = {"kind": "ServiceAccount", "name": "bayescaler", "namespace": HOME}
        reference = {"apiGroup": RBAC, "kind": kind, "name": name}
        self.server.create(about | {"kind": kind, "rules": rules})
        self.server.create(about | {"kind": f"{kind}Binding", "roleRef": reference, "subjects": [subject]})

    def used(self):
        """Verbs of all requests so far, by group/resource."""
        found = defaultdict(set)
        for request in self.requests:
            if request.is_resource:
                what = f"{request.resource}/{request.subresource}".rstrip("/")
                found[f"{request.group}/{what}"].add(request.verb)
        return found


async def test_the_operator_gets_by_on_what_the_chart_grants_and_needs_all_of_it():
    settings = replace(SETTINGS, leader_election=True, lease_namespace=HOME)
    async with Guarded(settings=settings, other_prometheus=True) as world:
        await world.until(lambda: world.operator.elector.is_leader, "it leads")
        world.feed(510.0, days=0.2, prometheus=world.other)
        world.apply(SECRET, rollouts(), rollout(3), deployment("db") | {"kind": "StatefulSet"})
        load = {"serverAddress": world.other.url, "authRef": {"name": "prom"}}
        db = {"scaleTargetRef": {"kind": "StatefulSet", "name": "db"}}
        canary = {"scaleTargetRef": {"apiVersion": "example.dev/v1", "kind": "Rollout", "name": "canary"}}
        await world.begin(
            deployment("web"),
            *(deployment(name) for name in FLOORED),
            *(other("HorizontalPodAutoscaler"), other("ScaledObject")),
            *(autoscaler(name, prometheus=load, mode="Floor", **SHORT) for name in FLOORED),
            *(autoscaler(name, prometheus=load, **ref, **SHORT) for name, ref in
              {"web": {}, "db": db, "canary": canary}.items()),
        )  # fmt: skip
        await world.run(2 * MINUTE)
        for kind, version, name in (
            ("Deployment", "apps/v1", "web"),
            ("StatefulSet", "apps/v1", "db"),
            ("Rollout", "example.dev/v1", "canary"),
        ):
            assert world.server.get(version, kind, name)["spec"]["replicas"] >= 10, name
            assert world.condition("Ready", name) == ("True", "Ready")
        assert world.server.get(FLOORED["hpa"], "HorizontalPodAutoscaler", "hpa")["spec"]["minReplicas"] >= 10
        assert world.server.get(FLOORED["keda"], "ScaledObject", "keda")["spec"]["minReplicaCount"] >= 10
        for _ in range(2):
            world.operator.events.record(world.workload("web").reference, reason="Said", note="twice", action="Say")
            assert ("Normal", "Said") in await world.events()

        await world.other.stop()
        world.server.pod_usage = lambda namespace, pod: (0.4, 1e8)
        await world.run(8 * MINUTE)
        assert world.decision().rung is Rung.REACTIVE
        await world.running.stop()

        refused = [(r.verb, r.path) for r in world.requests if not world.server.guard.allows(OPERATOR, r)]
        assert refused == []
        used = world.used()
    # A PUT that makes the Lease needs this right too, which the request itself does not show.
    used["coordination.k8s.io/leases"].add("create")
    used["/configmaps"].add("create")  # nor does an apply
    granted = RIGHTS["served"] | RIGHTS["extra"] | RIGHTS["secrets"] | RIGHTS["leader-election"] | RIGHTS["saved-state"]
    assert {right: sorted(verbs) for right, verbs in used.items()} == granted


async def test_a_right_that_is_missing_is_named_with_its_cure_where_the_user_looks(caplog):
    caplog.set_level("INFO", "bayescaler")
    without = ("apps/deployments/scale", "example.dev/rollouts/scale")
    async with Guarded(without=without) as world:
        world.feed(510.0, days=0.2)
        canary = {"scaleTargetRef": {"apiVersion": "example.dev/v1", "kind": "Rollout", "name": "canary"}}
        world.apply(rollouts(), rollout(3))
        await world.begin(deployment("web"), autoscaler("web", **SHORT), autoscaler("canary", **canary, **SHORT))
        await world.run(MINUTE)
        for name, rule, value in (
            ("web", '{apiGroups: ["apps"], resources: ["deployments/scale"], verbs: ["patch"]}', "rbac.create"),
            (
                "canary",
                '{apiGroups: ["example.dev"], resources: ["rollouts/scale"], verbs: ["get"]}',
                "rbac.extraScaleTargets, {group: example.dev, resource: rollouts}",
            ),
        ):
            told = next(one for one in world.status(name)["conditions"] if one["type"] == "AbleToScale")
            assert told["status"] == "False"
            assert f"{rule} in namespace default: grant it to ServiceAccount {HOME}/bayescaler" in told["message"]
            assert value in told["message"]
            assert [one for one in caplog.records if rule in str(one.__dict__)], "the log says it too"
