"""The constants of the algorithm in one place, each with its unit and the reason for its default.

Where no other reason is given, a default was chosen on a tuning set of real traces and frozen; most are flat optima
(half or twice the value changes the pinball loss by less than 2 %). The switches at the end leave out one part each.
"""

import math
from typing import Any, NamedTuple, Self

from .errors import InvalidSpec

_SHARES = frozenset(
    (
        *("template_gain", "long_template_gain", "rise_gain", "spread_gain", "dispersion_discount", "missing_share"),
        *("hedge_forgetting", "hedge_idle_forgetting", "hedge_share", "cap_decay", "family_margin"),
        *("silence_share", "silence_prior", "atom_hair"),
    )
)
_POSITIVE = frozenset(
    (
        *(
            "count_offset",
            "floor_offset",
            "dispersion_weight",
            "gap_memory_seconds",
            "gap_limit_seconds",
            "regression_prior",
        ),
        *("regression_noise", "spread_prior", "shape_prior", "shape_lead", "scale_prior", "hedge_lead"),
        *("tracker_lead", "tracker_debt", "tracker_debt_lead"),
    )
)


def _fits(name: str, value: float) -> bool:
    """Whether a number makes sense there; what does not would divide by nothing or point outside of an array."""
    if name.endswith("_memory"):
        return 1.0 < value < math.inf
    if name in _SHARES:
        return 0.0 <= value < 1.0
    if name == "gap_widening_limit":
        return 1.0 <= value < math.inf
    return (value > 0.0 if name in _POSITIVE else value >= 0.0) and value < math.inf


def _asked(name: str) -> str:
    if name.endswith("_memory"):
        return "a finite number above 1"
    if name in _SHARES:
        return "a share, from 0 to below 1,"
    if name == "gap_widening_limit":
        return "a finite number of 1 or more"
    return "a finite number above 0" if name in _POSITIVE else "a finite, non-negative number"


