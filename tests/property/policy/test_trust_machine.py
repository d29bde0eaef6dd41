"""Trust as a machine: windows are kept or missed, levels change, a threshold does better or worse, in any order."""

from collections import deque

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bayescaler.policy import Change, Evidence, Phase, Standing, State, judge
from bayescaler.policy.saved import Saved, pack, unpack
from bayescaler.policy.trust import (
    CHANGE_WINDOWS,
    FEWEST_WINDOWS,
    RETURN_WINDOWS,
    TOLERATED,
    WORSE_HEADROOM,
    WORSE_SKILL,
    wilson_lower,
    windows_needed,
)

START, WINDOW_SECONDS, MEMORY = 1_700_000_000.0, 120.0, 400


class Trust(RuleBasedStateMachine):
    """One forecast, judged after every disjoint window; the model keeps the windows themselves."""

    @initialize(
        nominal=st.sampled_from((0.5, 0.9, 0.95, 0.99, 0.999)),
        season=st.sampled_from((0, 720)),
        kept=st.sampled_from((0, 99, 500)),
    )
    def start(self, nominal, season, kept):
        self.nominal, self.season = nominal, season
        self.windows, self.seen = deque(maxlen=MEMORY), 0
        self.since, self.rise = None, False
        self.skill, self.lost = 0.3, -0.1
        self.standing, self.before, self.evidence = Standing(), Standing(), None
        self.left_trust_at = None
        self.kept(kept)

    def window(self, missed):
        self.windows.append(missed)
        self.seen += 1
        self.since = None if self.since is None else self.since + 1
        self.evidence = Evidence(
            self.seen,
            1.0 - sum(self.windows) / len(self.windows),
            self.nominal,
            self.skill,
            2 * self.seen,
            self.season,
            self.lost,
            sum(1 << back for back, one in enumerate(list(self.windows)[:-33:-1]) if one),
            None if self.since is None else Change(START + WINDOW_SECONDS * self.seen, self.rise, self.since),
        )
        self.before, self.standing = self.standing, judge(self.evidence, self.standing)
        self.check()
        if self.before.phase is Phase.TRUSTED and self.standing.phase is Phase.DEGRADED:
            self.left_trust_at = self.seen

    @rule(windows=st.integers(1, 40))
    def kept(self, windows):
        for _ in range(windows):
            self.window(False)

    @rule(windows=st.integers(100, 500), random=st.randoms(use_true_random=False))
    def as_promised(self, windows, random):
        for _ in range(windows):
            self.window(random.random() > self.nominal)

    @rule(windows=st.integers(1, 12))
    def missed(self, windows):
        for _ in range(windows):
            self.window(True)

    @rule(rise=st.booleans(), after=st.lists(st.booleans(), max_size=6))
    def level_changes(self, rise, after):
        self.since, self.rise = 0, rise
        for missed in after:
            self.window(missed)

    @rule(beside=st.sampled_from(((-1.0, 1.0), (-0.05, 0.5), (-1.0, 0.3), (-1.0, 0.1), (0.0, 0.0), (0.3, -0.1))))
    def beside_a_threshold(self, beside):
        self.skill, self.lost = beside
        self.window(False)

    def check(self):
        self.check_the_way_back()
        self.check_demotion_at_once()
        self.check_reasons_to_demote()

    def check_the_way_back(self):
        if self.before.phase is not Phase.DEGRADED or self.standing.phase is not Phase.TRUSTED:
            return
        assert self.seen - self.before.windows >= RETURN_WINDOWS, "straight back"
        newest = list(self.windows)[-RETURN_WINDOWS:]
        assert sum(newest) <= TOLERATED * (1.0 - self.nominal) * RETURN_WINDOWS
        assert self.left_trust_at is None or self.seen - self.left_trust_at >= RETURN_WINDOWS, "flapping"

    def condemned(self):
        tolerated, shown = TOLERATED * (1.0 - self.nominal), list(self.windows)
        fresh = [] if self.since is None or self.since > CHANGE_WINDOWS else shown[len(shown) - self.since :]
        return (
            wilson_lower(1.0 - self.evidence.coverage, self.seen) > tolerated
            or (sum(fresh) >= 2 and wilson_lower(sum(fresh) / len(fresh), len(fresh)) > tolerated)
            or (self.skill < WORSE_SKILL and self.lost > WORSE_HEADROOM)
        )

    def check_demotion_at_once(self):
        if self.before.phase is Phase.TRUSTED and self.condemned():
            assert self.standing.phase is Phase.DEGRADED

    def check_reasons_to_demote(self):
        if self.before.phase is Phase.TRUSTED and self.standing.phase is Phase.DEGRADED:
            assert self.condemned(), "nothing speaks against it"

    @precondition(lambda self: self.evidence is not None)
    @invariant()
    def trust_rests_on_evidence(self):
        assert (self.standing.phase is Phase.LEARNING) == (self.seen < windows_needed(self.evidence))
        assert self.standing.phase is Phase.LEARNING or self.seen >= FEWEST_WINDOWS

    @precondition(lambda self: self.evidence is not None)
    @invariant()
    def a_degraded_forecast_is_charged_with_something(self):
        assert (self.standing.charge is not None) == (self.standing.phase is Phase.DEGRADED)

    @precondition(lambda self: self.evidence is not None)
    @invariant()
    def the_same_evidence_changes_nothing(self):
        assert judge(self.evidence, self.standing) == self.standing

    @precondition(lambda self: self.evidence is not None)
    @invariant()
    def a_restart_changes_nothing(self):
        assert unpack(pack(Saved(State(), standing=self.standing), "uid").blob, "uid").standing == self.standing

    @precondition(lambda self: self.evidence is not None)
    @invariant()
    def more_coverage_never_costs_trust(self):
        phases = [judge(self.evidence._replace(coverage=coverage / 20.0), self.before).phase for coverage in range(21)]
        trusted = [phase is Phase.TRUSTED for phase in phases]
        assert trusted == sorted(trusted)


TestTrust = Trust.TestCase
