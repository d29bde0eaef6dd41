"""The ladder as a machine: data comes and goes in any order, and the rung keeps its promises."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bayescaler.policy import (
    Behavior,
    Fallback,
    Health,
    Limiter,
    Observation,
    Policy,
    Rung,
    ScalingRules,
    State,
    decide,
)

from .worlds import MISSING, START, exponential

AFTER, HOLD, RECOVER, TICK = 60.0, 120.0, 30.0, 15.0
FLOOR = 8


class Ladder(RuleBasedStateMachine):
    """One workload, decided on every 15 s; the model counts ticks instead of keeping the ladder's times."""

    @initialize(replicas=st.integers(1, 20))
    def start(self, replicas):
        self.policy = Policy(
            1,
            40,
            50.0,
            behavior=Behavior(scale_down=ScalingRules(Behavior().scale_down.policies, 0.0)),
            fallback=Fallback(AFTER, 0.7, FLOOR, hold_seconds=HOLD, recover_seconds=RECOVER),
        )
        self.now, self.state, self.replicas = START, State(), replicas
        self.good_run = 0  # usable ticks in a row
        self.outage = 0.0  # seconds since load was last steady; 0 in good times
        self.seen_once = False
        self.decision = self.observation = None

    def tick(self, observation, forecast):
        self.before = self.state
        self.observation, self.forecast = observation, forecast
        self.decision, self.state = decide(self.policy, observation, forecast, self.state, now=self.now)
        self.replicas = self.decision.final
        self.now += TICK

    @rule(load=st.floats(0.0, 2000.0), forecast=st.none() | st.builds(exponential, st.floats(0.0, 500.0)))
    def usable(self, load, forecast):
        self.good_run += 1
        recovered = (self.good_run - 1) * TICK >= RECOVER
        if self.outage and recovered:
            self.outage = 0.0
        self.recovering = self.outage > 0
        self.tick(Observation(self.replicas, self.replicas, Health.LIVE, load=load), forecast)
        self.outage += TICK if self.recovering else 0.0
        self.seen_once = True

    @rule(
        health=st.sampled_from(MISSING),
        utilization=st.none() | st.floats(0.0, 2.0),
        forecast=st.none() | st.builds(exponential, st.floats(0.0, 500.0)),
        ticks=st.integers(1, 6),
    )
    def missing(self, health, utilization, forecast, ticks):
        for _ in range(ticks):
            self.good_run = 0
            self.recovering = False
            if not self.outage and self.seen_once:
                self.outage = TICK  # since the tick before, when load was last usable
            self.outage_told = self.outage
            sight = Observation(self.replicas, self.replicas, health, utilization=utilization)
            self.tick(sight, forecast)
            self.check_rung_of_an_outage()
            self.outage += TICK

    def check_rung_of_an_outage(self):
        rung, told = self.decision.rung, self.outage_told
        if self.forecast is not None and told < AFTER:
            assert rung is Rung.STORED
        elif self.observation.utilization is not None:
            assert rung is Rung.REACTIVE
        else:
            assert rung is (Rung.HOLD if told < AFTER + HOLD else Rung.FLOOR)
        assert self.decision.final >= self.decision.current
        assert "usable load" in self.decision.message or "steady load" in self.decision.message

    @precondition(lambda self: self.decision is not None)
    @invariant()
    def live_data_stands_on_the_upper_rungs_unless_recovering(self):
        if self.observation.health is Health.LIVE and not self.recovering:
            assert self.decision.rung is (Rung.REACTIVE if self.forecast is None else Rung.PREDICTIVE)

    @precondition(lambda self: self.decision is not None)
    @invariant()
    def while_recovering_the_rung_stays_and_nothing_is_lowered(self):
        if self.recovering:
            assert self.decision.rung is self.before.rung
            assert self.decision.final >= self.decision.current

    @precondition(lambda self: self.decision is not None)
    @invariant()
    def the_floor_holds_once_it_is_reached(self):
        if self.decision.rung is Rung.FLOOR and self.observation.health is not Health.LIVE:
            assert self.decision.raw == max(self.decision.current, FLOOR)
            assert self.decision.steps[0].limiter is Limiter.FALLBACK_FLOOR

    @precondition(lambda self: self.decision is not None)
    @invariant()
    def a_rung_is_dated_from_when_it_was_reached(self):
        at = self.now - TICK
        if self.state.rung is self.before.rung and self.before.rung_since is not None:
            assert self.state.rung_since == self.before.rung_since
        else:
            assert self.state.rung_since == at


TestLadder = Ladder.TestCase
