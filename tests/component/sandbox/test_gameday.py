"""The game day: the operator bears what is played, the same each time; one that is made bad does not pass."""

import asyncio
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bayescaler import api
from bayescaler.cli import main
from bayescaler.cli.gameday import limit_of
from bayescaler.control import translate
from bayescaler.policy.reasons import Health
from bayescaler.sandbox import demo
from bayescaler.sandbox.gameday.play import MINUTE
from bayescaler.sandbox.gameday.scenarios import NAMED, SCENARIOS, TROUBLE_SECONDS, play
from bayescaler.sources import prometheus

PAGE = Path(__file__).resolve().parents[3] / "docs/runbooks/game-day.md"


def on_the_page(scenario):
    """What the page shows of a scenario: check, limit and verdict of each row; figures are those of its machine."""
    shown = re.search(r"<!-- story: gameday -->\n```text\n(.*?)```", PAGE.read_text(), re.DOTALL)[1]
    rows = [re.split(r" {2,}", line.strip()) for line in shown.splitlines()]
    return [(row[1], row[3], row[4]) for row in rows if row[0] == scenario]


def test_the_page_tells_of_every_scenario():
    text = PAGE.read_text()
    assert all(f"| `{scenario.name}` |" in text for scenario in SCENARIOS)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
async def test_the_operator_bears_it(scenario):
    ticks = []
    verdicts = await play(scenario, on_tick=lambda: ticks.append(1))
    assert [verdict for verdict in verdicts if not verdict.holds] == []
    assert len(ticks) == scenario.ticks
    assert on_the_page(scenario.name) == [(verdict.check, limit_of(verdict), "holds") for verdict in verdicts]


async def test_the_same_seed_gives_the_same_figures():
    assert await play(NAMED["burst"], seed=3) == await play(NAMED["burst"], seed=3)


async def failed(scenario):
    return {verdict.check for verdict in await play(scenario) if not verdict.holds}


def played_otherwise(name, happens):
    return replace(NAMED[name], happens=happens)


async def test_an_operator_that_believes_a_sudden_zero_fails(monkeypatch):
    monkeypatch.setattr(translate, "SILENCE_SHARE", 0.0)
    assert "scale-ins on it" in await failed(NAMED["zero"])


async def test_an_operator_that_takes_what_is_no_number_for_little_load_fails(monkeypatch):
    honest = prometheus.judged

    def gullible(times, values, seen, *, warnings=()):
        return replace(honest(times, np.nan_to_num(values, nan=1.0), seen, warnings=warnings), health=Health.LIVE)

    monkeypatch.setattr(prometheus, "judged", gullible)
    assert "scale-ins on it" in await failed(NAMED["nan"])


async def test_an_operator_that_stands_still_fails():
    async def hangs(game):
        await game.run(TROUBLE_SECONDS, deciding=False)

    assert "short of replicas" in await failed(played_otherwise("burst", hangs))


async def test_an_outage_that_does_not_end_fails():
    async def goes_on(game):
        await game.stage.prometheus.stop()
        await game.run(TROUBLE_SECONDS)

    assert "forecast decides again" in await failed(played_otherwise("outage", goes_on))


async def test_somebody_who_swings_the_replicas_fails():
    async def swings(game):
        for at in range(int(TROUBLE_SECONDS / MINUTE)):
            spec = {"spec": {"replicas": 40 if at % 2 else 25}}
            game.stage.server.patch("apps/v1", "Deployment", demo.OURS, spec)
            await game.run(MINUTE)

    assert "turns up and down" in await failed(played_otherwise("stale", swings))


async def test_a_policy_that_never_lowers_fails():
    async def surges(game):
        never = {"spec": {"behavior": {"scaleDown": {"selectPolicy": "Disabled"}}}}
        game.stage.server.patch(api.API_VERSION, api.KIND, demo.OURS, never)
        await game.run(TROUBLE_SECONDS)

    assert await failed(played_otherwise("burst", surges)) == {"replicas given back"}


async def test_a_rollout_of_which_nothing_is_learned_fails():
    async def nothing(game):
        await game.run(TROUBLE_SECONDS)

    assert await failed(played_otherwise("rollout", nothing)) == {"scale-ins while it rolls", "lead time learned"}


async def gameday(*options):
    try:
        await asyncio.to_thread(main, ["gameday", *options])
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


async def test_the_command_tells_a_table_and_how_many_hold(capsys):
    assert await gameday("--scenario=replaced") == 0
    out = capsys.readouterr().out
    assert out.endswith("1 scenarios, 5 checks: all hold\n")
    assert "load served again" in out


async def test_the_command_tells_json_and_ends_with_one_where_a_check_fails(capsys, monkeypatch):
    async def blind(game):
        await game.stage.prometheus.stop()

    monkeypatch.setitem(NAMED, "replaced", played_otherwise("replaced", blind))
    assert await gameday("--scenario=replaced", "--output=json") == 1
    told = json.loads(capsys.readouterr().out)
    assert {one["scenario"] for one in told} == {"replaced"}
    assert {"check", "figure", "limit", "unit", "at_least", "holds"} <= set(told[0])
    assert not all(one["holds"] for one in told)


async def test_a_scenario_that_there_is_not_is_refused_with_those_that_there_are(capsys):
    assert await gameday("--scenario=flood") == 2
    assert "burst, outage, nan" in capsys.readouterr().err
