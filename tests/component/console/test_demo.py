"""The console of the demo, and of a played day: its address carries a token, and it shows what the operator decides."""

import aiohttp
import numpy as np
import pytest

from bayescaler.sandbox.demo import Demo, Traffic
from bayescaler.serving.door import Door

from .fleets import MINUTE, NOON


@pytest.fixture
def traffic():
    """Three hours of load, of which four minutes are played after pods have started."""
    times = np.arange(NOON - 180 * MINUTE, NOON, MINUTE)
    return Traffic(times, np.full(len(times), 400.0), MINUTE, NOON - 6 * MINUTE)


async def test_the_demo_has_a_console_while_it_plays(traffic):
    demo, over = Demo(traffic, door=Door("127.0.0.1", 0)), []

    async def at_end():
        over.append(await asked(demo, "api/objects/default/checkout"))

    seen = [await asked(demo, "api/objects") async for _ in demo.play(at_end)]
    (one,) = seen[-1]["objects"]
    assert (one["namespace"], one["name"], one["target"]) == ("default", "checkout", "Deployment/checkout")
    assert one["wanted"] == demo.day.moments[-1].replicas
    assert seen[-1]["wrong"] is None
    assert [told["now"] for told in seen] == [moment.at for moment in demo.day.moments]
    assert len(over[0]["chart"]["ticks"]) == len(demo.day.moments)
    assert over[0]["story"]["headline"]["text"].startswith("default/checkout: ")


async def asked(demo, path):
    address, _, token = demo.console_address.partition("#token=")
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession() as session, session.get(address + path, headers=headers) as answer:
        assert answer.status == 200
        return await answer.json()
