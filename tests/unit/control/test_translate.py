"""Every field of the resource, as the pure rooms understand it."""

import dataclasses
import math

import pytest

from bayescaler.api import SpecError
from bayescaler.control.settings import Settings
from bayescaler.control.translate import TargetRef, constants, lead_buckets, translate
from bayescaler.policy.capacity import CapacityTerms
from bayescaler.policy.reasons import Mode
from bayescaler.policy.schedules import Schedule
from bayescaler.policy.types import Behavior, Budget, Fallback, Policy, PolicyType, ScalingPolicy, ScalingRules, Select
from bayescaler.sources.port import LoadQuery
from bayescast import Family, ForecastSpec, Kind

from .builders import ADDRESS, SETTINGS, load_of, manifest


def intent(**spec):
    return translate("shop", "web", manifest(**spec), SETTINGS)


FULL = {
    "scaleTargetRef": {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "checkout"},
    "minReplicas": 2,
    "maxReplicas": 30,
    "mode": "Observe",
    "paused": True,
    "load": {
        "prometheus": {
            "query": "sum(queue)",
            "serverAddress": "https://thanos.example/path",
            "authRef": {"name": "prom"},
        },
        "kind": "Gauge",
        "step": "30s",
        "activationThreshold": 2.5,
    },
    "capacity": {"perReplica": 12.5},
    "forecast": {
        "family": "PoissonGamma",
        "history": "4w",
        "seasons": ["24h"],
        "timeZone": "Europe/Berlin",
        "horizon": "5m",
    },
    "objective": {"quantile": 0.99, "buffer": 0.1},
    "behavior": {
        "scaleUp": {
            "stabilizationWindowSeconds": 30,
            "selectPolicy": "Min",
            "tolerance": 0.05,
            "policies": [{"type": "Pods", "value": 8, "periodSeconds": 60}],
        },
        "scaleDown": {
            "stabilizationWindowSeconds": 600,
            "selectPolicy": "Disabled",
            "tolerance": 0.2,
            "policies": [{"type": "Percent", "value": 10, "periodSeconds": 120}],
        },
    },
    "fallback": {"after": "5m", "reactive": {"targetUtilization": 0.6}, "replicas": 10},
    "schedules": [
        {"name": "sale", "start": "0 8 * * 5", "duration": "4h", "timeZone": "UTC", "minReplicas": 20},
        {"name": "night", "start": "0 22 * * *", "duration": "8h", "maxReplicas": 5},
    ],
}


def test_a_full_spec_is_taken_field_by_field():
    full = intent(**FULL)
    assert full.target == TargetRef("argoproj.io/v1alpha1", "Rollout", "checkout")
    assert full.query == LoadQuery("shop/web", "sum(queue)", 30.0, "https://thanos.example/path", "shop/prom")
    assert full.history_seconds == 28 * 86400.0
    assert full.forecast == ForecastSpec(
        settings=constants(1, 28 * 86400.0 / 30.0),
        step_seconds=30.0,
        leads=(10, 60),
        kind=Kind.GAUGE,
        family=Family.POISSON_GAMMA,
        seasons=(86400.0,),
        time_zone="Europe/Berlin",
    )
    assert full.policy == Policy(
        min_replicas=2,
        max_replicas=30,
        capacity=12.5,
        quantile=0.99,
        buffer=0.1,
        mode=Mode.OBSERVE,
        paused=True,
        behavior=Behavior(
            ScalingRules((ScalingPolicy(PolicyType.PODS, 8, 60.0),), 30.0, Select.MIN, 0.05),
            ScalingRules((ScalingPolicy(PolicyType.PERCENT, 10, 120.0),), 600.0, Select.DISABLED, 0.2),
        ),
        fallback=Fallback(after_seconds=300.0, target_utilization=0.6, replicas=10),
        unit="",
        schedules=(
            Schedule("sale", "0 8 * * 5", 14_400.0, "UTC", 20, None),
            Schedule("night", "0 22 * * *", 28_800.0, "Europe/Berlin", None, 5),
        ),
        lead_seconds=300.0,
        activation_threshold=2.5,
    )


