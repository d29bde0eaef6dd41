"""Answers kept: asked once for everybody, forgotten in time, never too many."""

import asyncio

import pytest

from bayescaler.serving.kept import Busy, Kept, Recent


class Source:
    """Answers with how often it was asked; `open` lets it, and a fault is what it fails with."""

    def __init__(self):
        self.asked, self.fault, self.open = 0, None, asyncio.Event()
        self.open.set()

    async def __call__(self):
        self.asked += 1
        mine = self.asked
        await self.open.wait()
        if self.fault is not None:
            raise self.fault
        return mine


@pytest.fixture
async def source():
    return Source()


async def test_an_answer_serves_until_it_is_old(clock, source):
    kept = Kept(clock, seconds=30.0, most=8)
    assert [await kept.get("a", source) for _ in range(3)] == [1, 1, 1]
    clock.now = 29.9
    assert await kept.get("a", source) == 1
    clock.now = 30.0
    assert await kept.get("a", source) == 2


async def test_who_asks_meanwhile_waits_for_the_same_answer(clock, source):
    kept = Kept(clock, seconds=30.0, most=8)
    source.open.clear()
    waiting = [asyncio.ensure_future(kept.get("a", source)) for _ in range(5)]
    await asyncio.sleep(0)
    waiting[0].cancel()  # who leaves does not take the answer along
    await asyncio.sleep(0)
    source.open.set()
    assert await asyncio.gather(*waiting[1:]) == [1, 1, 1, 1]


async def test_a_failure_is_told_to_all_who_wait_and_not_kept(clock, source):
    kept = Kept(clock, seconds=30.0, most=8)
    source.fault = RuntimeError("away")
    told = await asyncio.gather(kept.get("a", source), kept.get("a", source), return_exceptions=True)
    assert [str(error) for error in told] == ["away", "away"]
    source.fault = None
    assert await kept.get("a", source) == 2


async def test_the_least_used_answer_makes_room(clock, source):
    kept = Kept(clock, seconds=30.0, most=2)
    for key in ("a", "b", "a", "c"):
        await kept.get(key, source)
    assert len(kept) == 2
    assert await kept.get("a", source) == 1
    assert await kept.get("b", source) == 4


async def test_more_questions_than_may_wait_are_turned_away(clock, source):
    kept = Kept(clock, seconds=30.0, most=8, in_flight=2, waiting=1)
    source.open.clear()
    waiting = [asyncio.ensure_future(kept.get(key, source)) for key in "abcd"]
    await asyncio.wait(waiting[-1:])
    with pytest.raises(Busy):
        await waiting.pop()
    source.open.set()
    assert sorted(await asyncio.gather(*waiting)) == [1, 2, 3]
    assert await kept.get("d", source) == 4


def test_what_is_recent_is_forgotten_in_time_and_when_there_is_too_much_of_it(clock):
    recent = Recent(clock, seconds=10.0, most=2)
    for key in "abc":
        recent.add(key)
    assert ["a" in recent, "b" in recent, "c" in recent, len(recent)] == [False, True, True, 2]
    clock.now = 10.0
    assert "c" not in recent


async def test_who_had_an_answer_is_asked_about_anew_while_strangers_wait(clock, source):
    kept = Kept(clock, seconds=30.0, most=64, in_flight=2, waiting=2)
    assert await kept.get("known", source) == 1
    clock.now = 31.0
    closed = Source()
    closed.open.clear()
    strangers = [asyncio.ensure_future(kept.get(f"stranger {n}", closed)) for n in range(4)]
    await asyncio.sleep(0)
    with pytest.raises(Busy):
        await kept.get("one more", closed)
    assert await kept.get("known", source) == 2
    closed.open.set()
    await asyncio.gather(*strangers)
