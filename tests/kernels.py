"""Compile what the tests compile again and again, once: the kernels of a decision, of the lab and of its baselines.

Every process of the tests would do so by itself otherwise, at the same time as the others.
"""

import contextlib
import io
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bayescaler.cli import main

MANIFEST = """
apiVersion: bayescaler.dev/v1alpha1
kind: BayesianAutoscaler
metadata: {name: web, namespace: shop}
spec:
  scaleTargetRef: {kind: Deployment, name: web}
  maxReplicas: 60
  load: {prometheus: {query: q}, step: 5m}
  capacity: {perReplica: 20}
  objective: {risk: {overloadBudget: 0.01}}
"""
BUCKETS = 3 * 288


def _compile(folder: Path) -> None:
    manifest, trace = folder / "web.yaml", folder / "load.csv"
    manifest.write_text(MANIFEST)
    begin = datetime(2024, 3, 1, tzinfo=UTC)
    rows = (f"{(begin + timedelta(minutes=5 * n)).isoformat()},{300 + n % 100}" for n in range(BUCKETS))
    trace.write_text("timestamp,value\n" + "\n".join(rows) + "\n")
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        main(["backtest", "--manifest", str(manifest), "--trace", str(trace), "--compare", "hpa,keda,kpa,phpa,aws"])


if __name__ == "__main__":
    sys.stdout.write("compiling the kernels, a minute the first time\n")
    with tempfile.TemporaryDirectory() as made:
        _compile(Path(made))
