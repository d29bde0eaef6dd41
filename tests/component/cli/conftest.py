"""A folder of small workloads, and the command as a process of its own."""

import signal
import subprocess
import sys

import numpy as np
import pytest
import yaml

from bayescaler.sources.trace import Trace, write_trace

START, STEP, DAYS = 1_709_251_200.0, 300.0, 12.0
PROGRAM = "from bayescaler.cli import main; main()"


def ours(name, namespace="shop", query="q"):
    return {
        "apiVersion": "bayescaler.dev/v1alpha1",
        "kind": "BayesianAutoscaler",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "scaleTargetRef": {"kind": "Deployment", "name": name},
            "minReplicas": 1,
            "maxReplicas": 60,
            "load": {"prometheus": {"query": query}, "step": "5m"},
            "capacity": {"perReplica": 20.0},
            "forecast": {"seasons": ["24h"]},
        },
    }


def wave(seed=0, days=DAYS):
    """A daily wave around 300/s with noise."""
    at = np.arange(0.0, days * 86400.0, STEP)
    noise = np.random.default_rng(seed).normal(0.0, 12.0, len(at))
    return Trace(START + at, np.maximum(300.0 + 200.0 * np.sin(2 * np.pi * at / 86400.0) + noise, 0.0), STEP)


def heed_ctrl_c():
    """A run of the tests in the background of a shell ignores SIGINT, and so would whatever it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Running:
    """The command while it runs."""

    def __init__(self, program, argv):
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, "backtest", *map(str, argv)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=heed_ctrl_c,  # noqa: PLW1509 - nothing here has threads
        )

    def ended(self):
        out, err = self.process.communicate(timeout=100)
        return self.process.returncode, out, err


@pytest.fixture
def start():
    """Start `bayescaler backtest` with these arguments."""
    running = []

    def begin(*argv, program=PROGRAM):
        running.append(Running(program, argv))
        return running[-1]

    yield begin
    for one in running:
        if one.process.poll() is None:
            one.process.kill()
            one.process.communicate()


@pytest.fixture
def folder(tmp_path):
    """Make a folder of so many workloads."""

    def make(count):
        root = tmp_path / "fleet"
        root.mkdir()
        for number in range(count):
            (root / f"web-{number}.yaml").write_text(yaml.safe_dump(ours(f"web-{number}")))
            write_trace(root / f"web-{number}.csv", wave(number))
        return root

    return make


def kept(journal):
    """How many answers a journal holds."""
    return max(journal.read_bytes().count(b"\n") - 1, 0) if journal.exists() else 0