class Settings(NamedTuple):
    """Constants of the forecaster; a tuple, because the kernels take it as it is. Memories count buckets."""

    count_offset: float = 1.0
    """Added to counts before the logarithm (events): a zero is one event away from one."""
    relative_offset: float = 0.3
    """Added to every load before the logarithm (share of its running mean): a mild power transform near zero."""
    floor_offset: float = 1e-9
    """Added to rates and gauges before the logarithm (their unit), so that a series of zeros has one."""
    silence_share: float = 0.0
    """A zero is passed over as missing until zeros make up this share of the buckets known: 0 believes every one, and
    .01 holds a query that has lost its source for a load until it has been silent for hours of a history of weeks."""
    silence_memory: float = 20160.0
    """Memory of that share (buckets): two weeks of minutes."""
    silence_prior: float = 0.25
    """Share of that memory which a young series is taken to have been without a zero."""
    mean_memory: float = 2000.0
    """Memory of the running mean behind the offset (buckets)."""
    level_discounts: tuple[float, float, float] = (0.5, 0.8, 0.95)
    """Discounts of the bank of levels: memories of 2, 5 and 20 buckets; the first is the base of all features."""
    deviation_discounts: tuple[float, float] = (0.5, 0.9)
    """Discounts of the deviation from a seasonal template (2 and 10 buckets)."""
    family_memory: float = 2000.0
    """Memory of the errors by which Auto tells the families apart (buckets)."""
    family_margin: float = 0.05
    """Share by which the other family must err less before Auto changes to it."""
    family_rest: float = 200.0
    """Buckets seen before the first change of family, and between two of them."""
    dispersion_discount: float = 0.998
    """Discount of the overdispersion estimate of counts; faster lets one spike echo for hours."""
    dispersion_prior: float = 0.2
    """Overdispersion of counts before data (variance = mean + dispersion mean^2)."""
    dispersion_weight: float = 10.0
    """Weight of that prior (buckets)."""
    template_gain: float = 0.25
    """Share of a new visit in a slot of the first season: four visits of memory."""
    long_template_gain: float = 0.4
    """The same for every longer season, which has fewer visits to learn from."""
    rise_gain: float = 0.05
    """The same for the rise by slot of the hour, which is visited 24 times a day."""
    spread_gain: float = 0.2
    """The same for the mean residual by slot of the first season."""
    gap_memory_seconds: float = 3600.0
    """Without data the surplus over the template fades with this time constant, as a load's usually does."""
    gap_widening_limit: float = 8.0
    """Most by which a gap widens the predictive scale (factor)."""
    gap_limit_seconds: float = 172800.0
    """A longer gap is passed over as one of this length, or of the longest window: what is short-lived has faded."""
    missing_share: float = 0.1
    """A window with more than this share of its buckets missing is not scored."""
    slow_memory: float = 1000.0
    """Memory of the slow regression (windows): it holds what is stable between level, season and window maximum."""
    fast_memory: float = 50.0
    """Memory of the fast regression (windows)."""
    regression_prior: float = 1.0
    """Prior variance of a regression weight."""
    regression_noise: float = 0.1
    """Prior variance of a regression's residual (log load squared)."""
    spread_memory: float = 2000.0
    """Memory of the regression that learns the scale (windows)."""
    spread_prior: float = 0.05
    """Prior variance of its weights: small, so that scale starts constant."""
    shape_memory: float = 2000.0
    """Memory of the histograms of normalised residuals (windows)."""
    shape_lead: float = 30.0
    """Lead at which that memory is doubled (buckets): windows overlap, one crowd must not fill a histogram."""
    shape_prior: float = 20.0
    """Weight of the Student t prior of a histogram (windows)."""
    scale_memory: float = 2000.0
    """Memory of each expert's mean absolute residual (windows)."""
    scale_prior: float = 0.3
    """Mean absolute residual before data (log load; for additive experts a share of the first load)."""
    hedge_rate: float = 0.05
    """Learning rate of Hedge per unit of normalised loss up to level .95; above, falling with the root of 1 - level."""
    hedge_forgetting: float = 0.005
    """Share of the losses forgotten a window at lead 0; falls with the lead."""
    hedge_lead: float = 30.0
    """Lead at which Hedge forgets half as fast (buckets): windows overlap."""
    hedge_idle: float = 0.02
    """A window that cost less than this (mean losses) taught nothing: what the eventful ones taught is kept."""
    hedge_idle_forgetting: float = 0.1
    """Share of the usual forgetting after such a window."""
    hedge_clip: float = 60.0
    """Largest excess loss of one window (mean losses): one spike must not settle the weights."""
    hedge_share: float = 0.001
    """Weight kept for all experts together, so that none is lost."""
    tracker_gain: float = 0.005
    """Gain of the calibration tracker at lead 0; falls with the lead and with the level."""
    tracker_lead: float = 12.0
    """Lead at which that gain is halved (buckets)."""
    tracker_debt: float = 80.0
    """Excess of misses at which the tracker's answer doubles, times sqrt(1 - level)."""
    tracker_debt_lead: float = 4.0
    """Lead at which that excess is doubled (buckets): misses come in runs of a window's length."""
    tracker_memory: float = 8000.0
    """Memory of the excess of misses (windows): a tracker that never forgets keeps paying for old misses."""
    tracker_noise: float = 0.2
    """Excess that goes unanswered, in standard deviations of what a perfect forecast would collect in that memory."""
    tracker_reach: float = 1.0
    """Most by which a level is raised, in logit: the misses of one crowd must not send .99 to the cap for a day."""
    tracker_evidence: float = 40.0
    """Misses due in that memory, per bucket of lead, from which on high and low forecasts are tracked apart."""
    cap: float = 0.4
    """No quantile above e^cap times the largest load seen: one burst on an empty base must not explode."""
    bound_repeats: float = 5.0
    """A gauge whose largest load came up exactly this often is bounded there (a full CPU) until it is exceeded."""
    bound_snap: float = 0.02
    """A quantile this close to such a bound (log load) is the bound, where the load often sits exactly."""
    atom_hair: float = 0.02
    """Where all loads are multiples of one quantum (counts, a gauge that stands still), a quantile as close to one
    as this share of the quantum is that one; 0 leaves it beside."""
    cap_decay: float = 1e-5
    """Share of the distance to the present load that the remembered largest load loses a bucket."""
    diagnostic_memory: float = 4000.0
    """Memory of coverage and losses in the diagnostics (windows)."""
    alarm_drift: float = 1.0
    """Normalised surprise a bucket that the change-point alarm forgives."""
    alarm_clip: float = 3.0
    """Largest surprise of one bucket: a single outlier is no change."""
    alarm_threshold: float = 6.0
    """Accumulated surprise that sounds the alarm: three extreme buckets in a row."""
    rise_hold: float = 20.0
    """Buckets, beyond a window's length, for which no expert expects less than the level a declared rise led to."""
    alarm_hold_seconds: float = 3600.0
    """How long a change point counts as recent."""
    with_regressions: bool = True
    """Without: the base level stands in for both regressions."""
    with_rises: bool = True
    """Without: no templates of the rise over the present, by slot of the first season and of the hour."""
    with_learned_scale: bool = True
    """Without: every expert has one constant scale."""
    with_strata: bool = True
    """Without: one histogram an expert, wherever the last load sits relative to the prediction."""
    with_histograms: bool = True
    """Without: residuals keep the shape of the Student t prior."""
    with_hedge: bool = True
    """Without: equal weights."""
    with_tracker: bool = True
    """Without: the levels issued are the nominal ones."""
    with_cap: bool = True
    """Without: quantiles are unbounded."""

    def checked(self) -> Self:
        """Return these settings with the exact types kernels are compiled for, or raise InvalidSpec."""
        defaults = type(self)()
        values: dict[str, Any] = {}
        for name, default in defaults._asdict().items():
            value = getattr(self, name)
            try:
                if isinstance(default, tuple):
                    values[name] = tuple(float(v) for v in value)
                    fits = len(value) == len(default) and all(0.0 < v < 1.0 for v in value)
                elif isinstance(default, bool):
                    values[name] = bool(value)
                    fits = True
                else:
                    values[name] = float(value)
                    fits = _fits(name, float(value))
            except (TypeError, ValueError):
                fits = False
            if not fits:
                raise InvalidSpec(f"settings.{name} = {value!r}: give {_asked(name)} like {default!r}")
        return self._replace(**values)
