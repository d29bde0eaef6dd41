"""Pods are read only while some may be starting, each teaches once, and a new lead is adopted for good."""

from dataclasses import replace

import pytest

from bayescaler.cluster.errors import Forbidden, ServerError
from bayescaler.cluster.pods import PodStart
from bayescaler.control import lead_times
from bayescaler.control.capacities import learning_problems
from bayescaler.control.lead_times import LeadTimes, recall, take, with_held_lead
from bayescaler.control.learned import Starts
from bayescaler.control.settings import Settings
from bayescaler.policy.lead_time import HeldLead, LeadTime, template_mark

from .builders import ADDRESS, MINUTE, NOON, Book, Wire, edited, load_of, manifest, metrics, target

SETTINGS = Settings(default_server_address=ADDRESS, leader_election=False, startup_seconds=60.0)


def clock(at):
    hours, rest = divmod(int(at - NOON), 3600)
    return f"2026-03-02T{12 + hours:02}:{rest // 60:02}:{rest % 60:02}Z"


class Cluster:
    """The pods of Deployment `web` on a wire."""

    def __init__(self, settings=SETTINGS):
        self.wire, self.pods, self.error = Wire(), {}, None
        self.wire.answer = lambda method, path, body: self.error or {"items": list(self.pods.values())}
        self.enqueued = []
        self.learner = LeadTimes(self.wire, settings, metrics(), on_new_lead=self.enqueued.append)

    def pod(self, uid, created, ready=None, template="one"):
        conditions = [
            {"type": "Ready", "status": "True" if ready else "False", "lastTransitionTime": clock(ready or created)}
        ]
        self.pods[uid] = {
            "metadata": {"uid": uid, "creationTimestamp": clock(created), "labels": {"pod-template-hash": template}},
            "status": {"phase": "Running", "startTime": clock(created), "conditions": conditions},
        }

    async def look(self, *workloads, now):
        self.learner.look(workloads, now=now)
        await self.learner.idle()

    @property
    def reads(self):
        return len(self.wire.sent)


@pytest.fixture
def cluster():
    return Cluster()


def web(replicas=4, ready=None, settings=SETTINGS, **spec):
    workload = Book(settings).see(manifest(**spec), "ADDED")
    workload.target = target(replicas, ready)
    return workload


