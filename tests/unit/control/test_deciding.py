"""What of a workload a decision is told: the pods that serve, and every bucket that has come since the last."""

from dataclasses import replace

import pytest

from bayescaler.cluster.scalers import Reference, Scaler, ScalerKind
from bayescaler.control.deciding import decide_one
from bayescaler.control.estimate import BankPool
from bayescaler.policy.reasons import Health
from bayescaler.policy.steered import spent

from .builders import MINUTE, NOON, flat, target
from .test_estimate import fitted

BUDGET = {"risk": {"overloadBudget": 0.01}}
HPA = Scaler(ScalerKind.HPA, "shop", "web", "u", Reference("apps", "Deployment", "web"), 2, 40)


async def ticked(web, pool, fresh, *, now, health=Health.LIVE):
    """One tick in which these buckets came."""
    web.fresh = [(float(at), load) for at, load in fresh]
    web.load.health, web.load.complete = health, True
    if fresh:
        web.load.value, web.load.at = fresh[-1][1] * web.intent.scale, fresh[-1][0] + MINUTE
    await pool.update([web])
    web.outlook = flat(300.0)
    decide_one(web, now=now, scale_in_allowed=True)


async def budgeted(pool, **spec):
    web = await fitted(pool, objective=BUDGET, **spec)
    web.target = target(8)
    await ticked(web, pool, [(NOON, 300.0)], now=NOON + MINUTE)
    return web


def booked(web):
    figures = web.state.steering.figures
    return figures.tolist()[:4]


async def test_after_a_silence_every_bucket_is_booked_as_if_it_had_come_in_time():
    pool = BankPool()
    later = [(NOON + i * MINUTE, load) for i, load in enumerate([700.0, 300.0, 700.0, 300.0], start=1)]
    in_time, at_once = await budgeted(pool), await budgeted(pool)
    for at, load in later:
        await ticked(in_time, pool, [(at, load)], now=at + MINUTE)
    await ticked(at_once, pool, later, now=later[-1][0] + MINUTE)
    assert booked(at_once) == pytest.approx(booked(in_time), rel=1e-12)
    before = booked(at_once)
    await ticked(at_once, pool, [], now=later[-1][0] + MINUTE + 15.0)
    assert booked(at_once) == before


async def test_buckets_of_which_nothing_is_decided_are_not_kept():
    pool = BankPool()
    web = await budgeted(pool)
    web.target = None
    await ticked(web, pool, [(NOON + MINUTE, 700.0)], now=NOON + 2 * MINUTE)
    assert (web.decision, web.unbooked) == (None, [])


async def test_buckets_that_came_while_load_was_not_live_wait_for_it():
    pool = BankPool()
    later = [(NOON + i * MINUTE, 700.0) for i in range(1, 4)]
    steady, troubled = await budgeted(pool), await budgeted(pool)
    await ticked(steady, pool, later, now=later[-1][0] + MINUTE)
    await ticked(troubled, pool, later[:2], now=later[1][0] + MINUTE, health=Health.FAILED)
    await ticked(troubled, pool, later[2:], now=later[2][0] + MINUTE)
    assert booked(troubled) == pytest.approx(booked(steady), rel=1e-12)
    assert troubled.unbooked == []


@pytest.mark.parametrize(
    ("changes", "short"),
    [
        ({"target": target(8, ready=8)}, False),
        ({"target": target(8, ready=3)}, True),
        ({"target": target(3, ready=8)}, False),
        ({"target": replace(target(3), ready_replicas=None)}, True),
        ({"target": target(8, ready=8), "scaler": HPA}, False),
        ({"target": replace(target(8), ready_replicas=None), "scaler": HPA}, False),
        ({"target": target(8, ready=3), "scaler": HPA}, True),
    ],
    ids=[
        "all ready",
        "some are not",
        "some end",
        "nobody tells",
        "above a floor",
        "and nobody tells",
        "and some are not",
    ],
)
async def test_what_is_short_is_reckoned_by_the_pods_that_serve(changes, short):
    pool = BankPool()
    web = await budgeted(pool, mode="Floor" if "scaler" in changes else "Auto")
    for name, value in changes.items():
        setattr(web, name, value)
    for i in range(1, 6):
        await ticked(web, pool, [(NOON + i * MINUTE, 300.0)], now=NOON + (i + 1) * MINUTE)
    assert (spent(web.state) > 0.0) is short


@pytest.mark.parametrize(("doubted", "final"), [(0, 1), (1, 8), (2, 8)])
async def test_on_a_silence_in_doubt_nothing_is_lowered_though_its_estimate_has_failed(doubted, final):
    web = await fitted(BankPool())
    web.target, web.outlook, web.doubted = target(8), None, doubted
    web.load.health, web.load.complete, web.load.value, web.load.at = Health.LIVE, True, 0.0, NOON
    for after in (0.0, 400.0):  # longer than what was recommended before is kept
        web.load.at = NOON + after
        decide_one(web, now=NOON + after, scale_in_allowed=True)
    assert web.decision.final == final
