"""Scenes: a workload for each rule, rung and phase, decided on by the production code; their stories are kept as text.

`python tests/unit/control/scenes.py` writes the kept stories anew, in stories/ and in docs/explain.md.
"""

import math
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bayescaler.cli.told import as_text
from bayescaler.cluster.scale import Target
from bayescaler.control.deciding import decide_one
from bayescaler.control.decision_log import complete
from bayescaler.control.registry import Registry
from bayescaler.control.settings import Settings
from bayescaler.control.status import render
from bayescaler.control.workload import Load, Problem, Workload
from bayescaler.policy import Evidence, Outlook, assess
from bayescaler.policy.from_status import of_status
from bayescaler.policy.reasons import Health, Phase
from bayescaler.policy.record import read
from bayescaler.policy.story import tell
from bayescaler.policy.why_not import why_not
from bayescast import Family, Predictive
from bayescast.predictive import LEVELS

NOON = 1_772_452_800.0  # 2026-03-02T12:00:00Z
TICK, LATER = 15.0, 34.0
HERE = Path(__file__).resolve().parent
STORIES = HERE / "stories"
PAGE = HERE.parents[2] / "docs/explain.md"
BLOCK = re.compile(r"(<!-- story: ([a-z-]+)(?: --why-not (\d+))? -->\n```text\n)(.*?)(```\n)", re.DOTALL)
SCALE = (0.0, 0.524, 0.842, 1.282, 1.645, 1.96, 2.326, 2.576, 3.09)  # normal quantiles at LEVELS
SPREAD = 0.12
UID = "5f0c9d1e-7a44-4a53-9a53-0d6f3f1f2a10"

SCENES: dict[str, Callable[[], Workload]] = {}


def expecting(load: float, *, at: float = NOON, longer: float | None = None) -> Outlook:
    """A forecast whose 0.95 quantile is `load`, over half an hour `longer`."""
    values = np.array([math.exp(SPREAD * (z - SCALE[4])) for z in SCALE])
    return Outlook(
        *(
            Predictive(np.array(LEVELS), values * most, lead, 60.0, at, Family.POISSON_GAMMA)
            for most, lead in ((load, 2), (longer or load, 30))
        )
    )


def autoscaler(**spec):
    return {
        "apiVersion": "bayescaler.dev/v1alpha1",
        "kind": "BayesianAutoscaler",
        "metadata": {"namespace": "shop", "name": "checkout", "uid": UID, "generation": 3},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "checkout"},
            "minReplicas": 2,
            "maxReplicas": 60,
            "mode": "Auto",
            "paused": False,
            "load": {"prometheus": {"query": 'sum(rate(http_requests_total{service="checkout"}[1m]))'}, "kind": "Rate"},
            "capacity": {"perReplica": 50},
            "objective": {"quantile": 0.95, "buffer": 0.0},
            "behavior": {"scaleUp": {"tolerance": 0.1}, "scaleDown": {"tolerance": 0.1}},
            "fallback": {"after": "3m", "reactive": {"targetUtilization": 0.7}},
            **spec,
        },
    }


class Scene:
    """A workload through time: what is expected and seen is set, `decide` makes the next decision."""

    def __init__(self, *, running=8, **spec):
        self.object = autoscaler(**spec)
        registry = Registry(
            Settings(default_server_address="http://prometheus:9090"),
            on_new_load=lambda _: None,
            on_gone=lambda _: None,
        )
        registry.observe("ADDED", self.object)
        self.workload = registry.get(("shop", "checkout"))
        self.runs(running)
        self.shows(0.953, windows=1440)

    def runs(self, replicas, ready=None):
        self.workload.target = Target("t", replicas, "app=checkout", replicas if ready is None else ready)

    def shows(self, coverage, *, windows, previous=Phase.TRUSTED, skill=0.42):
        evidence = Evidence(windows, coverage, 0.95, skill, 20_160, 1440)
        self.workload.evidence = evidence
        self.workload.phase, self.workload.phase_message = assess(evidence, previous)

    def decide(
        self, now=NOON, *, load=None, expected=None, why=(Health.FAILED, "LoadFailed", "prometheus does not answer")
    ):
        web = self.workload
        web.outlook = None if expected is None else expecting(expected, at=min(now, NOON))
        if load is None:
            health, reason, message = why
            web.load = Load(None, None, health, message, reason)
        else:
            web.load = Load(load, now - 5.0, Health.LIVE, "", "LoadLive", complete=True)
        decide_one(web, now=now, scale_in_allowed=True, lag_seconds=15.0)
        return web

    def quiet(self, *, load, expected, until=NOON, minutes=10):
        """Decide so for some minutes, one tick before `until` the last time."""
        for tick in range(round(minutes * 60 / TICK), 0, -1):
            self.decide(until - tick * TICK, load=load, expected=expected)
        return self


def scene(make):
    SCENES[make.__name__.replace("_", "-")] = make
    return make


@scene
def forecast():
    return Scene(objective={"quantile": 0.95, "buffer": 0.1}).decide(load=420.0, expected=520.0)


