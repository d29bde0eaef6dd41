"""Whether chains have met: rank-normalised split R-hat and effective sample sizes of bulk and tail.

Vehtari, Gelman, Simpson, Carpenter and Burkner (2021), Rank-normalization, folding, and localization: an improved R-hat
for assessing convergence of MCMC. Needs the extra `mcmc`, whose R-hat and effective sample size these are made of.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MOST_RHAT = 1.01
LEAST_ESS = 400.0
_TAIL = 0.05


@dataclass(frozen=True, slots=True)
class Convergence:
    """Of one quantity. rhat: 1 where chains agree. ess_bulk, ess_tail: independent draws behind middle and tails."""

    rhat: float
    ess_bulk: float
    ess_tail: float

    @property
    def converged(self) -> bool:
        """Whether the draws can be believed: R-hat at most 1.01, 400 effective draws in the bulk and in the tails."""
        return self.rhat <= MOST_RHAT and min(self.ess_bulk, self.ess_tail) >= LEAST_ESS


def convergence(draws: Floats) -> Convergence:
    """Judge the draws of one quantity, (chains, samples): R-hat is the worse of location and spread."""
    from numpyro.diagnostics import effective_sample_size, gelman_rubin  # noqa: PLC0415

    halves = _split(draws)
    if np.ptp(halves) == 0.0:  # a chain that never moved has not met anything
        return Convergence(np.inf, 0.0, 0.0)
    ranked, folded = _normal_scores(halves), _normal_scores(np.abs(halves - np.median(halves)))
    tails = [halves <= np.quantile(halves, share) for share in (_TAIL, 1.0 - _TAIL)]
    return Convergence(
        rhat=float(max(gelman_rubin(ranked), gelman_rubin(folded))),
        ess_bulk=float(effective_sample_size(ranked)),
        ess_tail=float(min(effective_sample_size(tail.astype(np.float64)) for tail in tails)),
    )


def _split(draws: Floats) -> Floats:
    """Return every chain as two: (2 chains, samples / 2)."""
    half = draws.shape[1] // 2
    return np.concatenate([draws[:, :half], draws[:, -half:]])


def _normal_scores(values: Floats) -> Floats:
    """Return the normal quantiles of the ranks over all chains, ties sharing their mean rank."""
    from scipy.special import ndtri  # noqa: PLC0415
    from scipy.stats import rankdata  # noqa: PLC0415

    ranks = rankdata(values).reshape(values.shape)
    return np.asarray(ndtri((ranks - 0.375) / (values.size + 0.25)))