def test_the_full_spec_leaves_no_field_that_a_user_can_set_at_its_default():
    full, plain = intent(**FULL), intent()
    fixed = {"hold_seconds", "recover_seconds"}
    pairs = [
        (full.policy, plain.policy),
        (full.policy.fallback, plain.policy.fallback),
        (full.forecast, plain.forecast),
    ]
    compared = [(f.name, a, b) for a, b in pairs for f in dataclasses.fields(a) if f.compare]
    same = {name for name, a, b in compared if getattr(a, name) == getattr(b, name)}
    assert same == fixed | {"events"} | {
        "price",
        "budget",
        "calm",
    }  # the library's alone; other aims; ours alone


def test_the_defaults_are_those_of_the_reference():
    plain = intent()
    assert plain.target == TargetRef("apps/v1", "Deployment", "web")
    assert plain.query == LoadQuery("shop/web", "sum(rate(requests_total[1m]))", 60.0, ADDRESS, None)
    assert plain.forecast == ForecastSpec(
        step_seconds=60.0, leads=(2, 30), seasons=(86400.0, 604800.0), settings=constants(1, 14 * 1440.0)
    )
    assert plain.history_seconds == 14 * 86400.0
    assert (plain.policy.min_replicas, plain.policy.mode, plain.policy.quantile) == (1, Mode.AUTO, 0.95)
    assert plain.policy.fallback == Fallback(180.0, 0.7, None)


@pytest.mark.parametrize(("kind", "step", "unit"), [("Rate", "1m", "/s"), ("Count", "5m", "/s"), ("Gauge", "1m", "")])
def test_load_and_capacity_stay_in_the_unit_of_the_query(kind, step, unit):
    found = intent(load=load_of(kind=kind, step=step), capacity={"perReplica": 3000})
    assert found.policy.capacity == 3000.0
    assert found.policy.unit == unit


@pytest.mark.parametrize(
    ("step", "startup", "interval", "lag", "buckets", "why"),
    [
        (60.0, 60.0, 15.0, 15.0, 2, "90 s of minutes are two"),
        (60.0, 30.0, 15.0, 15.0, 1, "exactly a minute is one, not two"),
        (60.0, 0.0, 1.0, 0.0, 1, "never less than one"),
        (15.0, 60.0, 15.0, 15.0, 6, "finer buckets, more of them"),
        (0.1, 0.1, 0.1, 0.1, 3, "0.1 + 0.1 + 0.1 is three tenths, whatever floats say"),
        (3600.0, 600.0, 15.0, 15.0, 1, "an hour holds it all"),
    ],
)
def test_the_lead_covers_start_up_interval_and_lag(step, startup, interval, lag, buckets, why):
    assert lead_buckets(step, startup_seconds=startup, interval_seconds=interval, lag_seconds=lag) == buckets, why


def test_costs_are_a_price_of_running_short_in_replicas():
    found = intent(objective={"costs": {"replicaHour": 0.05, "overloadHour": 20}})
    assert (found.policy.price, found.policy.budget) == (400.0, None)


@pytest.mark.parametrize(("horizon", "startup"), [("Auto", 60.0), ("5m", 270.0), ("20s", 0.0)])
def test_a_budget_knows_the_times_that_steering_reckons_with(horizon, startup):
    found = intent(objective={"risk": {"overloadBudget": 0.01}}, forecast={"horizon": horizon})
    assert found.policy.budget == Budget(0.01, step_seconds=60.0, startup_seconds=startup, lag_seconds=15.0)
    assert found.policy.promised == 0.99


@pytest.mark.parametrize(("step", "window"), [("1s", 180), ("15s", 120), ("1m", 30), ("5m", 6), ("1h", 1)])
def test_a_scale_in_is_right_for_half_an_hour_or_as_many_buckets_as_are_kept(step, window):
    assert intent(load=load_of(step=step), forecast={"history": "2h", "seasons": [], "horizon": "1s"}).window == window


