"""The plugin under the real kubectl: the status of a real API server told, the operator's log read."""

import json
import re

import pytest
from harness.controlplane import ControlPlane
from harness.manifests import QUERY, bayesian_autoscaler, deployment
from harness.plugin import Plugin
from harness.process import wait_until
from harness.release import OperatorProcess


@pytest.fixture
def sized(cluster: ControlPlane, operator: OperatorProcess, namespace: str) -> str:
    """A namespace with a Deployment `checkout` that asks for more than its maximum of three."""
    cluster.apply(
        deployment("checkout", namespace=namespace, replicas=1),
        bayesian_autoscaler("checkout", QUERY, 0.5, namespace=namespace, maximum=3),
    )
    cluster.kubectl("wait", "--for=condition=Ready", "bas/checkout", "-n", namespace, "--timeout=60s")
    wait_until(
        lambda: cluster.get("bas", "checkout", namespace=namespace)["status"]["currentReplicas"] == 3, "three replicas"
    )
    return namespace


def test_the_plugin_tells_decisions_of_now_and_then(
    cluster: ControlPlane, operator: OperatorProcess, sized: str, plugin: Plugin
) -> None:
    out = plugin.told("explain", "deploy/checkout", "-n", sized)
    assert re.match(rf"{sized}/checkout: 3 replicas, fixed by MaxReplicas \(\d+ asked for\)\n", out)
    assert "MaxReplicas: raise maxReplicas" in out

    told = json.loads(plugin.told("explain", "checkout", f"--namespace={sized}", "-ojson", "--why-not=2"))
    status = cluster.get("bas", "checkout", namespace=sized)["status"]
    assert told["decision"]["steps"][-1]["limiter"] == "MaxReplicas"
    assert told["whyNot"]["violationProbability"] > 0.5
    assert len(status["forecast"]["quantiles"]) == 9
    assert len(json.dumps(status)) < 3000

    log = str(operator.component.log)
    newest = operator.decisions(f"{sized}/checkout")[-1].decision
    logged = json.loads(plugin.told("explain", "checkout", "-n", sized, "--log", log, "-ojson"))
    assert logged["decision"]["id"].split(".")[:2] == newest["id"].split(".")[:2]


@pytest.mark.parametrize(
    ("name", "options", "code", "says"),
    [
        ("checkout", ("--log={log}", "--at=2020-01-01T00:00:00Z"), 1, "has no decision of"),
        # The pods of this control plane run no images, and have no log.
        ("checkout", ("--at=-1s",), 2, "kubectl logs -n NAMESPACE"),
        ("nobody", (), 1, "there is no BayesianAutoscaler nobody in namespace {namespace}"),
    ],
    ids=["before the log", "no log", "no object"],
)
def test_what_it_cannot_tell_it_says(
    operator: OperatorProcess, sized: str, plugin: Plugin, name: str, options: tuple[str, ...], code: int, says: str
) -> None:
    given = [one.format(log=operator.component.log) for one in options]
    said = plugin.kubectl("bayescaler", "explain", name, "-n", sized, *given)
    assert said.code == code
    assert says.format(namespace=sized) in said.err


def test_kubectl_finds_its_help_and_completes_it(plugin: Plugin) -> None:
    assert plugin.told("explain", "--help").startswith("Usage: kubectl bayescaler explain")
    completed = plugin.kubectl("__complete", "bayescaler", "exp").out
    assert "explain\t" in completed
    assert completed.rstrip().endswith(":4")
