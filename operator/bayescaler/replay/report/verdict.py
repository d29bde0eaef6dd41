"""What came of a backtest in plain words: worth it, not worth it, or not to be told apart, and how sure that is.

What decides is the cost at equal time short, beside an HPA whose target was chosen in hindsight: one who turns the
HPA's own knob until it is short as seldom is the opponent to beat. Its interval is that of the ratio of replica-hours
over days drawn alike for both. Where no target comes that low there is nothing to compare at equal time: it says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite, isnan, log

import numpy as np

from bayescaler.policy.explain import percent
from bayescaler.policy.reasons import Phase
from bayescaler.policy.trust import nearest_level
from bayescaler.replay.backtest import OURS, Backtest
from bayescaler.replay.frontier import Comparison, Frontier
from bayescaler.replay.judgement import Interval, Judgement, by_day, draws
from bayescast import LEVELS
from bayescast.scores import MIN_DAYS

from .figures import between, change, duration, named, number, share

SAME = 0.02  # of the cost: a difference that nobody acts on
MANY_DAYS = 14  # two weeks: every weekday twice
SURE = 0.975  # of the draws
NOTABLE = 0.05  # of the judged time: what a reader has to know of
TUNED = "an HPA tuned in hindsight"
SMALLEST = 1e-6
ROUNDED = 5e-4  # what is told as 0.0 %


class Category(StrEnum):
    """What is to be decided from it.

    alike: surely within SAME of one another. untold: the interval holds both. depends: no HPA comes that low, and
    Bayescaler costs more than the safest.
    """

    WORTH_IT = "Worth it"
    NOT_WORTH_IT = "Not worth it"
    ALIKE = "No difference that matters"
    UNTOLD = "Not to be told apart"
    DEPENDS = "It depends on your price"


class Confidence(StrEnum):
    """How far the days judged carry it."""

    HIGH = "high"
    MODERATE = "moderate"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class Verdict:
    """category, confidence and `because`, why no more; a headline, what it rests on, and what it must be read with."""

    category: Category
    confidence: Confidence
    because: str
    headline: str
    sentences: tuple[str, ...]
    caveats: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """How the cost compares. at: where, None if nowhere; `elsewhere`: not at the time short that ours had.

    safest: the HPA's least share of time short and its replica-hours. beaten: in how many draws of days ours was
    less short and cheaper than that, NaN where it does not matter or days are too few.
    """

    category: Category
    confidence: Confidence
    at: Comparison | None
    elsewhere: bool
    safest: tuple[float, float]
    beaten: float = np.nan


def verdict(found: Backtest) -> Verdict:
    """Return what to make of a backtest."""
    days = len(found.hpa.seconds)
    finding = weigh(found, days)
    return Verdict(
        finding.category,
        finding.confidence,
        _because(finding, days),
        _headline(found, finding, days),
        tuple(told for told in (_ours(found), _usual(found), _compared(found, finding), _promise(found)) if told),
        tuple(_caveats(found, days)),
    )


def weigh(found: Backtest, days: int) -> Finding:
    """Return the category, by the interval of the cost ratio at equal time short."""
    own, least = found.own, safest(found.hpa)
    if isnan(own.theirs):
        beaten = _beaten(found)
        if own.ours > least[1] > 0.0:
            return Finding(Category.DEPENDS, Confidence.LOW, None, False, least, beaten)
        sure = _sure(days) if beaten >= SURE else Confidence.LOW
        return Finding(Category.WORTH_IT, sure, None, False, least, beaten)
    at = own if isfinite(own.ratio_interval.low) else _nearest(found.comparisons, own.level)
    if at is None:
        return Finding(Category.UNTOLD, Confidence.LOW, own, False, least)
    category = categorised(at.ratio_interval)
    sure = Confidence.LOW if category is Category.UNTOLD else _sure(days)
    if at is not own and sure is Confidence.HIGH:  # not the setting that would be run
        sure = Confidence.MODERATE
    return Finding(category, sure, at, at is not own, least)


def categorised(ratio: Interval) -> Category:
    """Return what the interval of the cost ratio, ours over theirs, says by itself."""
    if ratio.low > 1.0 - SAME and ratio.high < 1.0 + SAME:
        return Category.ALIKE
    if ratio.low <= 1.0 <= ratio.high:
        return Category.UNTOLD
    return Category.WORTH_IT if ratio.high < 1.0 else Category.NOT_WORTH_IT


def safest(swept: Frontier) -> tuple[float, float]:
    """Return the least share of time short of any knob, and the fewest replica-hours at which it is had."""
    place = int(np.lexsort((swept.cost, swept.violating))[0])
    return float(swept.violating[place]), float(swept.cost[place])


def outdone(found: Backtest) -> list[Judgement]:
    """Return the peers that were short no longer than ours and needed notably fewer replica-hours, cheapest first."""
    ours = found.judgement.outcome
    better = [
        peer
        for peer in found.judgements[1:]
        if peer.name != "clairvoyant"
        and peer.outcome.violating_seconds <= ours.violating_seconds
        and peer.outcome.pod_hours < (1.0 - SAME) * ours.pod_hours
    ]
    return sorted(better, key=lambda peer: peer.outcome.pod_hours)


def _sure(days: int) -> Confidence:
    return Confidence.HIGH if days >= MANY_DAYS else Confidence.MODERATE if days >= MIN_DAYS else Confidence.LOW


def _nearest(comparisons: Sequence[Comparison], level: float) -> Comparison | None:
    """Return the comparison with an interval at the share of time nearest to this one."""
    held = [one for one in comparisons if isfinite(one.ratio_interval.low)]
    return min(held, key=lambda one: abs(log(one.level) - log(level + SMALLEST))) if held else None


def _beaten(found: Backtest) -> float:
    scenario, hpa = found.case.scenario, found.hpa
    mine = by_day(scenario, scenario.play(found.replicas[OURS]), found.case.spec.time_zone)
    drawn = draws(len(mine.seconds))
    if not len(drawn):
        return np.nan
    cost = drawn @ hpa.pod_hours
    short = drawn @ hpa.violating_seconds
    least = short.min(axis=1)
    cheapest = np.where(short <= least[:, None], cost, np.inf).min(axis=1)
    return float(np.mean((drawn @ mine.violating_seconds < least) & (drawn @ mine.pod_hours < cheapest)))


def _because(finding: Finding, days: int) -> str:
    judged = f"{days} calendar days judged" if days != 1 else "1 calendar day judged"
    if days < MIN_DAYS:
        return f"{judged}; an interval takes {MIN_DAYS} days or more"
    if finding.at is None:
        return f"{judged}; cheaper and less often short than the safest HPA in {share(finding.beaten)} of the draws"
    interval = finding.at.ratio_interval
    if isnan(interval.low):
        return f"{judged}; on some draws of the days one of the two cannot be brought to the time short of the other"
    where = f" at {share(finding.at.level)} of time short" if finding.elsewhere else ""
    return f"{judged}; Bayescaler costs {interval.low:.3f} to {interval.high:.3f} times as much{where} (95 %)"


def _headline(found: Backtest, finding: Finding, days: int) -> str:
    better = outdone(found)
    but = f" But {named(better[0].name, found.case.policy)} does better still." if better else ""
    at = finding.at
    if at is None:
        return _out_of_reach(found, finding) + but
    if not isfinite(at.ratio):
        return "Nothing to compare: the load asked for no replicas."
    if not isfinite(at.ratio_interval.low):
        reason = f"Too few days to tell ({days})" if days < MIN_DAYS else "Not to be told apart"
        way = f"{change(at.ratio)} {'cheaper' if at.ratio < 1.0 else 'dearer'} than"
        looks = "like" if abs(at.ratio - 1.0) < ROUNDED else way
        return f"{reason}: Bayescaler looks {looks} {TUNED}, but nothing says how sure that is."
    where = f"at {share(at.level)} of time short" if finding.elsewhere else "at the same time short"
    told = {
        Category.WORTH_IT: f"Worth it: {change(at.ratio)} fewer replica-hours than {TUNED}, {where}.{but}",
        Category.NOT_WORTH_IT: f"Not worth it here: {TUNED} takes {change(1 / at.ratio)} fewer replica-hours, {where}.",
        Category.ALIKE: f"No difference that matters: within {SAME * 100:.0f} % of {TUNED}, {where}.{but}",
    }
    unsure = f"Not to be told apart from {TUNED}: {_range(at.ratio_interval)} replica-hours, {where}.{but}"
    return told.get(finding.category, unsure)


def _out_of_reach(found: Backtest, finding: Finding) -> str:
    own, cost = found.own.ours, finding.safest[1]
    if not cost:
        return "Worth it: an HPA does not leave zero replicas by itself, and would have served nothing."
    if finding.category is Category.DEPENDS:
        more = change(own / cost)
        return f"It depends on your price: no HPA is short as seldom, but Bayescaler costs {more} more than the safest."
    more = f"{change(cost / own)} more" if own and cost > own else "as many"
    return f"Worth it: no HPA target is short as seldom, and the safest of them takes {more} replica-hours."


def _range(ratio: Interval) -> str:
    def worded(value: float) -> str:
        return f"{change(value)} {'fewer' if value < 1.0 else 'more'}"

    if (ratio.low < 1.0) == (ratio.high < 1.0):
        near, far = sorted((ratio.low, ratio.high), key=lambda value: abs(value - 1.0))
        return f"{change(near).removesuffix(' %')} to {worded(far)}"
    return f"anything from {worded(ratio.low)} to {worded(ratio.high)}"


def _ours(found: Backtest) -> str:
    judged = found.judgement
    outcome = judged.outcome
    days = round(outcome.seconds / 86400.0, 1)
    over = "the day" if days == 1 else f"the {days:g} days"
    hours = f"would have run {number(outcome.pod_hours)} replica-hours and"
    return (
        f"Over {over} judged, {named(OURS, found.case.policy)} {hours} {_short(judged, been=True)}"
        + (f", with {share(outcome.unserved_share)} of the load not served" if outcome.unserved_share else "")
        + "."
    )


def _usual(found: Backtest) -> str:
    peers = {judged.name: judged for judged in found.judgements[1:]}
    usual = peers.get("hpa")
    if usual is None:
        return ""
    ratio = usual.outcome.pod_hours / found.judgement.outcome.pod_hours if found.judgement.outcome.pod_hours else np.nan
    relative = f" ({change(ratio)} {'more' if ratio > 1.0 else 'fewer'})" if isfinite(ratio) else ""
    name = named(usual.name, found.case.policy).replace("HPA at", "An HPA at the usual target of")
    return f"{name}: {number(usual.outcome.pod_hours)} replica-hours{relative}, {_short(usual)}."


def _short(judged: Judgement, *, been: bool = False) -> str:
    outcome = judged.outcome
    if not outcome.violating_seconds:
        return "never been short of capacity" if been else "never short"
    interval = between(judged.violating.low, judged.violating.high)
    sure = f"; 95 %: {interval}" if interval else ""
    text = f"{share(outcome.violating_share)} of the time ({duration(outcome.violating_seconds)}{sure})"
    return f"been short of capacity {text}" if been else f"short {text}"


def _compared(found: Backtest, finding: Finding) -> str:
    own, at = found.own, finding.at
    if at is None:
        least, cost = finding.safest
        return (
            "No target of the HPA is short as seldom as that, so at equal time short there is no comparison: "
            f"the safest one swept is short {share(least)} of the time and takes {number(cost)} replica-hours."
        )
    told = f"{TUNED[0].upper()}{TUNED[1:]} to be short as seldom would have taken {number(own.theirs)} replica-hours"
    if finding.elsewhere:
        return (
            f"{told}, without an interval, as on some draws of the days none is. At {share(at.level)} of time short, "
            f"each tuned in hindsight, Bayescaler takes {_relation(at)}."
        )
    return f"{told}: Bayescaler takes {_relation(at)}." if isfinite(at.ratio) else f"{told}."


def _relation(at: Comparison) -> str:
    if abs(at.ratio - 1.0) < ROUNDED:
        return "as many"
    way = f"{change(at.ratio)} {'fewer' if at.ratio < 1.0 else 'more'}"
    return way + (f" (95 %: {_range(at.ratio_interval)})" if isfinite(at.ratio_interval.low) else "")


def _promise(found: Backtest) -> str:
    level = nearest_level(LEVELS, found.case.policy.promised)
    held = found.calibration.coverage[level]
    if isnan(held.share):
        return ""
    interval = between(held.low, held.high)
    sure = f" (95 %: {interval})" if interval else ""
    kept = f"in {share(held.share)} of the windows{sure}"
    if held.high < level:
        return f"Its forecast was too bold: the load was to stay within it in {percent(level)}, and did {kept}."
    if held.low > level:
        return f"Its forecast was too careful: the load was to stay within it in {percent(level)}, and did {kept}."
    if not interval:
        return (
            f"Of its forecast {percent(level)} was asked; the load stayed within it {kept}, over too few days to judge."
        )
    return f"Its forecast kept what it promised: asked for {percent(level)}, the load stayed within it {kept}."


def _caveats(found: Backtest, days: int) -> list[str]:
    scenario, outcome = found.case.scenario, found.judgement.outcome
    told = []
    if days < MIN_DAYS:
        told.append(f"Replay {MIN_DAYS} judged days or more, better {MANY_DAYS}, before you decide.")
    for peer in outdone(found):
        fewer = change(peer.outcome.pod_hours / outcome.pod_hours)
        told.append(f"{named(peer.name, found.case.policy)} was short no longer and took {fewer} fewer replica-hours.")
    at_max = outcome.at_max_seconds / outcome.seconds
    if at_max > NOTABLE:
        told.append(
            f"maxReplicas ({scenario.max_replicas}) was reached {share(at_max)} of the time: "
            "there every policy is alike."
        )
    first = int(scenario.learned * scenario.step_seconds / scenario.interval_seconds)
    first = min(first, len(found.decided.phases) - 1)
    untrusted = float(np.mean(found.decided.phases[first:] != tuple(Phase).index(Phase.TRUSTED)))
    if untrusted > NOTABLE:
        told.append(
            f"The forecast was not trusted {share(untrusted)} of the time, when it may raise replicas above what the "
            "load asks for but never lower them: with more history behind it that share falls."
        )
    missing = float(np.mean(np.isnan(scenario.loads[scenario.learned :])))
    if missing > NOTABLE:
        told.append(f"{share(missing)} of the judged buckets were not measured and are taken to be as the one before.")
    return told
