"""The online posterior beside the sampled one: the evidence is what was learned from, and what is wrong is told."""

from dataclasses import replace

import numpy as np
import pytest

from bayescast import Event, Family, Forecaster, ForecastSpec, InvalidSpec, InvalidValue, Kind, NoData
from bayescast.agreement import gamma, normal, wasserstein
from bayescast.checkup import judge
from bayescast.convergence import convergence
from bayescast.evidence import gather
from bayescast.nuts import Run, Samples, nuts
from bayescast.posterior import feature_names
from bayescast.sampled import gamma_levels, levels, normal_levels, sample, sampled_levels

pytestmark = pytest.mark.jit  # whole forecasts: minutes without it

STEP, BUCKETS = 300.0, 420
TIMES = STEP * np.arange(BUCKETS)
RHO = 0.3
RUN = Run(chains=4, samples=1000, warmup=200, seed=2)


def counts(seed=0, mean=30.0):
    """Negative binomial counts around a slow wave."""
    rng = np.random.default_rng(seed)
    wave = mean * (1.0 + 0.3 * np.sin(2.0 * np.pi * TIMES / 20_000.0))
    return rng.poisson(rng.gamma(1.0 / RHO, RHO * wave)).astype(float)


def spec(kind=Kind.COUNT, lead=4, seasons=(), family=None):
    family = family or (Family.GAUSSIAN if kind is Kind.GAUGE else Family.POISSON_GAMMA)
    return ForecastSpec(STEP, (lead,), kind=kind, seasons=seasons, family=family)


@pytest.fixture(scope="module")
def evidence():
    """Counts, the newest third of an hour-long gap behind them."""
    loads = counts()
    loads[300:304] = np.nan
    return gather(spec(), TIMES, loads)


@pytest.fixture(scope="module")
def samples(evidence):
    return sample(evidence, RUN)


@pytest.fixture(scope="module")
def healthy(evidence, samples):
    return judge(evidence, samples, RUN)


def no_levels():
    """What could have been drawn of the regressions alone."""
    drawn = np.random.default_rng(0).normal(size=(2, 500, 8))
    return Samples({"regression": drawn, "free noise": drawn}, 0)


def part(agreement, name):
    (found,) = (one for one in agreement.parts if one.name == name)
    return found


def test_what_is_believed_is_what_the_forecaster_holds():
    loads = counts()
    forecaster = Forecaster(spec())
    with pytest.raises(NoData, match="no load was seen"):
        forecaster.posterior()
    with pytest.raises(InvalidSpec, match="lead = 5"):
        forecaster.posterior(5)
    believed = forecaster.fit(TIMES, loads).posterior(4)
    assert believed.load == loads[-1]
    assert believed.windows == forecaster.diagnostics().windows
    assert believed.level == pytest.approx(np.log(believed.level_shape / believed.level_rate + believed.offset))
    last, slow = np.log(loads[-1] + believed.offset), believed.level[2]
    assert believed.features[:3] == pytest.approx([1.0, last - believed.base, slow - believed.base])
    assert believed.family is Family.POISSON_GAMMA
    assert believed.definite
    assert not replace(believed, covariance=-believed.covariance).definite
    assert not replace(believed, covariance=np.nan * believed.covariance).definite


@pytest.mark.parametrize("seasons", [(), (86400.0,), (86400.0, 604800.0), (1800.0, 3600.0, 86400.0)])
def test_every_feature_has_a_name(seasons):
    asked = replace(spec(seasons=seasons), events=(Event("sale"), Event("holiday", ((0.0, 600.0),))))
    believed = Forecaster(asked).fit(TIMES[:10], counts()[:10]).posterior()
    names = feature_names(asked)
    assert len(names) == len(set(names)) == len(believed.features) == len(believed.coefficients)