class TestReading:
    async def test_nothing_is_read_while_nothing_starts(self, cluster):
        one = web()
        for tick in range(20):
            await cluster.look(one, now=NOON + 15 * tick)
        assert cluster.reads == 0
        assert one.starts.p90_seconds == 60.0

    async def test_a_rise_is_followed_until_all_are_ready(self, cluster):
        one = web(2)
        await cluster.look(one, now=NOON)
        one.target = target(3, ready=2)
        for uid in ("a", "b"):
            cluster.pod(uid, NOON - 300, NOON - 295)
        cluster.pod("c", NOON + 10)
        await cluster.look(one, now=NOON + 15)
        assert (cluster.reads, one.starts.waiting) == (1, {"c": NOON + 10})
        cluster.pod("c", NOON + 10, NOON + 32)
        one.target = target(3)
        await cluster.look(one, now=NOON + 35)
        assert one.starts.lead_time.weights == {22.0: 1.0}, "the old two were ready before anybody looked"
        assert one.starts.open_since is None
        await cluster.look(one, now=NOON + 600)
        assert cluster.reads == 2

    async def test_pods_that_are_ready_within_a_tick_teach_too(self, cluster):
        one = web(2)
        await cluster.look(one, now=NOON + 60)
        one.target = target(4)
        cluster.pod("a", NOON), cluster.pod("b", NOON)
        for uid in ("c", "d"):
            cluster.pod(uid, NOON + 62, NOON + 66)
        for uid in ("a", "b"):
            cluster.pod(uid, NOON, NOON + 7)
        await cluster.look(one, now=NOON + 75)
        assert one.starts.lead_time.weights[4.0] == pytest.approx(2.0, rel=0.01)
        assert set(one.starts.lead_time.weights) == {4.0}

    async def test_a_surge_is_seen_by_pods_beyond_the_replicas(self, cluster):
        one = web(4)
        await cluster.look(one, now=NOON)
        one.target = lead_times.replace(target(4), pods=5)
        await cluster.look(one, now=NOON + 15)
        assert cluster.reads == 1

    async def test_lists_are_rationed_and_who_has_waited_longest_comes_first(self):
        cluster = Cluster(Settings(default_server_address=ADDRESS, pod_reads_per_second=0.1))
        many = [web(4, ready=1, name=f"web-{n}") for n in range(8)]
        for tick in range(40):
            await cluster.look(*many, now=NOON + 15 * tick)
        assert 30 <= cluster.reads <= 0.1 * 600
        assert all(one.starts.due_at > float("-inf") for one in many)

    async def test_pods_that_stay_stuck_are_looked_at_ever_more_rarely(self, cluster):
        one = web(4, ready=3)
        cluster.pod("stuck", NOON)
        for tick in range(240):
            await cluster.look(one, now=NOON + 15 * tick)
        assert cluster.reads < 45
        assert one.starts.p90_seconds == 60.0, "stuck, not starting"

    async def test_a_missing_right_is_said_and_asked_for_rarely(self, cluster):
        one = web(4, ready=3)
        cluster.error = Forbidden(403, "Forbidden", "pods is forbidden")
        for tick in range(60):
            await cluster.look(one, now=NOON + 15 * tick)
        assert cluster.reads <= 4
        assert "forbidden" in one.starts.problem
        cluster.error = None
        await cluster.look(one, now=NOON + 1200)
        assert one.starts.problem == ""

    async def test_a_server_in_trouble_costs_nothing_but_time(self, cluster):
        one = web(4, ready=3)
        cluster.error = ServerError(500, "InternalError", "boom")
        await cluster.look(one, now=NOON)
        assert one.starts.p90_seconds == 60.0

    async def test_without_a_selector_no_pod_of_others_is_read(self, cluster):
        one = web(4, ready=3)
        one.target = lead_times.replace(one.target, selector=None)
        await cluster.look(one, now=NOON)
        assert cluster.reads == 0
        assert "labelSelectorPath" in one.starts.problem

    async def test_one_tick_lists_as_many_as_the_budget_allows_and_the_next_one_those_left_over(self):
        cluster = Cluster(replace(SETTINGS, pod_reads_per_second=5.0 / 15.0))
        many = [web(4, ready=3) for _ in range(8)]
        await cluster.look(*many, now=NOON)
        assert cluster.reads == 5
        listed = [one for one in many if one.starts.due_at > NOON]
        await cluster.look(*many, now=NOON + 15)
        assert cluster.reads == 10
        assert all(one.starts.due_at > NOON for one in many), "those left over came before those listed already"
        assert len(listed) == 5

    async def test_nothing_waits_for_a_list(self, cluster):
        one = web(4, ready=3)
        cluster.learner.look([one], now=NOON)
        assert one.starts.reading is not None
        cluster.learner.look([one], now=NOON + 15)
        assert cluster.reads == 0
        await cluster.learner.idle()
        assert cluster.reads == 1


def teach(one, seconds):
    """Pods took so long each."""
    one.starts.lead_time = one.starts.lead_time.started(seconds)
    one.starts.p90_seconds = one.starts.lead_time.p90()


def pods(*given):
    return [PodStart(uid, created, template, ready, starting) for uid, created, template, ready, starting in given]


class TestLearning:
    def starts(self, **changes):
        return Starts(lead_time=LeadTime(60.0), open_since=NOON, **changes)

    def test_a_pod_teaches_once(self):
        starts = self.starts()
        for _ in range(3):
            take(starts, pods(("a", NOON + 1, "one", NOON + 11, False)), now=NOON + 100, wanted=2)
        assert starts.lead_time.pods == 1

    def test_a_pod_that_lost_its_readiness_teaches_nothing_when_it_has_it_back(self):
        starts = self.starts()
        take(starts, pods(("a", NOON + 1, "one", None, False)), now=NOON + 100, wanted=1)
        take(starts, pods(("a", NOON + 1, "one", NOON + 900, False)), now=NOON + 100, wanted=1)
        assert starts.lead_time.pods == 0

    def test_one_that_was_starting_before_anybody_looked_teaches(self):
        starts = self.starts()
        take(starts, pods(("a", NOON - 300, "one", None, True)), now=NOON + 100, wanted=1)
        take(starts, pods(("a", NOON - 300, "one", NOON + 20, False)), now=NOON + 100, wanted=1)
        assert starts.lead_time.weights == {320.0: 1.0}

    def test_another_template_is_a_rollout_and_the_first_one_is_not(self):
        starts = self.starts()
        take(starts, pods(("a", NOON + 1, "one", NOON + 11, False)), now=NOON + 100, wanted=1)
        assert (starts.rollouts, starts.lead_time.template) == (0, template_mark("one"))
        take(
            starts,
            pods(("a", NOON + 1, "one", NOON + 11, False), ("b", NOON + 60, "two", None, True)),
            now=NOON + 100,
            wanted=1,
        )
        assert (starts.rollouts, starts.lead_time.pods) == (1, 0)

    def test_pods_of_the_older_template_made_during_a_rollout_are_no_other_one(self):
        starts = self.starts()
        both = ("a", NOON + 1, "one", NOON + 11, False), ("b", NOON + 60, "two", None, True)
        take(starts, pods(both[0]), now=NOON + 100, wanted=1)
        take(starts, pods(*both), now=NOON + 100, wanted=2)
        take(starts, pods(*both, ("c", NOON + 90, "one", None, True)), now=NOON + 100, wanted=3)
        take(starts, pods(*both, ("d", NOON + 99, "two", None, True)), now=NOON + 100, wanted=3)
        assert starts.rollouts == 1

    def test_what_is_remembered_is_no_more_than_the_pods_there_are(self):
        starts = self.starts()
        for n in range(50):
            take(starts, pods((f"p{n}", NOON + n, "one", NOON + n + 5, False)), now=NOON + 100, wanted=1)
        assert len(starts.settled) == 1


