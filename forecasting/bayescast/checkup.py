"""How far the online posterior is from the sampled one, part by part, and whether that is a fault."""

import numpy as np
from numpy.typing import NDArray

from . import sampled
from .agreement import Agreement, Finding, Part, Prediction, Quantity, compared, gamma, normal, unmet
from .evidence import Evidence
from .nuts import Run, Samples
from .posterior import feature_names
from .spec import Family

Floats = NDArray[np.float64]

MOST_ERRORS = 5.0  # Monte Carlo errors by which a level may be off its sampled posterior
MOST_SDS = 3.0  # sampled sds by which predictions may be off: one pass cannot revise whom it took for an outlier
MOST_OF_ERROR = 0.25  # and the share of a usual error: less moves no quantile that matters
MOST_WIDTH = 2.0  # factor by which their online width may differ

_REPORT = "a fault of the forecaster, not of the load: report it with the trace and this output"


def compare(evidence: Evidence, run: Run) -> Agreement:
    """Sample every part of the model and hold the online posterior against it."""
    return judge(evidence, sampled.sample(evidence, run), run)


def judge(evidence: Evidence, samples: Samples, run: Run) -> Agreement:
    """Hold the online posterior against what was sampled by `run`."""
    draws = samples.draws
    parts = [_levels(evidence, draws.get(sampled.LEVELS))]
    if sampled.DISPERSION in draws:
        parts.append(_dispersion(evidence, draws[sampled.DISPERSION]))
    parts += [_regression(evidence, draws[sampled.REGRESSION]), _free_noise(evidence, draws[sampled.FREE_NOISE])]
    return Agreement(
        family=evidence.after.family,
        lead=evidence.lead,
        step_seconds=evidence.spec.step_seconds,
        start=evidence.start,
        buckets=evidence.buckets,
        windows=len(evidence.targets),
        chains=run.chains,
        samples=run.samples,
        seed=run.seed,
        divergences=samples.divergences,
        parts=tuple(parts),
    )


def _levels(evidence: Evidence, draws: Floats | None) -> Part:
    """The bank of levels, which has a closed answer: nothing but sampling noise may lie between."""
    memories = [1.0 / (1.0 - discount) for discount in evidence.spec.settings.level_discounts]
    chosen = np.flatnonzero(sampled.sampled_levels(evidence)).tolist()
    says = f"{len(chosen)} of {len(memories)} levels sampled"
    if len(evidence.loads) < sampled.LEAST_SINCE_TURN:
        says += f": the family changed {len(evidence.loads)} buckets ago"
    elif spikes := [f"{memory:.0f}" for g, memory in enumerate(memories) if g not in chosen]:
        says += f" (those of {', '.join(spikes)}: too few events for more than a spike at zero)"
    if draws is None:
        return Part(sampled.LEVELS, says, (), ())
    quantities = [_level(evidence, g, memories[g], draws[..., k]) for k, g in enumerate(chosen)]
    findings = unmet(sampled.LEVELS, quantities)
    if not findings:
        findings = [fault for k, one in enumerate(quantities) for fault in _level_faults(one, draws[..., k])]
        says += "" if findings else "; online and sampled posterior are one"
    return Part(sampled.LEVELS, says, tuple(quantities), tuple(findings))


def _level(evidence: Evidence, g: int, memory: float, draws: Floats) -> Quantity:
    """One level: the rate of a Poisson, or the mean of a log load."""
    after = evidence.after
    if evidence.after.family is Family.GAUSSIAN:
        mean, sd = float(after.level[g]), float(sampled.normal_levels(evidence)[1][g])
        return compared(f"log level {memory:.0f}", draws, mean, sd, normal(mean, sd))
    shape, rate = float(after.level_shape[g]), float(after.level_rate[g])
    return compared(f"level {memory:.0f}", draws, shape / rate, float(np.sqrt(shape)) / rate, gamma(shape, rate))


def _level_faults(level: Quantity, draws: Floats) -> list[Finding]:
    """A level off its sampled posterior by more than sampling noise, in mean or width."""
    effective = min(level.convergence.ess_bulk, level.convergence.ess_tail, draws.size)
    fourth = float(np.mean(((draws - level.mean) / level.sd) ** 4))
    error_of_log_sd = 0.5 * float(np.sqrt((fourth - 1.0) / effective))
    off = abs(level.difference) * float(np.sqrt(effective))
    wide = abs(float(np.log((level.online_sd or 0.0) / level.sd + 1e-300))) / error_of_log_sd
    if off <= MOST_ERRORS and wide <= MOST_ERRORS:
        return []
    what = (
        f"{level.name}: {level.online:.6g} +- {level.online_sd:.3g} online, {level.mean:.6g} +- {level.sd:.3g} "
        f"sampled, {max(off, wide):.0f} times what sampling noise explains"
    )
    meaning = "levels have a closed answer, so the online one follows the load wrongly, and all opinions built on it"
    return [Finding(sampled.LEVELS, what, meaning, _REPORT)]


def _dispersion(evidence: Evidence, draws: Floats) -> Part:
    """Overdispersion of counts: moments online, a likelihood here; the two may honestly differ."""
    rho = compared("rho", draws[..., 0], evidence.after.dispersion)
    findings = unmet(sampled.DISPERSION, [rho])
    says = f"variance is mean + rho mean^2: rho {rho.online:.3g} online, {rho.low:.3g} .. {rho.high:.3g} sampled"
    if not findings and not rho.low <= rho.online <= rho.high:
        says += (
            ". They may differ honestly: the online moments clip surprises and count quiet buckets in, the sampled "
            "likelihood believes in its own tail. rho only sets how much one count weighs in a level"
        )
    return Part(sampled.DISPERSION, says, (rho,), tuple(findings))


