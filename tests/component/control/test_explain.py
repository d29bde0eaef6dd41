"""`bayescaler explain` beside the running operator: what its status and its log tell, and what it may read."""

import asyncio
import io
import json
import logging
import sys
from datetime import UTC, datetime

import pytest
import yaml

from bayescaler.cli import kubectl, main
from bayescaler.policy.meanings import LIMITERS
from bayescaler.sandbox.server import service_account
from bayescaler.telemetry.logs import configure

from .worlds import HOUR, MINUTE, NOON, SHORT, TICK, World, autoscaler, deployment

HOME = "bayescaler-system"
LABELS = {"app.kubernetes.io/part-of": "bayescaler"}


def iso(at):
    return datetime.fromtimestamp(at, UTC).isoformat()


class Clerk:
    """Runs the command as a user would, in a thread: the sandbox goes on meanwhile."""

    def __init__(self, world, capsys):
        self.world, self.capsys, self.kubeconfig = world, capsys, world.kubeconfig

    async def __call__(self, *argv, program=main):
        code = 0
        self.capsys.readouterr()

        def run():
            program(["explain", *argv, f"--kubeconfig={self.kubeconfig}"])

        try:
            await asyncio.to_thread(run)
        except SystemExit as ended:
            code = ended.code or 0
        said = self.capsys.readouterr()
        return code, said.out, said.err

    def becomes(self, *rights, namespace=HOME):
        """A user who may read the objects, and what else is named."""
        rules = [{"apiGroups": ["bayescaler.dev"], "resources": ["bayesianautoscalers"], "verbs": ["get", "list"]}]
        self._bind("reader", rules, "default")
        if rights:
            self._bind(
                "more", [{"apiGroups": [""], "resources": [r], "verbs": ["get", "list"]} for r in rights], namespace
            )
        self.world.server.guard.enforced = True
        token = self.world.server.token(service_account("default", "person"))
        self.kubeconfig = self.world.server.write_kubeconfig(self.kubeconfig.with_name("person"), token=token)

    def _bind(self, name, rules, namespace):
        about = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": name, "namespace": namespace}}
        subject = {"kind": "ServiceAccount", "name": "person", "namespace": "default"}
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
        self.world.server.create(about | {"kind": "Role", "rules": rules})
        self.world.server.create(about | {"kind": "RoleBinding", "roleRef": reference, "subjects": [subject]})


@pytest.fixture
async def explain(capsys):
    """A workload that load of 400/s has raised to its maximum, and the command."""
    async with World() as world:
        world.feed(400.0, days=0.2)
        await world.begin(deployment(), autoscaler(maxReplicas=6, **SHORT))
        await world.run(2 * MINUTE)
        yield Clerk(world, capsys)


@pytest.fixture
def logged(monkeypatch):
    """What the operator writes to standard error."""
    root, stream = logging.getLogger(), io.StringIO()
    handlers, level = root.handlers[:], root.level
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", stream)
        configure(form="json", level="info")
    yield stream.getvalue
    root.handlers[:] = handlers
    root.setLevel(level)


def operator_pod(world, text, *, name="bayescaler-0", namespace=HOME, previous=None):
    """A pod of the operator that has written this."""
    server = world.server
    if namespace == HOME and name == "bayescaler-0":
        server.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": HOME}})
    server.create(
        {
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace, "labels": LABELS},
            "spec": {"nodeName": "here", "containers": [{"name": "operator", "image": "bayescaler"}]},
        }
    )  # fmt: skip
    server.write_log(name, text, namespace=namespace)
    if previous is not None:
        server.write_log(name, previous, namespace=namespace, previous=True)
        restarted = {"containerStatuses": [{"name": "operator", "restartCount": 1, "ready": True, "image": "b",
                                            "imageID": "b"}]}  # fmt: skip
        server.patch("v1", "Pod", name, {"status": restarted}, namespace=namespace, subresource="status")


async def test_the_last_decision_is_told_from_the_status_alone(explain):
    code, out, err = await explain("web")
    assert (code, err) == (0, "")
    told = explain.world.decision()
    assert out.startswith(f"default/web: 6 replicas, fixed by MaxReplicas ({told.raw} asked for)\n")
    assert f"Forecast     6 -> {told.raw}" in out
    assert "50/s each (spec.capacity.perReplica): 6 replicas serve 300/s" in out
    assert "to run short within " in out
    assert "at 6 replicas; 5 % accepted" in out
    assert LIMITERS[told.limiter].cure in out
    assert "\x1b" not in out


async def test_it_is_found_by_what_it_sizes_and_as_a_plugin_of_kubectl(explain):
    by_name = await explain("web")
    for name in ("deploy/web", "deployments.apps/web", "bas/web", "bayesianautoscalers.bayescaler.dev/web"):
        code, out, _ = await explain(name, program=kubectl)
        assert (code, out.splitlines()[0]) == (0, by_name[1].splitlines()[0])


async def test_the_same_as_json_and_yaml(explain):
    _, text, _ = await explain("web", "--output=json", "--why-not=5")
    _, also, _ = await explain("web", "-oyaml", "--why-not=5")
    told, again = json.loads(text), yaml.safe_load(also)
    assert told["decision"]["final"] == again["decision"]["final"] == 6
    assert told["decision"]["id"].count(".") == 2
    assert told["whyNot"]["replicas"] == 5
    assert told["whyNot"]["rule"] is None
    assert told["whyNot"]["violationProbability"] > 0.99
    assert told["story"]["Capacity"] == ["50/s each (spec.capacity.perReplica): 6 replicas serve 300/s"]