@pytest.mark.parametrize(
    ("window", "buckets", "why"),
    [
        (None, 2, "no rate to be read"),
        (60.0, 2, "the range of a bucket is what a bucket is"),
        (30.0, 2, "a shorter one as well"),
        (300.0, 4, "90 s and half of four minutes"),
        (86400.0, 17, "a rate over a day does not ask for half a day"),
    ],
)
def test_a_rate_over_more_than_a_bucket_lags_and_that_is_looked_ahead_too(window, buckets, why):
    given = {"startup_seconds": 60.0, "interval_seconds": 15.0, "lag_seconds": 15.0}
    assert lead_buckets(60.0, **given, window_seconds=window) == buckets, why


def test_an_auto_horizon_reads_the_range_from_the_query():
    assert intent(load=load_of("sum(rate(requests_total[5m]))")).lead == 4
    assert intent(load=load_of("sum(rate(requests_total[5m]))"), forecast={"horizon": "2m"}).lead == 2


def test_a_capacity_to_learn_is_taken_with_its_terms_and_the_server_of_the_load():
    learn = {"utilizationQuery": "avg(cpu)", "target": 0.6, "floor": 10, "ceiling": 90}
    load = load_of(
        prometheus={"query": "sum(x)", "serverAddress": "https://thanos.example", "authRef": {"name": "prom"}}
    )
    found = intent(capacity={"perReplica": 40, "learn": learn}, load=load)
    assert found.policy.capacity == 40.0
    assert found.learn.terms == CapacityTerms(0.6, 40.0, 10.0, 90.0)
    assert found.learn.utilization == LoadQuery("shop/web", "avg(cpu)", 60.0, "https://thanos.example", "shop/prom")


def test_without_a_number_capacity_is_not_known():
    found = intent(capacity={"learn": {"utilizationQuery": "avg(cpu)", "target": 0.6}})
    assert math.isnan(found.policy.capacity)
    assert intent().learn is None


@pytest.mark.parametrize(("horizon", "lead"), [("1s", 1), ("60s", 1), ("61s", 2), ("5m", 5)])
def test_a_fixed_horizon_is_rounded_up_to_buckets(horizon, lead):
    found = intent(forecast={"horizon": horizon})
    assert (found.lead, found.lead_seconds) == (lead, lead * 60.0)


def test_an_auto_horizon_follows_the_settings_of_the_operator():
    slow = Settings(default_server_address=ADDRESS, startup_seconds=600.0)
    assert translate("shop", "web", manifest(), slow).lead == 11


def test_pods_may_be_steered_to_more_than_they_request_as_an_hpa_may():
    """What the schema allows, the policy follows."""
    found = intent(fallback={"reactive": {"targetUtilization": 10}})
    assert found.policy.fallback.target_utilization == 10.0


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"capacity": {"perReplica": 0}}, "spec.capacity.perReplica"),
        ({"load": load_of(step="7s")}, "spec.load.step"),
        ({"minReplicas": 9, "maxReplicas": 3}, "spec.minReplicas"),
        ({"load": load_of(step="1s"), "forecast": {"horizon": "6h", "history": "2h"}}, "horizon"),
    ],
    ids=["capacity", "step", "range", "a lead beyond what the forecaster knows"],
)
def test_whatever_cannot_be_honoured_is_one_kind_of_error_that_says_why(spec, told):
    with pytest.raises(SpecError, match=told):
        intent(**spec)


def test_a_first_silence_is_doubted_where_something_is_to_run_at_all_times():
    assert intent(minReplicas=0).forecast.settings.silence_share == 0.0
    doubting = intent(minReplicas=1).forecast.settings
    assert (doubting.silence_share, doubting.silence_memory) == (0.01, 14 * 1440.0)
