"""A canary of other settings before the real API server: what it takes and refuses, what the status tells."""

import json

import pytest
from harness.controlplane import ControlPlane
from harness.manifests import QUERY, bayesian_autoscaler, deployment
from harness.process import HarnessError, wait_until
from harness.release import OperatorProcess

WITHOUT = {"history": "2h", "seasons": [], "horizon": "15s"}
TRIED = WITHOUT | {"canary": {"seasons": ["1h"], "promote": "Never", "after": "10m"}}


def test_a_canary_runs_beside_the_live_forecast_and_goes_with_its_field(
    cluster: ControlPlane, operator: OperatorProcess, namespace: str
) -> None:
    def told() -> dict:
        status: dict = cluster.get("bas", "checkout", namespace=namespace).get("status", {})
        return status.get("canary", {})

    def autoscaler(forecast: dict) -> dict:
        return bayesian_autoscaler(
            "checkout", QUERY, 0.5, namespace=namespace, maximum=3, load={"step": "15s"}, forecast=forecast
        )

    def change(spec: dict) -> None:
        cluster.kubectl("patch", "bas/checkout", "-n", namespace, "--type=merge", "-p", json.dumps({"spec": spec}))

    cluster.apply(deployment("checkout", namespace=namespace, replicas=1), autoscaler(TRIED))
    here = {"namespace": namespace, "name": "checkout"}
    ratio = "bayescaler_canary_loss_ratio"
    wait_until(lambda: operator.metric(ratio, **here) is not None, "a window is compared", deadline_seconds=200)
    change({"maxReplicas": 4})  # a change is told at once, all else once a minute
    first = wait_until(lambda: told() if told().get("windows") else None, "the status tells of it")
    assert first["phase"] == "Running"
    assert first["live"]["loss"] >= 0.0
    assert first["canary"]["replicas"] >= 1
    assert operator.metric("bayescaler_state", **here, canary="Running") == 1

    for canary, why in (
        ({}, "give one of canary.family"),
        ({"seasons": []}, "canary must differ from forecast in every field it gives"),
        ({"seasons": ["90s"]}, "seasons must lie between 10m and 4w"),
    ):
        with pytest.raises(HarnessError, match=why):
            cluster.apply(autoscaler(WITHOUT | {"canary": canary}))

    change({"forecast": {"canary": None}})
    wait_until(lambda: not told(), "the status tells of none", deadline_seconds=60)
