"""The plugin under the real kubectl: the status of a real API server told, the operator's log read."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from harness.controlplane import ControlPlane
from harness.kwok import StartUp
from harness.manifests import bayesian_autoscaler, deployment
from harness.process import wait_until
from harness.release import OperatorProcess

QUERY = 'sum(rate(http_requests_total{service="checkout"}[1m]))'
QUICK = StartUp(shortest_seconds=0.2, longest_seconds=1.0)
# As an installation of the wheel makes it; that these are its functions is told by pyproject.toml, and tested there.
SCRIPT = "#!{python}\nimport sys\nfrom bayescaler.cli{module} import {function}\nsys.exit({function}())\n"
SCRIPTS = {"kubectl-bayescaler": ("", "kubectl"), "kubectl_complete-bayescaler": (".completion", "for_kubectl")}
COMMAND_SECONDS = 60.0


@pytest.fixture
def kubectl(cluster: ControlPlane, binaries, tmp_path: Path):
    """The real kubectl with the plugin on its path; gives exit code, output and errors."""
    for name, (module, function) in SCRIPTS.items():
        path = tmp_path / name
        path.write_text(SCRIPT.format(python=sys.executable, module=module, function=function))
        path.chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "KUBECONFIG": str(cluster.kubeconfig)}

    def run(*arguments: str) -> tuple[int, str, str]:
        command = [*map(str, binaries.kubectl), *arguments]
        ended = subprocess.run(
            command, capture_output=True, text=True, env=environment, timeout=COMMAND_SECONDS, check=False
        )
        return ended.returncode, ended.stdout, ended.stderr

    return run


@pytest.fixture
def sized(cluster: ControlPlane, operator: OperatorProcess, namespace: str) -> str:
    """A namespace with a Deployment `checkout` that asks for more than its maximum of three."""
    cluster.apply(
        deployment("checkout", namespace=namespace, replicas=1, start_up=QUICK),
        bayesian_autoscaler("checkout", QUERY, 0.5, namespace=namespace, maximum=3),
    )
    cluster.kubectl("wait", "--for=condition=Ready", "bas/checkout", "-n", namespace, "--timeout=60s")
    wait_until(
        lambda: cluster.get("bas", "checkout", namespace=namespace)["status"]["currentReplicas"] == 3, "three replicas"
    )
    return namespace


def test_the_plugin_tells_decisions_of_now_and_then(cluster, operator, sized, kubectl) -> None:
    code, out, err = kubectl("bayescaler", "explain", "deploy/checkout", "-n", sized)
    assert (code, err) == (0, "")
    assert re.match(rf"{sized}/checkout: 3 replicas, fixed by MaxReplicas \(\d+ asked for\)\n", out)
    assert "MaxReplicas: raise maxReplicas" in out

    code, out, _ = kubectl("bayescaler", "explain", "checkout", f"--namespace={sized}", "-ojson", "--why-not=2")
    told = json.loads(out)
    status = cluster.get("bas", "checkout", namespace=sized)["status"]
    assert told["decision"]["steps"][-1]["limiter"] == "MaxReplicas"
    assert told["whyNot"]["violationProbability"] > 0.5
    assert len(status["forecast"]["quantiles"]) == 9
    assert len(json.dumps(status)) < 3000

    log = str(operator.component.log)
    newest = operator.decisions(f"{sized}/checkout")[-1].decision
    code, out, err = kubectl("bayescaler", "explain", "checkout", "-n", sized, "--log", log, "-ojson")
    assert (code, err) == (0, "")
    assert json.loads(out)["decision"]["id"].split(".")[:2] == newest["id"].split(".")[:2]
    code, _, err = kubectl("bayescaler", "explain", "checkout", "-n", sized, "--log", log, "--at=2020-01-01T00:00:00Z")
    assert code == 1
    assert "has no decision of" in err

    code, _, err = kubectl("bayescaler", "explain", "checkout", "-n", sized, "--at=-1s")
    assert code == 2  # the pods of this control plane run no images, and have no log
    assert "kubectl logs -n NAMESPACE" in err

    code, _, err = kubectl("bayescaler", "explain", "nobody", "-n", sized)
    assert code == 1
    assert f"there is no BayesianAutoscaler nobody in namespace {sized}" in err

    code, out, _ = kubectl("bayescaler", "explain", "--help")
    assert code == 0
    assert out.startswith("Usage: kubectl bayescaler explain")

    code, out, _ = kubectl("__complete", "bayescaler", "exp")
    assert "explain\t" in out
    assert out.rstrip().endswith(":4")