async def test_what_is_not_there_or_not_decided_yet_is_exit_code_one(explain):
    code, out, err = await explain("nobody")
    assert (code, out) == (1, "")
    assert (
        err == "bayescaler: there is no BayesianAutoscaler nobody in namespace default: kubectl get bas -A shows all\n"
    )
    code, _, err = await explain("sts/web")
    assert code == 1
    assert "no BayesianAutoscaler in namespace default sizes sts/web" in err
    explain.world.apply(autoscaler("lost", **SHORT))
    code, _, err = await explain("lost")
    assert code == 1
    assert "default/lost has no status yet: is the operator running" in err
    await explain.world.run(TICK)
    code, _, err = await explain("lost")
    assert code == 1
    assert 'nothing is decided of default/lost yet: TargetNotFound: Deployment "lost" is not in namespace' in err


async def test_of_two_on_one_target_one_has_to_be_named(explain):
    rival = autoscaler("rival", **SHORT)
    rival["spec"]["scaleTargetRef"]["name"] = "web"
    explain.world.apply(rival)
    code, _, err = await explain("deploy/web")
    assert code == 2
    assert "deploy/web is the target of several: name one of rival, web" in err


async def test_a_cluster_without_the_kind_says_so(explain):
    explain.world.server.delete(
        "apiextensions.k8s.io/v1", "CustomResourceDefinition", "bayesianautoscalers.bayescaler.dev"
    )
    code, _, err = await explain("web")
    assert code == 1
    assert "is the CRD installed?" in err


async def test_who_may_read_the_object_needs_nothing_else(explain):
    explain.becomes()
    assert (await explain("web"))[0] == 0
    code, _, err = await explain("web", "-n", "kube-system")
    assert code == 2
    assert "403" in err


async def test_an_outage_is_told_with_what_to_do_and_never_with_how_to_have_fewer(explain):
    await explain.world.prometheus.stop()
    await explain.world.run(5 * MINUTE)
    code, out, _ = await explain("web", "--why-not=2")
    assert code == 0
    assert "none that can be used" in out
    assert "fewer: not before load has been read steadily again" in out
    assert "would be right once" not in out
    assert "bring the load back" in out
    await explain.world.prometheus.start()


async def test_the_past_is_told_from_the_log_of_all_pods_of_before_a_restart_too(capsys, logged):
    async with World() as world:
        world.feed(lambda t: 100.0 + 300.0 * (t > NOON + HOUR), days=0.2, ahead=3 * HOUR)
        await world.begin(deployment(), autoscaler(maxReplicas=20, **SHORT))
        await world.run(2 * HOUR)
        explain, lines = Clerk(world, capsys), logged().splitlines(keepends=True)
        half = len(lines) // 2
        operator_pod(world, "".join(lines[half:]), previous="".join(lines[:half]))
        operator_pod(world, "x" * 3_000_000 + "\nstarting", name="bayescaler-1")
        explain.becomes("pods", "pods/log")

        code, out, err = await explain("web", f"--at={iso(NOON + HOUR / 2)}", f"--operator-namespace={HOME}")
        assert (code, err) == (0, "")
        before = int(out.split(" replicas", 1)[0].split()[-1])
        assert f"before {iso(NOON + HOUR / 2).replace('+00:00', 'Z')}" in out
        code, out, err = await explain("web", f"--at={iso(NOON + 2 * HOUR)}", f"--operator-namespace={HOME}")
        after = int(out.split(" replicas", 1)[0].split()[-1])
        assert before < 4
        assert 8 <= after == world.replicas()
        assert "the log reaches from " in out
        assert ", load 400/s, " in out  # what came just before

        code, out, err = await explain("web", "--at=2020-01-01T00:00:00Z", f"--operator-namespace={HOME}")
        assert (code, out) == (1, "")
        assert "has no decision of default/web at or before 2020-01-01T00:00:00Z: the log reaches from" in err

        # What the log tells of the last decision is what the status tells of it, where both speak of the same.
        _, by_status, _ = await explain("web", "-ojson")
        at = json.loads(by_status)["decision"]["at"]
        _, by_log, _ = await explain("web", f"--at={at}", f"--operator-namespace={HOME}", "-ojson")
        of_status, of_log = json.loads(by_status)["decision"], json.loads(by_log)["decision"]
        for key in ("object", "generation", "final", "limiter", "phase", "rung", "version"):
            assert of_status[key] == of_log[key], key


async def test_logs_that_may_not_be_read_are_an_error_with_the_command_that_saves_them(explain):
    operator_pod(explain.world, "")
    explain.becomes()
    code, _, err = await explain("web", "--at=-1m")
    assert code == 2
    assert "name the operator's own with --operator-namespace" in err
    assert "kubectl logs -n NAMESPACE -l app.kubernetes.io/part-of=bayescaler" in err
    code, _, err = await explain("web", "--at=-1m", f"--operator-namespace={HOME}")
    assert code == 2
    assert f"may not be listed in {HOME}" in err


async def test_without_a_pod_of_the_operator_the_log_is_asked_for(explain):
    code, _, err = await explain("web", "--at=-1m")
    assert code == 2
    assert "is the operator running?" in err
    assert "--log operator.log" in err


async def test_a_status_stays_small(explain):
    status = explain.world.status()
    assert len(json.dumps(status, separators=(",", ":"))) < 2800
    assert len(status["lastDecision"]["steps"]) <= 16
    assert len(status["forecast"]["quantiles"]) == 9
