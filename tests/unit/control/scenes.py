"""Scenes: a workload for each rule, rung and phase, decided on by the production code; their stories are kept as text.

`python tests/unit/control/scenes.py` writes the kept stories anew, in stories/ and in the pages of docs/.
"""

import math
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bayescaler.cli.told import as_text
from bayescaler.control.decision_log import complete
from bayescaler.control.status import render
from bayescaler.control.workload import Canary, Problem, Workload
from bayescaler.policy.canary import Book, Trial
from bayescaler.policy.from_status import of_status
from bayescaler.policy.reasons import CanaryPhase, Phase
from bayescaler.policy.record import read
from bayescaler.policy.story import tell
from bayescaler.policy.why_not import why_not

if __package__:
    from .stage import AT_ONCE, LOAD, MINUTE, NOON, Scene, autoscaler
else:  # run as a script
    from stage import AT_ONCE, LOAD, MINUTE, NOON, Scene, autoscaler

LATER = 34.0
HERE = Path(__file__).resolve().parent
STORIES = HERE / "stories"
PAGES = [HERE.parents[2] / "docs" / name for name in ("canary.md", "explain.md", "objective.md")]
BLOCK = re.compile(r"(<!-- story: ([a-z-]+)(?: --why-not (\d+))? -->\n```text\n)(.*?)(```\n)", re.DOTALL)

SCENES: dict[str, Callable[[], Workload]] = {}


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
    stage.workload.phase, stage.workload.phase_told = Phase.LEARNING, "the history is still being read"
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
def canary():
    """Two days beside the live forecast, and nothing is certain yet."""
    stage = Scene(running=8, forecast={"seasons": ["24h"], "canary": {"seasons": ["24h", "168h"]}})
    web, book = stage.workload, Book(0.95, 124.0, 412, 4.1, 1.1, 45.0, 5580.0, 5071.6)
    web.canary = Canary(Trial(web.intent.canary.mark, CanaryPhase.RUNNING, NOON - 172_800.0, book))
    return stage.quiet(load=400.0, expected=395.0).decide(load=400.0, expected=395.0)


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
    return Scene(running=4).decide(load=300.0, expected=1200.0)


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


@scene
def surprise():
    """More came than was thought possible a tick ago."""
    stage = Scene(running=8).quiet(load=300.0, expected=380.0)
    return stage.decide(load=520.0, expected=530.0)


@scene
def scale_in_window():
    seen = {"load": 350.0, "expected": 400.0, "longer": 500.0}
    return Scene(running=12).quiet(**seen).decide(**seen)


@scene
def reversal_gate():
    stage = Scene(running=12, behavior=AT_ONCE)
    stage.decide(NOON - 5 * MINUTE, load=300.0, expected=390.0)
    return stage.runs(8).decide(load=340.0, expected=430.0)


@scene
def activation():
    stage = Scene(running=2, minReplicas=0, load=LOAD | {"activationThreshold": 1}, behavior=AT_ONCE)
    return stage.decide(load=0.0, expected=0.5)


@scene
def rollout():
    stage = Scene(behavior=AT_ONCE).runs(8, rolling_out=True).lacks()
    return stage.decide(load=180.0, expected=250.0)


@scene
def schedule():
    sale = {"name": "sale", "start": "0 8 * * *", "duration": "6h", "timeZone": "Europe/Berlin", "minReplicas": 20}
    return Scene(running=8, schedules=[sale]).decide(load=300.0, expected=390.0)


@scene
def schedule_ahead():
    """Its pods are asked for before it opens; another one keeps the number low."""
    zone = {"timeZone": "Europe/Berlin"}
    sale = {"name": "sale", "start": "1 13 * * *", "duration": "6h", "minReplicas": 20, **zone}
    night = {"name": "frugal", "start": "0 6 * * *", "duration": "8h", "maxReplicas": 6, **zone}
    return Scene(running=6, schedules=[sale, night]).decide(load=300.0, expected=390.0)


@scene
def quota_exceeded():
    refusal = (
        'pods "checkout-6f7d" is forbidden: exceeded quota: team, requested: pods=1, used: pods=9, limited: pods=9'
    )
    return Scene().runs(12, ready=9, refusal=refusal).lacks().decide(load=420.0, expected=590.0)


@scene
def failed_create():
    refusal = 'pods "checkout-6f7d" is forbidden: violates PodSecurity "restricted:latest"'
    return Scene().runs(12, ready=9, refusal=refusal).lacks().decide(load=420.0, expected=590.0)


@scene
def unschedulable():
    said = "0/3 nodes are available: 3 Insufficient cpu."
    return Scene().runs(12, ready=10).lacks(said, said).decide(load=420.0, expected=590.0)


@scene
def conflict():
    return Scene(running=8).shared_with("checkout").decide(load=420.0, expected=520.0)


@scene
def costs():
    aim = {"costs": {"replicaHour": 0.04, "overloadHour": 8}, "buffer": 0.1}
    return Scene(objective=aim).decide(load=420.0, expected=520.0)


@scene
def budget():
    """Ten hours of waves and gusts under a budget of 2 %."""
    stage = Scene(running=12, objective={"risk": {"overloadBudget": 0.02}}, behavior=AT_ONCE)
    gusts = np.random.default_rng(6).gamma(60.0, 1 / 60.0, 600)
    for minute, gust in enumerate(gusts, -len(gusts)):
        wave = 380.0 + 160.0 * math.sin(minute / 40.0)
        ahead = wave + 8.0 * math.cos(minute / 40.0)
        web = stage.decide(NOON + minute * MINUTE, load=wave * gust, expected=1.22 * ahead, longer=1.3 * ahead + 40.0)
        stage.runs(web.decision.final)
    return stage.decide(load=412.0, expected=500.0)


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
    for path in PAGES:
        path.write_text(page(path.read_text()))