@scene
def reactive():
    stage = Scene(running=8)
    stage.workload.evidence = None
    stage.workload.phase, stage.workload.phase_message = Phase.LEARNING, "the history is still being read"
    return stage.decide(load=420.0)


@scene
def target_not_found():
    """Decided on once, and gone since."""
    web = Scene().decide(load=420.0, expected=520.0)
    web.target_problem = Problem("TargetNotFound", 'Deployment "checkout" is not in namespace "shop"; create it')
    return web


@scene
def trust():
    stage = Scene(running=12)
    stage.shows(0.95, windows=37, previous=Phase.LEARNING)
    return stage.quiet(load=420.0, expected=400.0).decide(load=420.0, expected=400.0)


@scene
def degraded():
    stage = Scene(running=12)
    stage.shows(0.88, windows=500)
    return stage.quiet(load=300.0, expected=400.0).decide(load=300.0, expected=400.0)


@scene
def safety_floor():
    return Scene(running=9).decide(load=620.0, expected=450.0)


@scene
def scale_in_held():
    stage = Scene(running=8)
    stage.quiet(load=300.0, expected=400.0).decide(NOON - 60.0, expected=400.0)
    return stage.decide(load=200.0, expected=250.0)


@scene
def tolerance():
    return Scene(running=13).quiet(load=500.0, expected=590.0).decide(load=500.0, expected=590.0)


@scene
def scale_up_stabilization():
    stage = Scene(running=4, behavior={"scaleUp": {"stabilizationWindowSeconds": 120, "tolerance": 0.0}})
    stage.quiet(load=150.0, expected=200.0, until=NOON - 75.0)
    return stage.decide(load=300.0, expected=600.0)


@scene
def scale_down_stabilization():
    stage = Scene(running=12)
    stage.quiet(load=500.0, expected=600.0, until=NOON - 75.0)
    return stage.decide(load=200.0, expected=250.0)


@scene
def scale_up_policy():
    return Scene(running=4).decide(load=300.0, expected=600.0)


@scene
def scale_down_policy():
    policies = [{"type": "Pods", "value": 1, "periodSeconds": 60}]
    stage = Scene(running=12, behavior={"scaleDown": {"policies": policies, "stabilizationWindowSeconds": 0}})
    return stage.quiet(load=500.0, expected=600.0).decide(load=200.0, expected=250.0)


@scene
def min_replicas():
    quick = {"scaleDown": {"stabilizationWindowSeconds": 0}}
    return Scene(running=6, minReplicas=5, behavior=quick).decide(load=100.0, expected=140.0)


@scene
def max_replicas():
    return Scene(running=9, maxReplicas=10).decide(load=480.0, expected=600.0)


@scene
def observe():
    return Scene(running=8, mode="Observe").decide(load=420.0, expected=520.0)


@scene
def paused():
    return Scene(running=8, paused=True).decide(load=420.0, expected=520.0)


@scene
def scaled_to_zero():
    return Scene(running=0).decide(load=0.0, expected=520.0)


@scene
def stored():
    stage = Scene(running=8).quiet(load=300.0, expected=400.0, until=NOON - 75.0)
    return stage.decide(expected=480.0)


@scene
def reactive_on_cpu():
    stage = Scene(running=8).quiet(load=300.0, expected=400.0, until=NOON - 600.0)
    stage.workload.utilization = 0.9
    return stage.decide()


@scene
def hold():
    stage = Scene(running=8).quiet(load=300.0, expected=400.0, until=NOON - 360.0)
    stage.workload.utilization_message = "metrics.k8s.io is not served"
    return stage.decide()


@scene
def fallback_floor():
    stage = Scene(running=8, fallback={"after": "3m", "replicas": 10})
    stage.quiet(load=300.0, expected=400.0, until=NOON - 7200.0)
    return stage.decide()


def logged(web):
    """The record as the log has it."""
    return complete(web) | {"object": web.label, "message": web.decision.message}


def told_by_status(web):
    """The record as the object's status has it."""
    return of_status(autoscaler_of(web) | {"status": render(web, now=NOON)})


def autoscaler_of(web):
    """The object of a scene, whose spec its record rests on."""
    spec = autoscaler()["spec"] | logged(web)["spec"]
    return autoscaler() | {"spec": spec}


def story_of(name, count=None):
    """The story of a scene as text, half a minute later."""
    record = read(logged(SCENES[name]()))
    answer = None if count is None else why_not(record, count)
    return as_text(tell(record, now=NOON + LATER), answer)


def page(text):
    """The page with the stories of today in it."""
    return BLOCK.sub(lambda found: found[1] + story_of(found[2], found[3] and int(found[3])) + found[5], text)


if __name__ == "__main__":
    STORIES.mkdir(exist_ok=True)
    for name in SCENES:
        (STORIES / f"{name}.txt").write_text(story_of(name))
    if PAGE.exists():
        PAGE.write_text(page(PAGE.read_text()))
