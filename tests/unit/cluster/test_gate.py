"""The gate: a bounded number of calls in flight, and patience for all when the server asks one for it."""

import asyncio

import pytest

from bayescaler.cluster.errors import NotFound, TooManyRequests
from bayescaler.cluster.gate import Gate


class Time:
    def __init__(self):
        self.now = 0.0

    def clock(self):
        return self.now

    async def sleep(self, seconds):
        self.now += seconds
        await asyncio.sleep(0)


def busy(seconds):
    return TooManyRequests(429, "TooManyRequests", "busy", retry_after_seconds=seconds)


async def test_no_more_than_its_seats_are_in_flight():
    gate, running, most = Gate(3), 0, 0
    started, release = asyncio.Queue(), asyncio.Event()

    async def call():
        nonlocal running, most
        running += 1
        most = max(most, running)
        started.put_nowait(running)
        await release.wait()
        running -= 1

    calls = [asyncio.create_task(gate.run(call)) for _ in range(10)]
    for _ in range(3):
        await started.get()
    release.set()
    await asyncio.gather(*calls)
    assert most == 3


async def test_one_refusal_makes_everybody_wait_as_long_as_the_server_asked():
    time = Time()
    gate = Gate(2, clock=time.clock, sleep=time.sleep)
    at = []
    answers = [busy(7.0), "first", "second"]

    async def call():
        at.append(time.now)
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert await gate.run(call) == "first"
    assert await gate.run(call) == "second"
    assert at == [0.0, 7.0, 7.0]


async def test_a_server_that_stays_busy_is_the_callers_to_report():
    time = Time()
    gate = Gate(1, attempts=3, clock=time.clock, sleep=time.sleep)
    calls = 0

    async def call():
        nonlocal calls
        calls += 1
        raise busy(1.0)

    with pytest.raises(TooManyRequests):
        await gate.run(call)
    assert calls == 3


async def test_a_server_that_asks_for_an_hour_is_the_callers_at_once_and_closes_nothing():
    time = Time()
    gate = Gate(2, patience_seconds=15.0, clock=time.clock, sleep=time.sleep)
    answers = [busy(3600.0), "second"]

    async def call():
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    with pytest.raises(TooManyRequests):
        await gate.run(call)
    assert await gate.run(call) == "second"
    assert time.now == 0.0


async def test_nobody_waits_longer_than_its_patience_however_often_the_server_asks():
    time = Time()
    gate = Gate(1, attempts=10, patience_seconds=15.0, clock=time.clock, sleep=time.sleep)
    calls = []

    async def call():
        calls.append(time.now)
        raise busy(6.0)

    with pytest.raises(TooManyRequests):
        await gate.run(call)
    assert calls == [0.0, 6.0, 12.0]
    assert time.now == 12.0


async def test_who_queued_too_long_for_a_closed_gate_is_told_why_without_asking():
    time = Time()
    gate = Gate(1, attempts=2, patience_seconds=15.0, clock=time.clock, sleep=time.sleep)
    calls = []

    def call(name):
        async def asked():
            await asyncio.sleep(0)  # both are at the gate before the first answer
            calls.append(name)
            raise busy(10.0)

        return gate.run(asked)

    results = await asyncio.gather(call("first"), call("second"), return_exceptions=True)
    assert [type(result) for result in results] == [TooManyRequests, TooManyRequests]
    assert calls == ["first", "first"]


async def test_any_other_refusal_is_not_tried_again():
    calls = 0

    async def call():
        nonlocal calls
        calls += 1
        raise NotFound(404, "NotFound", "gone")

    with pytest.raises(NotFound):
        await Gate().run(call)
    assert calls == 1


@pytest.mark.parametrize("sizes", [(0, 1), (1, 0)])
def test_a_gate_that_lets_nothing_through_is_refused(sizes):
    with pytest.raises(ValueError, match="give at least 1 of each"):
        Gate(sizes[0], attempts=sizes[1])