def _regression(evidence: Evidence, draws: Floats) -> Part:
    """The slow regression with the noise held online: coefficients and predictions are to be the same."""
    prediction = _prediction(evidence, draws)
    quantities = _coefficients(evidence, draws)
    findings = unmet(sampled.REGRESSION, quantities)
    if not findings:
        findings = _regression_faults(evidence, prediction)
    says = (
        f"predicts {prediction.online:.4g} for the largest load of the next window, the sampled posterior "
        f"{prediction.sampled:.4g}: {prediction.gap:+.1%} now, {prediction.typical_gap:.1%} typically, where a window "
        f"is {prediction.usual_error:.1%} off anyway"
    )
    return Part(sampled.REGRESSION, says, tuple(quantities), tuple(findings), prediction)


def _free_noise(evidence: Evidence, draws: Floats) -> Part:
    """The same with one noise for all windows, sampled too: what following the noise makes of the prediction."""
    prediction = _prediction(evidence, draws)
    quantities = _coefficients(evidence, draws)
    error = np.sqrt(2.0) * draws[..., -1]  # sd of a Student t with 4 degrees of freedom and that scale
    quantities.append(compared("error", error, float(np.sqrt(evidence.after.noise))))
    findings = unmet(sampled.FREE_NOISE, quantities)
    says = (
        f"with one noise for all windows the sampled posterior predicts {prediction.sampled:.4g}: online is "
        f"{prediction.gap:+.1%} off that now, {prediction.typical_gap:.1%} typically"
    )
    if not findings and prediction.typical_gap > prediction.explained_gap:
        says += (
            ". It differs honestly: online the noise follows the last 200 windows, so those of a wild time are neither "
            "outliers nor worth as much as those of a calm one"
        )
    return Part(sampled.FREE_NOISE, says, tuple(quantities), tuple(findings), prediction)


def _coefficients(evidence: Evidence, draws: Floats) -> list[Quantity]:
    """All coefficients, and what they predict now, relative to the base level."""
    after, d = evidence.after, len(evidence.after.coefficients)
    ways = np.vstack([np.eye(d), after.features])  # each coefficient, then all by the features
    means = (ways @ after.coefficients).tolist()
    sds = np.sqrt(np.maximum(np.einsum("ka,ab,kb->k", ways, after.covariance, ways), 0.0)).tolist()
    values = draws[..., :d] @ ways.T
    names = [*feature_names(evidence.spec), "prediction now"]
    return [compared(name, values[..., k], means[k], sds[k], normal(means[k], sds[k])) for k, name in enumerate(names)]


def _prediction(evidence: Evidence, draws: Floats) -> Prediction:
    """Return what both posteriors predict, now and over the origins of the window, newer ones weighted more."""
    after, features, d = evidence.after, evidence.features, len(evidence.after.coefficients)
    coefficients = draws[..., :d].reshape(-1, d)
    mean, covariance = coefficients.mean(axis=0), np.cov(coefficients, rowvar=False)
    discount = 1.0 - 1.0 / evidence.spec.settings.slow_memory
    weights = discount ** np.arange(len(features) - 1, -1, -1.0)

    def typical(squares: Floats) -> float:
        return float(np.sqrt(max(float(np.average(squares, weights=weights)), 0.0)))

    online_width, sampled_width = (
        typical(np.einsum("ia,ab,ib->i", features, of, features, optimize=True))
        for of in (after.covariance, covariance)
    )
    error = typical(evidence.noises)
    gap = float(after.features @ (after.coefficients - mean))
    here = after.base + float(after.features @ mean)
    return Prediction(
        online=float(np.exp(here + gap)) - after.offset,
        sampled=float(np.exp(here)) - after.offset,
        gap=float(np.expm1(gap)),
        typical_gap=float(np.expm1(typical((features @ (after.coefficients - mean)) ** 2))),
        explained_gap=float(np.expm1(MOST_SDS * sampled_width + MOST_OF_ERROR * error + sampled.LEAST_SPREAD)),
        usual_error=float(np.expm1(error)),
        online_width=online_width,
        sampled_width=sampled_width,
    )


def _regression_faults(evidence: Evidence, prediction: Prediction) -> list[Finding]:
    """Predictions, or their width, that are off by more than learning in one pass explains."""
    findings = []
    if not prediction.typical_gap <= prediction.explained_gap:  # not a number is a fault too
        what = (
            f"the slow regression predicts {prediction.typical_gap:.1%} off the sampled posterior typically, "
            f"{prediction.gap:+.1%} now; learning in one pass explains up to {prediction.explained_gap:.1%}"
        )
        meaning = "it has not learned what these windows teach, and the opinions placed by it are off as much"
        findings.append(Finding(sampled.REGRESSION, what, meaning, _REPORT))
    meaning = "the regression trusts itself too much or too little: it follows a change too slowly, or noise too fast"
    if not evidence.after.definite:
        return [
            *findings,
            Finding(sampled.REGRESSION, "the online covariance is not positive definite", meaning, _REPORT),
        ]
    wider = prediction.online_width / prediction.sampled_width
    matters = max(prediction.online_width, prediction.sampled_width) > sampled.LEAST_SPREAD
    if matters and not 1.0 / MOST_WIDTH <= wider <= MOST_WIDTH:
        what = f"the online width of predictions is {wider:.2g} times the sampled one (from 1/2 to 2 is usual)"
        findings.append(Finding(sampled.REGRESSION, what, meaning, _REPORT))
    return findings
