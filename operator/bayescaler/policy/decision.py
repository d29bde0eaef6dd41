"""What a decision says: the number and the rule that fixed it at once, every step in words when it is asked."""

from dataclasses import dataclass, field
from math import isnan
from typing import NamedTuple

from .clauses import LIMITERS, Case, circumstance, clause
from .explain import replicas
from .kernels import columns as col
from .objective import pods
from .once import once
from .reasons import Limiter, Phase, Rung


class Step(NamedTuple):
    """One rule's say: the replicas before and after it, and one clause of why."""

    limiter: Limiter
    before: int
    after: int
    why: str


@dataclass  # nobody changes one, but a frozen one takes .2 us more to make; likewise a State
class Decision:
    """One decision, explained completely: `final` follows from `raw` by `steps`.

    `final` is the number wanted in any mode, `limiter` the rule that fixed it; `case` is what it was made of. All else
    is read off the case when it is asked for: most decisions of a day are only applied.
    """

    final: int
    limiter: Limiter
    case: Case = field(repr=False, compare=False)

    @property
    def at(self) -> float:
        """When it was made."""
        return self.case.now

    @property
    def rung(self) -> Rung:
        """The rung it was made on."""
        return self.case.state.rung

    @property
    def phase(self) -> Phase:
        """How far the forecast was trusted."""
        return self.case.observation.phase

    @property
    def current(self) -> int:
        """What ran."""
        return self.case.observation.replicas

    @property
    def raw(self) -> int:
        """What was asked for, before any rule."""
        return pods(self.case.trail.item(col.PROPOSAL, col.MADE))

    @property
    def load(self) -> float | None:
        """The live load."""
        return self.case.observation.load

    @property
    def demand(self) -> float | None:
        """The quantile of the max load over the window, with the buffer."""
        return self.case.demand

    @property
    def withheld(self) -> Limiter | None:
        """Why it is not applied."""
        held_back = self.case.withheld
        return None if held_back is None else held_back[0]

    @property
    def acts(self) -> bool:
        """Whether replicas are to be patched."""
        return self.withheld is None and self.final != self.current

    @once
    def exceedance(self) -> float | None:
        """P(max load over the window > capacity of `final`)."""
        if self.case.outlook is None or self.demand is None:
            return None
        return float(self.case.outlook.lead.exceedance(self.final * self.case.policy.capacity))

    @once
    def steps(self) -> tuple[Step, ...]:
        """The first step leads from `current` to `raw`, each further one starts where the last ended.

        The last ends at `final`; rules that changed nothing leave no step.
        """
        steps, before = list[Step](), self.current
        for rule, (limited_by, made) in enumerate(self.case.trail[:, : col.EARLIER_AT].tolist()):
            if isnan(limited_by):
                continue
            limiter, after = LIMITERS[int(limited_by)], pods(made)
            if rule == col.PROPOSAL or after != before:
                steps.append(Step(limiter, before, after, clause(self.case, limiter, before, after)))
            before = after
        if (shortfall := self.case.observation.shortfall) is not None:
            steps.append(Step(shortfall.limiter, self.final, self.final, shortfall.message))
        if (held_back := self.case.withheld) is not None:
            steps.append(Step(held_back[0], self.final, self.final, held_back[1]))
        return tuple(steps)

    @once
    def message(self) -> str:
        """The number, where it came from, what fixed it, what stands behind; rules between are left to `steps`."""
        shortfall, withheld = self.case.observation.shortfall, self.withheld
        untold = (withheld, shortfall and shortfall.limiter)
        ruled = [step for step in self.steps if step.limiter not in untold]
        clauses = [ruled[0].why]
        if len(ruled) > 1:
            clauses.append(ruled[-1].why)
        if self.limiter is not Limiter.SCALED_TO_ZERO:
            clauses.append(circumstance(self.case))
        if shortfall is not None:
            clauses.append(shortfall.message)
        if withheld is not None:
            clauses.append(self.steps[-1].why)
        return f"{replicas(self.final)}: {'; '.join(told for told in clauses if told)}"


def lines(decision: Decision) -> list[str]:
    """Return the decision's steps as text, one a line, from the current replicas to the final ones."""
    return [f"{step.limiter}: {step.before} -> {step.after}, {step.why}" for step in decision.steps]
