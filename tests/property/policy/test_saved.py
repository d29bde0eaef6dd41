"""Saved state: it fits, it comes back, and decisions go on as if nothing had been in between."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayescaler.policy import Behavior, Budget, Health, Mode, Observation, Phase, Policy, ScalingRules, State, decide
from bayescaler.policy import saved as saved_module
from bayescaler.policy.canary import Book, Trial
from bayescaler.policy.capacity import CapacityEvidence, Sums
from bayescaler.policy.conflicts import Tenure
from bayescaler.policy.kernels import columns as col
from bayescaler.policy.lead_time import HeldLead, LeadTime
from bayescaler.policy.reasons import CanaryPhase
from bayescaler.policy.saved import MOST_BYTES, PARTS, RefusedState, Saved, pack, unpack
from bayescaler.policy.saved_state import coarser, plain, state_of
from bayescaler.policy.trust import Charge, Standing

from .examples import examples
from .worlds import START, days, exponential, policies, seen

UID = "0c1f6f7e-1d7a-4c39-8d5f-2b8c1f0f9d11"
HOUR = 3600.0
WIDE = Policy(min_replicas=1, max_replicas=100_000, capacity=1.0)


def passed_on(state):
    return unpack(pack(Saved(state), UID).blob, UID).state


@examples(150)
@given(policies(), days())
def test_decisions_go_on_as_without_a_restart(policy, day):
    """One state is saved and taken up after every tick, the other never."""
    unbroken = broken = State()
    now, replicas = START, 5
    for seconds, sight, outlook in day:
        now += seconds
        looked = seen(replicas, sight, now=now)
        wanted, unbroken = decide(policy, looked, outlook, unbroken, now=now)
        told, broken = decide(policy, looked, outlook, passed_on(broken), now=now)
        assert (told.final, told.limiter, told.rung) == (wanted.final, wanted.limiter, wanted.rung)
        assert told.message == wanted.message
        np.testing.assert_array_equal(broken.memory, unbroken.memory)
        replicas = wanted.final if not sight["rolling_out"] else replicas


@given(
    policies(mode=Mode.AUTO, paused=False),
    st.integers(0, 120),
    days(),
    st.sampled_from([HOUR, 6.0 * HOUR, 72.0 * HOUR]),
    days(healths=[Health.LIVE, Health.LIVE, Health.ABSENT], scale_in_allowed=True, rolling_out=False),
)
def test_an_old_state_lowers_nothing_that_a_start_without_one_would_not(policy, replicas, past, pause, future):
    """What each wants of the same pods, which are left as they are, until a learned price tells them apart."""
    old, now = State(), START
    for seconds, sight, outlook in past:
        now += seconds
        _, old = decide(policy, seen(replicas, sight, now=now), outlook, old, now=now)
    now += pause
    old, fresh, resumed_at = passed_on(old).resumed(replicas, now=now, pause_seconds=60.0), State(), now
    for seconds, sight, outlook in future:
        if policy.budget is None or now - resumed_at < policy.behavior.scale_down.stabilization_window_seconds:
            observation = seen(replicas, sight, now=now)
            told, old = decide(policy, observation, outlook, old, now=now)
            wanted, fresh = decide(policy, observation, outlook, fresh, now=now)
            assert told.final >= min(wanted.final, replicas)
        now += seconds


def hour(ticks, seed, *, budget=True, tick=15.0):
    """The state after so many ticks under a behavior that looks back as long as one may, on a load without a shape."""
    rng, rules = np.random.default_rng(seed), Behavior()
    slow = Behavior(
        ScalingRules(rules.scale_up.policies[:1], HOUR, tolerance=0.0),
        ScalingRules(rules.scale_down.policies, HOUR, tolerance=0.0),
    )
    aim = Budget(0.01, step_seconds=tick, startup_seconds=600.0, lag_seconds=15.0) if budget else None
    policy = replace(WIDE, behavior=slow, budget=aim)
    state, replicas = State(), 500
    for place in range(ticks):
        now = START + tick * place + float(rng.uniform(0.0, 0.9)) * min(tick, 1.0)
        sight = Observation(replicas, replicas, Health.LIVE, float(rng.lognormal(9, 1)), load_at=now - 15.0)
        decision, state = decide(policy, sight, exponential(float(rng.lognormal(9, 1)), 2.0), state, now=now)
        replicas = decision.final
    return state


def stairs(entries, seed):
    """A state whose windows are as full as they get: every recommendation still counts, at times without a pattern."""
    rng, state = np.random.default_rng(seed), State()
    memory, windows = state.memory.copy(), np.zeros((col.N_WINDOWS, entries + 1, 2))
    memory[: col.COUNT] = START + rng.uniform(0.0, 1e6, col.COUNT)
    memory[col.RUNG] = 0.0
    for window, sign in ((col.HIGHEST, -1), (col.LOWEST, 1), (col.UPS, 0), (col.DOWNS, 0)):
        memory[col.COUNT + window] = entries
        windows[window, :entries, 0] = START + np.cumsum(rng.uniform(0.5, 15.0, entries))
        steps = np.cumsum(rng.integers(1, 1000, entries))
        values = {0: rng.integers(1, 100_000, entries), 1: steps, -1: steps[::-1]}[sign]
        windows[window, :entries, 1] = values
    return State(memory, windows)


def learned(seed):
    """Everything else, as large as it gets."""
    rng = np.random.default_rng(seed)
    lead = LeadTime(60.0).started(rng.uniform(0.0, 3600.0, 400).tolist())
    sums = Sums(*rng.uniform(1.0, 1e9, 6).tolist())
    return {
        "standing": Standing(Phase.DEGRADED, 10**6, Charge.COVERAGE),
        "load": "0" * 12,
        "use": "1" * 12,
        "lead_time": lead.rolled_out(4e9).started(rng.uniform(0.0, 3600.0, 100)).to_floats(),
        "held": HeldLead(12, 15.0, START + rng.uniform(), START + rng.uniform(), 3),
        "evidence": CapacityEvidence(sums, sums, 9**9, *rng.uniform(size=4).tolist()).to_floats(),
        "capacity": rng.uniform(),
        "tenure": Tenure(
            UID,
            10**6,
            (START, 10**6),
            10**5,
            tuple(START + rng.uniform(size=3)),
            START,
            START,
            START,
            3,
            "\u00e9" * 300,
        ),
        "trial": Trial(
            "2" * 12,
            CanaryPhase.ROLLED_BACK,
            START,
            Book(0.95, rng.uniform(), 10**6, *rng.uniform(1.0, 1e9, 5).tolist()),
        ),
    }


@examples(12)
@given(st.sampled_from([2, 240, 3600]), st.integers(0, 10**6))
def test_no_state_is_larger_than_may_be_saved(entries, seed):
    packed = pack(Saved(stairs(entries, seed), **learned(seed)), UID)
    assert len(packed.blob) <= MOST_BYTES
    assert packed.trimmed == (entries > 2)
    saved = unpack(packed.blob, UID)
    assert saved.state.decided_at is not None
    assert list(saved.lead_time) == pytest.approx(learned(seed)["lead_time"], abs=1e-6)
    assert list(saved.evidence) == learned(seed)["evidence"]
    assert saved.trial.book.ratio == pytest.approx(learned(seed)["trial"].book.ratio)


@pytest.mark.parametrize("tick", [1.0, 15.0])
def test_an_hour_of_windows_and_steering_fits(tick):
    state = hour(round(HOUR / tick) // 4, 5, tick=tick)
    packed = pack(Saved(state, **learned(5)), UID)
    assert len(packed.blob) <= MOST_BYTES
    again = unpack(packed.blob, UID).state
    assert again.price == state.price
    assert again.highest[-1][1] == state.highest[-1][1]


def test_an_ordinary_state_is_kept_whole_in_less_than_a_kilobyte():
    rules = Behavior()
    policy = replace(WIDE, max_replicas=60, capacity=50.0, behavior=rules)
    state, replicas, rng = State(), 10, np.random.default_rng(3)
    for place in range(400):
        load = 300.0 + 200.0 * np.sin(place / 60.0) + rng.normal(0.0, 10.0)
        sight = Observation(replicas, replicas, Health.LIVE, load, load_at=START + 15.0 * place)
        decision, state = decide(policy, sight, exponential(load / 4, 1.2), state, now=START + 15.0 * place + 15.0)
        replicas = decision.final
    packed = pack(Saved(state, lead_time=LeadTime(60.0).started([20.0, 30.0]).to_floats()), UID)
    assert not packed.trimmed
    assert len(packed.blob) < 1024


@examples(40)
@given(st.integers(3, 200), st.integers(0, 10**6), st.integers(0, 100_000), st.floats(0.0, HOUR))
def test_what_is_made_coarser_never_runs_fewer_pods(entries, seed, current, later):
    """Whenever it is looked at, and whatever is desired by then."""
    state, now = stairs(entries, seed), START + 15.0 * entries + later
    told = plain(state)
    while coarser(told):
        rough = state_of(told)
        for desired in (0.0, current / 2.0, 2.0 * current):
            assert held(rough, current, desired, now) >= held(state, current, desired, now)
        assert np.sum(rough.windows[col.UPS][:, 1]) == np.sum(state.windows[col.UPS][:, 1])


def held(state, current, desired, now):
    """What stabilization makes of it, with windows of half an hour; without an entry left nothing is held."""
    window = state.lowest if desired > current else state.highest
    first = next((pods for at, pods in window if at > now - HOUR / 2.0), desired)
    return max(current, first) if desired > current else min(current, first)


@examples(300)
@given(st.data())
def test_damage_is_refused_in_words_and_never_anything_else(data):
    blob = bytearray(pack(Saved(stairs(20, 1), **learned(1)), UID).blob)
    how = data.draw(st.sampled_from(["flip", "cut", "grow", "other"]))
    if how == "flip":
        blob[data.draw(st.integers(0, len(blob) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    elif how == "cut":
        blob = blob[: data.draw(st.integers(0, len(blob) - 1))]
    elif how == "grow":
        blob += data.draw(st.binary(min_size=1, max_size=9))
    else:
        blob = data.draw(st.binary(max_size=60))
    with pytest.raises(RefusedState, match="built anew"):
        unpack(bytes(blob), UID)


@pytest.mark.parametrize("part", sorted(PARTS))
@pytest.mark.parametrize("how", ["newer", "spoilt"])
def test_a_part_that_is_newer_or_does_not_hold_together_costs_only_itself(part, how, monkeypatch):
    whole = Saved(hour(40, 3), **learned(3))
    spoilt = {
        "decisions": {"memory": {"rung": 99}},
        "steering": {"steering": {"room": -1}},
        "phase": {"phase": "Happy"},
        "lead time": {"leadTime": "soon"},
        "capacity": {"capacity": -1.0},
        "other writers": {"tenure": {"of": UID}},
        "canary": {"canary": {"mark": "m", "phase": "Singing"}},
    }[part]
    sealed = saved_module._sealed

    def other(told, uid):
        if how == "newer":
            told = told | {"parts": PARTS | {part: 2}}
        elif part in ("decisions", "steering"):
            told = told | {"state": told["state"] | spoilt}
        else:
            told = told | spoilt
        return sealed(told, uid)

    expected = unpack(pack(whole, UID).blob, UID)
    monkeypatch.setattr(saved_module, "_sealed", other)
    found = unpack(pack(whole, UID).blob, UID)
    assert expected.refused == ()
    assert len(found.refused) == 1
    assert found.refused[0].startswith(f"{part}: ")
    assert found.refused[0].endswith("learned anew")
    left = {"decisions": {"state"}, "steering": {"state"}, "phase": {"standing"}, "lead time": {"lead_time", "held"},
            "capacity": {"evidence", "capacity"}, "other writers": {"tenure"}, "canary": {"trial"}}[part]  # fmt: skip
    for name in ("standing", "lead_time", "held", "evidence", "capacity", "tenure", "trial"):
        same = getattr(found, name) == getattr(expected, name)
        assert same == (name not in left), name
    assert (found.state.decided_at is None) == (part == "decisions")
    assert len(found.state.ledger) == (0 if "state" in left else len(expected.state.ledger))


def test_a_state_saved_before_parts_had_versions_is_read(monkeypatch):
    sealed = saved_module._sealed
    monkeypatch.setattr(
        saved_module, "_sealed", lambda told, uid: sealed({k: v for k, v in told.items() if k != "parts"}, uid)
    )
    found = unpack(pack(Saved(hour(40, 3), **learned(3)), UID).blob, UID)
    assert (found.refused, found.standing.phase) == ((), Phase.DEGRADED)