class TestLead:
    """With minutes as buckets, 60 s of start-up, 15 s of interval and lag each, the lead is two."""

    async def test_slow_pods_lengthen_it_at_once_and_ask_for_a_posterior(self, cluster):
        one = web()
        await cluster.look(one, now=NOON)
        assert (one.intent.lead, cluster.enqueued) == (2, [])
        teach(one, [200.0] * 5)
        await cluster.look(one, now=NOON + 15)
        assert (one.intent.lead, cluster.enqueued) == (4, [one])

    async def test_quick_pods_shorten_it_after_an_hour(self, cluster):
        one = web()
        await cluster.look(one, now=NOON)
        teach(one, [10.0] * 100)
        for tick in range(240):
            await cluster.look(one, now=NOON + 15 * tick)
        assert one.intent.lead == 2
        await cluster.look(one, now=NOON + 3600 + 15)
        assert (one.intent.lead, cluster.enqueued) == (1, [one])

    async def test_a_horizon_that_the_user_fixed_stays(self, cluster):
        one = web(forecast={"horizon": "3m"})
        await cluster.look(one, now=NOON)
        teach(one, [900.0] * 50)
        await cluster.look(one, now=NOON + 15)
        assert (one.intent.lead, one.starts.p90_seconds) == (3, 900.0)

    async def test_an_edit_of_the_object_keeps_what_was_learned(self, cluster):
        book, obj = Book(), manifest()
        one = book.see(obj, "ADDED")
        one.target = target()
        await cluster.look(one, now=NOON)
        teach(one, [200.0] * 5)
        await cluster.look(one, now=NOON + 15)
        book.see(edited(obj, maxReplicas=90))
        assert (one.intent.lead, one.intent.policy.max_replicas) == (4, 90)
        book.see(edited(edited(obj), load=load_of(step="30s"), forecast={"history": "2d", "seasons": ["24h"]}))
        assert one.intent.lead_seconds == pytest.approx(240.0, abs=MINUTE / 2), "200 s and 30 s in half minutes"

    async def test_after_a_restart_the_first_posterior_is_built_for_the_saved_lead_time(self, cluster):
        one = web()
        recall(one.starts, LeadTime(60.0).started([200.0] * 50).to_floats(), SETTINGS)
        again = with_held_lead(one.starts, one.intent, SETTINGS)
        assert (one.intent.lead, again.lead) == (2, 4)
        one.intent = again
        await cluster.look(one, now=NOON)
        assert (one.intent.lead, cluster.enqueued) == (4, [])

    async def test_a_start_too_long_to_be_looked_ahead_to_leaves_the_lead_alone(self):
        late = Settings(default_server_address=ADDRESS, metric_lag_seconds=2400.0)
        cluster = Cluster(late)
        one = web(settings=late, load=load_of(step="1s"), forecast={"history": "2h", "seasons": []})
        await cluster.look(one, now=NOON)
        before = one.intent.lead
        teach(one, [3600.0] * 50)
        await cluster.look(one, now=NOON + 15)
        assert one.intent.lead == before
        told = "1h40m would have to be looked ahead, which is too many buckets of 1s: the horizon stays 41m45s"
        assert learning_problems(one) == [f"lead time is cut short: {told}; give a longer load.step"]
        one.starts.held = HeldLead(before, 1.0)
        assert with_held_lead(one.starts, one.intent, late) is one.intent
        assert one.starts.beyond == ""

    async def test_pods_that_take_longer_than_is_learned_are_told(self, cluster):
        one = web()
        await cluster.look(one, now=NOON)
        teach(one, [5000.0] * 50)
        await cluster.look(one, now=NOON + 15)
        assert learning_problems(one) == ["lead time is cut short: pods that take longer than 1h count as that"]
