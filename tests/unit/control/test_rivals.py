"""What is known of others who move a number outlasts a moment in which they, or the number, cannot be seen."""

from dataclasses import replace

import pytest

from bayescaler.cluster.errors import ServerError
from bayescaler.cluster.scalers import Reference, Scaler, ScalerKind
from bayescaler.control.recall import take_up_conclusions
from bayescaler.control.rivals import Rivals
from bayescaler.control.workload import Canary
from bayescaler.policy import State
from bayescaler.policy.canary import Trial
from bayescaler.policy.conflicts import Tenure
from bayescaler.policy.reasons import CanaryPhase
from bayescaler.policy.saved import Saved
from bayescaler.telemetry.metrics import Metrics

from .stage import MINUTE, NOON, SETTINGS, Others, Scene

WEB = Reference("apps", "Deployment", "checkout")
KNOWN = Tenure(of="t", value=8, wrote=(NOON - MINUTE, 8), returned_to=3, returns=(NOON - MINUTE,), reverted_at=NOON)


def hpa(**fields):
    return Scaler(ScalerKind.HPA, "shop", "checkout", "t", WEB, 8, 20, **fields)


class Blind(Others):
    """A store whose list has just failed."""

    known = False

    def unread(self):
        return ServerError(503, "ServiceUnavailable", "etcd is away")

    def of(self, _namespace, _target):
        return ()


async def looked(store, *, leads=True, unseen=False, **spec):
    web = Scene(**spec).workload
    web.tenure = KNOWN
    if unseen:
        web.target = None
    await Rivals(store, SETTINGS, Metrics(lambda: ()), may_write=lambda: leads).look([web], now=NOON)
    return web


@pytest.mark.parametrize("mode", ["Auto", "Floor"])
async def test_while_other_autoscalers_cannot_be_read_what_is_known_of_others_stays(mode):
    web = await looked(Blind(), mode=mode)
    assert web.tenure == KNOWN
    problem = web.conflict if mode == "Auto" else web.target_problem
    assert problem.reason == "AutoscalersNotRead"


async def test_while_the_replicas_cannot_be_read_it_stays():
    assert (await looked(Others(), unseen=True)).tenure == KNOWN


@pytest.mark.parametrize(
    ("store", "spec"),
    [
        (Others(), {"mode": "Observe"}),
        (Others(), {"paused": True}),
        (Others(hpa()), {}),
        (Others(), {"mode": "Floor"}),
    ],
    ids=["observed", "paused", "another autoscaler moves it", "there is no floor"],
)
async def test_it_is_forgotten_once_the_number_is_not_ours_to_move(store, spec):
    assert (await looked(store, **spec)).tenure == Tenure()


async def test_who_only_keeps_warm_knows_the_number_and_nothing_of_others():
    web = await looked(Others(), leads=False)
    assert web.tenure == Tenure(of=web.target.uid, value=web.target.replicas)


@pytest.mark.parametrize(("by", "reason"), [("bayescaler", None), ("kubectl-edit", "ReplicasEdited")])
async def test_what_a_process_of_ours_wrote_before_it_ended_is_nobodys_edit(by, reason):
    scene = Scene()
    web, rivals = scene.workload, Rivals(Others(), SETTINGS, Metrics(lambda: ()), may_write=lambda: True)
    await rivals.look([web], now=NOON)
    web.target = replace(web.target, replicas=web.target.replicas + 3, set_by=by)
    await rivals.look([web], now=NOON + 15.0)
    assert (web.conflict and web.conflict.reason) == reason


async def test_an_edit_to_what_was_decided_is_no_conflict():
    scene = Scene()
    scene.decide(load=500.0, expected=700.0)
    web, rivals = scene.workload, Rivals(Others(), SETTINGS, Metrics(lambda: ()), may_write=lambda: True)
    await rivals.look([web], now=NOON)
    assert web.decision.final != 8
    for replicas, reason in ((web.decision.final, None), (web.decision.final + 3, "ReplicasEdited")):
        scene.runs(replicas)
        await rivals.look([web], now=NOON + 15.0)
        assert (web.conflict and web.conflict.reason) == reason


def test_a_new_leader_takes_up_what_only_leaders_conclude_however_old_it_is():
    web = Scene().workload
    web.tenure = Tenure(of="t", value=11)
    web.canary = Canary(Trial("m", CanaryPhase.RUNNING, NOON))
    ended = Trial("m", CanaryPhase.ROLLED_BACK, NOON)
    take_up_conclusions(web, Saved(State(), tenure=KNOWN, trial=ended))
    assert web.tenure == replace(KNOWN, value=11), "the number is as it was watched"
    assert web.canary.trial is ended
    take_up_conclusions(web, Saved(State(), tenure=replace(KNOWN, of="another"), trial=Trial("m")))
    assert (web.tenure.of, web.canary.trial) == ("t", ended), "what is of another object, or still runs, is not"
