"""Pods that do not come, and rollouts on the way: when it is looked into, what is said, what stays as it is."""

from dataclasses import replace

import pytest

from bayescaler.cluster.errors import Forbidden
from bayescaler.control.conditions import assess
from bayescaler.control.deciding import decide_one
from bayescaler.control.settings import Settings
from bayescaler.control.shortage import LOOK_SECONDS, ROLLOUT_SECONDS, Shortages, is_rolling_out
from bayescaler.policy.reasons import Health, Limiter

from .builders import ADDRESS, NOON, Wire, target, workload

SETTINGS = Settings(default_server_address=ADDRESS)
LEAD = 120.0  # what Auto comes to: two buckets of a minute


def pod(name, message="0/3 nodes are available: 3 Insufficient cpu.", **metadata):
    why = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    return {"metadata": {"name": name, **metadata}, "status": {"phase": "Pending", "conditions": [why]}}


STARTING = {
    "metadata": {"name": "s"},
    "status": {"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "True"}]},
}


class Place:
    """One workload, and an API server whose pods are `pods`."""

    def __init__(self, settings=SETTINGS):
        self.wire, self.pods = Wire(), []
        self.wire.answer = lambda *_: self.pods if isinstance(self.pods, Exception) else {"items": self.pods}
        self.shortages, self.web = Shortages(self.wire, settings), workload()

    async def look(self, now, **seen):
        self.web.target = replace(target(12, 12), **seen)
        due = self.shortages.follow([self.web], now=now)
        for web in due:
            await self.shortages.read(web)
        return bool(due)

    def limited(self, now=NOON):
        self.web.load.health, self.web.load.value, self.web.load.at = Health.LIVE, 420.0, now
        decide_one(self.web, now=now, scale_in_allowed=True)
        found = next(c for c in assess(self.web) if c.type == "ScalingLimited")
        return found.status, found.reason, found.message


@pytest.fixture
def place():
    return Place()


async def test_while_all_pods_are_ready_or_may_still_be_starting_nobody_lists_them(place):
    assert not await place.look(NOON)
    assert not await place.look(NOON + 15.0, ready_replicas=9)
    assert not await place.look(NOON + 15.0 + LEAD, ready_replicas=9)
    assert place.wire.sent == []


async def test_pods_that_wait_for_a_node_are_counted_and_said_in_the_schedulers_words(place):
    place.pods = [pod("a"), pod("b"), STARTING, pod("gone", deletionTimestamp="2026-03-02T12:00:00Z")]
    await place.look(NOON, ready_replicas=9)
    assert await place.look(NOON + LEAD + 1.0, ready_replicas=9)
    status, reason, message = place.limited()
    assert (status, reason) == (True, "Unschedulable")
    assert message.startswith("2 of 12 pods wait for a node: 0/3 nodes are available: 3 Insufficient cpu; add nodes")
    assert place.web.decision.message.endswith(message)
    assert place.web.decision.steps[-1].limiter is Limiter.UNSCHEDULABLE


async def test_pods_are_listed_again_a_minute_later_and_the_news_replace_the_old(place):
    place.pods = [pod("a")]
    await place.look(NOON, ready_replicas=9)
    now = NOON + LEAD + 1.0
    assert await place.look(now, ready_replicas=9)
    assert not await place.look(now + LOOK_SECONDS - 1.0, ready_replicas=9)
    place.pods = [STARTING]
    assert await place.look(now + LOOK_SECONDS, ready_replicas=9)
    assert place.limited()[1] == "DesiredWithinRange"


async def test_once_all_pods_are_ready_nothing_is_said_any_more(place):
    place.pods = [pod("a")]
    await place.look(NOON, ready_replicas=9)
    await place.look(NOON + LEAD + 1.0, ready_replicas=9)
    await place.look(NOON + LEAD + 16.0)
    assert (place.web.shortfall, place.web.short_since) == (None, None)


async def test_a_quota_is_said_at_once_in_the_api_servers_words(place):
    sentence = 'pods "web-x" is forbidden: exceeded quota: team, requested: pods=1, used: pods=9, limited: pods=9'
    assert not await place.look(NOON, ready_replicas=9, refusal=sentence)
    status, reason, message = place.limited()
    assert (status, reason) == (True, "QuotaExceeded")
    assert "exceeded quota: team, requested: pods=1" in message
    assert "raise the quota or lower maxReplicas" in message
    assert place.wire.sent == []


async def test_any_other_refusal_is_another_reason(place):
    await place.look(NOON, ready_replicas=9, refusal='pods "x" is forbidden: violates PodSecurity "restricted"')
    status, reason, message = place.limited()
    assert (status, reason) == (True, "FailedCreate")
    assert 'violates PodSecurity "restricted"' in message


async def test_a_refusal_that_has_ended_is_not_said_while_the_pods_start(place):
    await place.look(NOON, ready_replicas=9, refusal="exceeded quota: team")
    await place.look(NOON + 15.0, ready_replicas=9)
    assert place.web.shortfall is None


async def test_what_may_not_be_read_is_said_and_costs_nothing_else(place):
    place.pods = Forbidden(403, "Forbidden", "pods is forbidden")
    await place.look(NOON, ready_replicas=9)
    await place.look(NOON + LEAD + 1.0, ready_replicas=9)
    status, reason, message = place.limited()
    assert (status, reason) == (False, "DesiredWithinRange")
    assert message.startswith("why pods are missing could not be read:")
    assert place.web.decision.final > 0


async def test_many_short_workloads_share_a_budget():
    place = Place(replace(SETTINGS, pod_lists_per_second=0.1, interval_seconds=15.0))
    webs, now = [workload() for _ in range(5)], NOON + LEAD + 1.0
    for web in webs:
        web.target = target(12, 9)
    place.shortages.follow(webs, now=NOON)
    assert place.shortages.follow(webs, now=now) == (webs[0],)
    assert place.shortages.follow(webs, now=now + 20.0) == (webs[1],)


async def test_of_more_short_workloads_than_the_budget_allows_each_has_its_turn():
    place = Place(replace(SETTINGS, pod_lists_per_second=2.0 / 15.0, interval_seconds=15.0))
    webs, looked = [workload() for _ in range(12)], []
    for web in webs:
        web.target = target(12, 9)
    place.shortages.follow(webs, now=NOON)
    for tick in range(12):
        looked += place.shortages.follow(webs, now=NOON + LEAD + 1.0 + 15.0 * tick)
    assert [looked.count(web) for web in webs] == [2] * 12


async def test_a_kind_that_tells_of_no_ready_pods_is_left_alone(place):
    assert not await place.look(NOON, ready_replicas=None)
    assert place.web.short_since is None


async def test_a_rollout_holds_for_as_long_as_one_may_take_and_no_longer(place):
    for seconds in (0.0, ROLLOUT_SECONDS - 1.0):
        await place.look(NOON + seconds, rolling_out=True)
        assert is_rolling_out(place.web, now=NOON + seconds)
    await place.look(NOON + ROLLOUT_SECONDS, rolling_out=True)
    assert not is_rolling_out(place.web, now=NOON + ROLLOUT_SECONDS)
    await place.look(NOON + ROLLOUT_SECONDS + 15.0)
    await place.look(NOON + ROLLOUT_SECONDS + 30.0, rolling_out=True)
    assert is_rolling_out(place.web, now=NOON + ROLLOUT_SECONDS + 30.0), "the next one holds anew"