class TestEvidence:
    @pytest.mark.parametrize("buckets", [None, 150])
    @pytest.mark.parametrize("kind", [Kind.COUNT, Kind.RATE])
    def test_levels_of_events_are_the_conjugate_answer_to_it(self, kind, buckets):
        loads = counts()
        loads[[200, 201, 350]] = np.nan
        found = gather(spec(kind), TIMES, loads, buckets=buckets)
        assert len(found.loads) == (buckets or BUCKETS - 1)
        assert (found.weights < 1.0).all() == (kind is Kind.COUNT)
        shape, rate = gamma_levels(found)
        np.testing.assert_allclose(found.after.level_shape, shape, rtol=1e-11)
        np.testing.assert_allclose(found.after.level_rate, rate, rtol=1e-11)

    @pytest.mark.parametrize("buckets", [None, 150])
    def test_log_levels_of_a_gauge_are_the_conjugate_answer_to_it(self, buckets):
        found = gather(spec(Kind.GAUGE), TIMES, counts(), buckets=buckets)
        mean, sd = normal_levels(found)
        np.testing.assert_allclose(found.after.level, mean, rtol=1e-12)
        assert np.all(np.diff(sd) < 0.0)
        assert sd[-1] > 0.0

    def test_replaying_the_regression_on_it_by_textbook_ends_where_the_forecaster_did(self):
        found = gather(spec(lead=3, seasons=(7200.0,)), TIMES, counts(), buckets=200)
        settings, d = found.spec.settings, len(found.before.coefficients)
        mean, precision, noise = found.before.coefficients, np.linalg.inv(found.before.covariance), found.before.noise
        forgotten = 1.0 - 1.0 / settings.slow_memory
        for clock, (x, y) in enumerate(zip(found.features, found.targets, strict=True), start=BUCKETS - 200):
            assert found.noises[clock - (BUCKETS - 200)] == pytest.approx(noise)
            error = y - x @ mean
            variance = noise * max(1.0, (4.0 + error**2 / noise) / 5.0)
            precision = precision + np.outer(x, x) / variance
            mean = mean + np.linalg.solve(precision, x) * error / variance
            precision = forgotten * precision
            precision[clock % d, clock % d] += (1.0 - forgotten) * d / settings.regression_prior
            noise += 0.005 * (min(error**2, 25.0 * noise) - noise) + 1e-12
        assert len(found.targets) == 200
        np.testing.assert_allclose(found.after.coefficients, mean, rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(found.after.covariance, np.linalg.inv(precision), rtol=1e-6, atol=1e-10)
        assert found.after.noise == pytest.approx(noise)

    def test_after_a_change_of_family_levels_are_compared_from_there(self):
        """Auto goes over to the Gaussian where loads scatter in proportion to their size."""
        wild = 30.0 * np.exp(1.5 * np.random.default_rng(0).normal(size=BUCKETS))
        asked = spec(Kind.RATE, family=Family.AUTO)
        found = gather(asked, TIMES, wild)
        assert (found.before.family, found.after.family) == (Family.POISSON_GAMMA, Family.GAUSSIAN)
        assert found.turn.family is Family.GAUSSIAN
        assert 20 <= len(found.loads) < found.buckets == BUCKETS - 1
        np.testing.assert_allclose(found.after.level, normal_levels(found)[0], rtol=1e-12)
        assert len(found.targets) == found.after.windows  # the regression goes on over the change
        moment = BUCKETS - len(found.loads) + 1
        just_now = gather(asked, TIMES[:moment], wild[:moment])
        assert not sampled_levels(just_now).any()
        assert "the family changed 1 buckets ago" in part(judge(just_now, no_levels(), RUN), "levels").says

    def test_windows_that_taught_nothing_are_not_in_it(self, evidence):
        assert evidence.observed.sum() == BUCKETS - 1 - 4
        assert len(evidence.targets) == evidence.after.windows - evidence.before.windows < BUCKETS - 4

    def test_it_begins_with_the_first_load(self):
        late = counts()
        late[:100] = np.nan
        found = gather(spec(), TIMES, late, buckets=10_000)
        assert len(found.loads) == BUCKETS - 101
        assert found.start == TIMES[101]

    @pytest.mark.parametrize("loads", [np.full(BUCKETS, np.nan), np.r_[counts()[:90], np.full(BUCKETS - 90, np.nan)]])
    def test_too_little_of_it_is_told_with_the_cure(self, loads):
        with pytest.raises(NoData, match="longer window or more history"):
            gather(spec(), TIMES, loads)

    def test_too_few_windows_are_told_with_the_cure(self):
        with pytest.raises(NoData, match=r"windows of 400 buckets.*give a longer one"):
            gather(spec(lead=400), TIMES, counts())

    def test_a_jump_in_time_is_refused(self):
        with pytest.raises(InvalidValue, match="NaN for a missing load"):
            gather(spec(), np.delete(TIMES, 7), np.delete(counts(), 7))


class TestConvergence:
    @pytest.fixture
    def chains(self):
        return np.random.default_rng(0).normal(size=(4, 1000))

    def test_of_independent_draws_every_one_counts(self, chains):
        told = convergence(chains)
        assert told.converged
        assert told.rhat == pytest.approx(1.0, abs=0.005)
        assert told.ess_bulk == pytest.approx(4000, rel=0.15)
        assert told.ess_tail == pytest.approx(4000, rel=0.15)

    def test_draws_that_remember_count_as_few_as_theory_says(self, chains):
        slow = np.zeros((4, 20_000))
        noise = np.random.default_rng(1).normal(size=slow.shape)
        for t in range(1, slow.shape[1]):
            slow[:, t] = 0.9 * slow[:, t - 1] + noise[:, t]
        assert convergence(slow).ess_bulk == pytest.approx(80_000 * 0.1 / 1.9, rel=0.15)

    @pytest.mark.parametrize("spoil", [
        lambda x: x + np.array([0.0, 0.0, 0.0, 1.0])[:, None],  # one chain elsewhere
        lambda x: x * np.array([1.0, 1.0, 1.0, 3.0])[:, None],  # one chain wider: only the folded ranks see it
        lambda x: x + np.linspace(0.0, 2.0, 1000),  # all drift alike: only the split sees it
        lambda x: np.where(np.arange(4)[:, None] == 3, np.tan(1.5 * x), x),  # one without a variance
        np.zeros_like,  # none ever moved
    ])  # fmt: skip
    def test_chains_that_have_not_met_are_told(self, chains, spoil):
        assert not convergence(spoil(chains)).converged
        assert convergence(spoil(chains)).rhat > 1.01

    def test_only_the_order_of_the_draws_counts_for_the_bulk(self, chains):
        assert convergence(np.exp(5.0 * chains)).ess_bulk == convergence(chains).ess_bulk
        assert convergence(1e6 * chains).rhat == convergence(chains).rhat


def test_distances_are_those_of_the_books():
    n = 40_000
    grid = (np.arange(n) + 0.5) / n
    assert wasserstein(normal(0.0, 1.0)(grid), normal(0.7, 1.0)) == pytest.approx(0.7, rel=1e-6)
    assert wasserstein(normal(0.0, 1.0)(grid), normal(0.0, 2.0)) == pytest.approx(np.sqrt(2 / np.pi), rel=1e-3)
    assert wasserstein(gamma(3.0, 2.0)(grid), gamma(3.0, 2.0)) == 0.0
    assert gamma(3.0, 2.0)(grid).mean() == pytest.approx(1.5, rel=1e-3)


class TestSampled:
    def test_levels_are_sampled_as_the_conjugate_answer_has_them(self, evidence, samples):
        shape, rate = gamma_levels(evidence)
        for k in range(3):
            draws = samples.draws["levels"][..., k]
            told = convergence(draws)
            sd = np.sqrt(shape[k]) / rate[k]
            assert draws.mean() == pytest.approx(shape[k] / rate[k], abs=4.0 * sd / np.sqrt(told.ess_bulk))
            assert draws.std() == pytest.approx(sd, rel=4.0 / np.sqrt(told.ess_tail))

    def test_log_levels_of_a_gauge_too_and_the_same_seed_draws_the_same(self):
        gauge = gather(spec(Kind.GAUGE), TIMES, counts())
        run = replace(RUN, chains=2)
        draws = nuts({"levels": levels(gauge)}, run).draws["levels"]
        mean, sd = normal_levels(gauge)
        assert draws.mean(axis=(0, 1)) == pytest.approx(mean, abs=0.15 * sd[0])
        assert draws.std(axis=(0, 1)) == pytest.approx(sd, rel=0.15)
        again = nuts({"levels": levels(gauge)}, replace(run, chains=1))
        np.testing.assert_array_equal(again.draws["levels"], draws[:1])

    def test_the_dispersion_the_counts_were_drawn_with_is_found(self, healthy):
        (rho,) = part(healthy, "dispersion").quantities
        assert rho.low < RHO * 1.3
        assert rho.high > RHO
        assert rho.sd < 0.1

    def test_online_and_sampled_agree_and_every_number_has_converged(self, healthy):
        assert healthy.findings == ()
        assert healthy.healthy
        assert [one.name for one in healthy.parts] == ["levels", "dispersion", "regression", "free noise"]
        quantities = [one for model in healthy.parts for one in model.quantities]
        assert all(one.convergence.converged for one in quantities)
        assert all(one.low < one.mean < one.high for one in quantities)
        assert max(one.distance for one in part(healthy, "levels").quantities) < 0.2
        told = part(healthy, "regression").prediction
        assert abs(told.gap) < 0.1
        assert told.typical_gap < told.explained_gap < told.usual_error
        assert 0.5 < told.online_width / told.sampled_width < 2.0

    def test_levels_of_a_load_that_has_gone_are_not_sampled(self):
        gone = counts()
        gone[-30:] = 0.0
        found = gather(spec(), TIMES, gone)
        np.testing.assert_array_equal(sampled_levels(found), [False, False, True])
        nothing = gather(spec(), TIMES, np.zeros(BUCKETS))
        assert not sampled_levels(nothing).any()
        silent = judge(nothing, no_levels(), RUN)
        assert part(silent, "levels").quantities == ()
        assert "0 of 3 levels sampled (those of 2, 5, 20: too few events" in part(silent, "levels").says
        assert [one.name for one in silent.parts] == ["levels", "regression", "free noise"]


class TestFaults:
    """What is held online is changed, the draws are those of the healthy one."""

    def told(self, evidence, samples, **changed):
        return judge(replace(evidence, after=replace(evidence.after, **changed)), samples, RUN)

    @pytest.mark.parametrize("factors", [
        {"level_shape": 1.1},  # the mean is off, by .7 sd of this level
        {"level_shape": 1.7, "level_rate": 1.7},  # the mean is right, the width is not
        {"level_shape": np.nan},
    ])  # fmt: skip
    def test_a_level_off_the_closed_answer_is_a_finding(self, evidence, samples, factors):
        after = evidence.after
        wrong = {name: getattr(after, name) * np.array([1.0, 1.0, factor]) for name, factor in factors.items()}
        (finding,) = self.told(evidence, samples, **wrong).findings
        assert finding.part == "levels"
        assert finding.what.startswith("level 20: ")
        assert "fault of the forecaster" in finding.cure

    def test_coefficients_that_predict_something_else_are_a_finding(self, evidence, samples):
        found = self.told(evidence, samples, coefficients=evidence.after.coefficients + np.array([0.7, *np.zeros(6)]))
        (finding,) = found.findings
        assert not found.healthy
        assert finding.part == "regression"
        told = part(found, "regression").prediction
        assert told.gap == pytest.approx(np.expm1(0.7), rel=0.15)
        assert "off the sampled posterior typically" in finding.what
        assert told.online > 1.5 * told.sampled

    def test_coefficients_that_predict_the_same_are_none(self, evidence, samples):
        features = evidence.features
        idle = np.linalg.svd(features)[2][-1]  # the direction that the features of this load hardly take
        moved = evidence.after.coefficients + 0.02 * idle
        assert self.told(evidence, samples, coefficients=moved).healthy

    @pytest.mark.parametrize(("factor", "told"), [
        (60.0, "times the sampled one"),
        (1.0 / 60.0, "times the sampled one"),
        (-1.0, "not positive definite"),
        (np.nan, "not positive definite"),
    ])  # fmt: skip
    def test_a_covariance_that_cannot_be_right_is_a_finding(self, evidence, samples, factor, told):
        (finding,) = self.told(evidence, samples, covariance=factor * evidence.after.covariance).findings
        assert finding.part == "regression"
        assert told in finding.what

    def test_coefficients_that_are_no_numbers_are_a_finding(self, evidence, samples):
        found = self.told(evidence, samples, coefficients=np.nan * evidence.after.coefficients)
        assert {finding.part for finding in found.findings} == {"regression"}

    def test_another_dispersion_is_told_but_is_no_fault(self, evidence, samples):
        found = self.told(evidence, samples, dispersion=3.0)
        assert found.healthy
        assert "differ honestly" in part(found, "dispersion").says
        assert "differ honestly" not in part(self.told(evidence, samples, dispersion=RHO), "dispersion").says

    def test_what_a_noise_of_its_own_would_change_is_told_but_is_no_fault(self, evidence, samples, healthy):
        elsewhere = samples.draws["free noise"] + np.array([0.7, *np.zeros(7)])
        found = judge(evidence, Samples(samples.draws | {"free noise": elsewhere}, 0), RUN)
        assert found.healthy
        assert "differs honestly" in part(found, "free noise").says
        assert "differs honestly" not in part(healthy, "free noise").says

    @pytest.mark.parametrize("name", ["levels", "dispersion", "regression", "free noise"])
    def test_chains_that_have_not_met_say_nothing_of_the_online_posterior(self, evidence, samples, name):
        apart = samples.draws[name] * np.array([1.0, 1.0, 1.0, 1.3])[:, None, None]
        found = judge(evidence, Samples(samples.draws | {name: apart}, 0), RUN)
        (finding,) = found.findings
        assert finding.part == name
        assert "have not met" in finding.what
        assert "--samples" in finding.cure

    def test_after_divergences_nothing_is_said_of_the_online_posterior(self, evidence, samples):
        wrong = replace(evidence, after=replace(evidence.after, coefficients=0.0 * evidence.after.coefficients + 9.0))
        (finding,) = judge(wrong, Samples(samples.draws, 3), RUN).findings
        assert finding.part == "sampler"
        assert finding.what.startswith("3 of 4000 transitions diverged")
        assert "--window" in finding.cure
