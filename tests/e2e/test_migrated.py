"""What is made of an HPA and of a ScaledObject, before a real API server and a real Prometheus."""

import subprocess
from pathlib import Path

import pytest
import yaml
from harness.binaries import Binaries
from harness.controlplane import ControlPlane
from harness.manifests import deployment, hpa_on_external_metric
from harness.process import HarnessError
from harness.release import Release

from bayescaler.cli import main
from bayescaler.migrate import Migrated, from_scaledobject


def trigger(query: str, threshold: str, kind: str = "AverageValue") -> dict[str, object]:
    metadata = {"serverAddress": "http://prometheus:9090", "query": query, "threshold": threshold}
    return {"type": "prometheus", "metricType": kind, "metadata": metadata}


def migrated(*triggers: dict[str, object]) -> Migrated:
    return from_scaledobject(
        {
            "apiVersion": "keda.sh/v1alpha1",
            "kind": "ScaledObject",
            "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"scaleTargetRef": {"name": "web"}, "triggers": triggers},
        }
    )


def test_an_hpa_as_kubectl_prints_it_becomes_a_manifest_that_the_api_server_takes(
    cluster: ControlPlane, release: Release, namespace: str, tmp_path: Path
) -> None:
    there, made = tmp_path / "there.yaml", tmp_path / "made.yaml"
    cluster.apply(
        deployment("web", namespace=namespace, replicas=2, cpu_request="500m"),
        hpa_on_external_metric("web", "queue", "50", namespace=namespace),
    )
    there.write_text(cluster.kubectl("get", "hpa,deployment", "-n", namespace, "-o", "yaml"))

    main(["generate", "from-hpa", str(there), "--query", "sum(queue)", "--out", str(made)])
    assert "created (server dry run)" in cluster.kubectl("apply", "--dry-run=server", "-f", str(made))

    main(["generate", "from-hpa", str(there), "--out", str(made)])
    with pytest.raises(HarnessError, match=r"spec\.load\.prometheus\.query"):
        cluster.kubectl("apply", "--dry-run=server", "-f", str(made))


def test_what_is_asked_of_prometheus_is_what_the_replicas_come_from(binaries: Binaries, tmp_path: Path) -> None:
    """Two triggers: the higher of both, and nothing where either is missing; by value: times ready replicas."""
    both = migrated(trigger("sum(a)", "2"), trigger("sum(b)", "3")).manifest["spec"]["load"]["prometheus"]["query"]
    value = migrated(trigger("avg(a)", "2", "Value")).manifest["spec"]["load"]["prometheus"]["query"]
    ready = 'kube_deployment_status_replicas_ready{namespace="shop",deployment="web"}'

    def sample(expr: str, minute: int, *values: float) -> dict[str, object]:
        samples = [{"labels": "{}", "value": value} for value in values]
        return {"expr": expr, "eval_time": f"{minute}m", "exp_samples": samples}

    series = {"a": "10 80 stale 8 8", "b": "30 30 30 stale 3", ready: "3 3 3 3 0"}
    known = f"({both}) >= 0"  # NaN, which is missing to the operator, is not
    checks = [
        sample(both, 0, 10.0),
        sample(both, 1, 40.0),
        sample(known, 2),
        sample(known, 3),
        sample(both, 4, 4.0),
        sample(value, 0, 30.0),
        sample(value, 4, 8.0),
        sample(value.replace("ready{", "gone{") + " >= 0", 0),
    ]
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": checks,
    }
    path = tmp_path / "queries.yaml"
    path.write_text(yaml.safe_dump({"rule_files": [], "evaluation_interval": "1m", "tests": [test]}))
    judged = subprocess.run(
        [*binaries.promtool, "test", "rules", str(path)], capture_output=True, text=True, check=False
    )
    assert judged.returncode == 0, judged.stdout + judged.stderr
