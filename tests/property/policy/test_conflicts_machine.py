"""Whatever people, GitOps and we do to one number, and whenever: the verdicts keep their promises."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bayescaler.policy.conflicts import (
    HANDS_OFF_SECONDS,
    RETURNS,
    RETURNS_OF_GITOPS,
    Interference,
    Tenure,
    attempted,
    look,
    wrote,
)

NUMBERS = st.integers(0, 6)
MANAGERS = st.sampled_from([None, "kubectl", "argocd-controller"])
GAPS = st.sampled_from([0.0, 15.0, 60.0, 600.0, 3000.0, 10_000.0, -120.0])


class Hands(RuleBasedStateMachine):
    """The number as it is, and what an observer of everything would say of it."""

    @initialize(value=NUMBERS)
    def begin(self, value):
        self.now, self.value, self.tenure, self.verdict = 1e9, value, Tenure(), None
        self.foreign = 0
        self.see(None, 0.0)

    def see(self, by, gap):
        self.now += gap
        self.tenure, self.verdict = look(self.tenure, self.value, of="uid", by=by, now=self.now)

    @property
    def hands_off(self):
        return self.verdict.interference is Interference.REVERTING

    @rule(by=MANAGERS, gap=GAPS)
    def nobody_does_anything(self, by, gap):
        self.see(by, gap)
        assert not self.verdict.fresh

    @rule(value=NUMBERS, gap=GAPS)
    def we_write(self, value, gap):
        if self.hands_off or value == self.value:
            return
        self.tenure = wrote(attempted(self.tenure, value, now=self.now), value, now=self.now)
        self.value = value
        self.see("bayescaler", gap)
        assert not self.verdict.fresh, "what we wrote is ours"

    @rule(value=NUMBERS, gap=GAPS)
    def we_try_and_the_answer_is_lost(self, value, gap):
        if self.hands_off or value == self.value:
            return
        self.tenure = attempted(self.tenure, value, now=self.now)
        self.value = value
        self.see(None, gap)
        assert not self.verdict.fresh

    @rule(value=NUMBERS, by=MANAGERS, gap=GAPS)
    def somebody_writes(self, value, by, gap):
        changed, ours = value != self.value, self.tenure.wrote is not None and value == self.tenure.wrote[1]
        self.value = value
        before = self.tenure
        self.see(by, gap)
        if changed and not ours:
            self.foreign += 1
            assert self.tenure.edited_from == before.value
            assert self.verdict.interference is not Interference.NONE or before.edited_at == self.now

    @invariant()
    def the_number_is_known(self):
        assert self.tenure.value == self.value

    @invariant()
    def what_is_kept_is_bounded(self):
        assert len(self.tenure.returns) <= RETURNS

    @invariant()
    def hands_off_is_gitops_and_is_never_longer_than_said(self):
        until = self.tenure.hands_off_until
        if self.hands_off:
            assert 0 < until - self.now <= HANDS_OFF_SECONDS

    @invariant()
    def one_edit_alone_never_takes_our_hands_off(self):
        assert not self.hands_off or self.foreign >= RETURNS_OF_GITOPS


TestHands = Hands.TestCase
