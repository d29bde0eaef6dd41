"""Seats at a server: work goes on, and nobody waits for another tenant's slow queries."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayescaler.sources.fair import FairSeats


async def settled():
    """Let every task that can go on do so."""
    for _ in range(5):
        await asyncio.sleep(0)


class Asker:
    """Tasks that take a seat and keep it until told."""

    def __init__(self, seats):
        self.seats, self.sitting, self.tasks = seats, [], []

    def ask(self, tenant):
        async def sit():
            await self.seats.acquire(tenant)
            self.sitting.append(tenant)

        self.tasks.append(asyncio.create_task(sit()))
        return self.tasks[-1]

    def rise(self, tenant):
        self.sitting.remove(tenant)
        self.seats.release(tenant)


@pytest.mark.parametrize(("seats", "alone"), [(1, 1), (2, 1), (8, 7)])
async def test_a_tenant_alone_gets_all_seats_but_one(seats, alone):
    asker = Asker(FairSeats(seats))
    for _ in range(10):
        asker.ask("slow")
    await settled()
    assert asker.sitting == ["slow"] * alone


async def test_another_tenant_need_not_wait_for_the_slow_one():
    asker = Asker(FairSeats(8))
    for _ in range(100):
        asker.ask("slow")
    asker.ask("quick")
    await settled()
    assert "quick" in asker.sitting


async def test_who_has_fewest_is_next_and_among_equals_who_waited_longest():
    asker = Asker(FairSeats(3))
    for tenant in ("a", "a", "b", "a", "b", "c", "d"):
        asker.ask(tenant)
    await settled()
    assert sorted(asker.sitting) == ["a", "a", "b"]
    order = []
    for tenant in ("a", "a", "b"):
        asker.rise(tenant)
        await settled()
        order.append(asker.sitting[-1])
    assert order == ["c", "a", "b"]


async def test_who_gives_up_waiting_takes_no_seat_and_holds_up_nobody():
    asker = Asker(FairSeats(1))
    asker.ask("a")
    await settled()
    gone, stays = asker.ask("b"), asker.ask("c")
    await settled()
    gone.cancel()
    await settled()
    asker.rise("a")
    await settled()
    assert (asker.sitting, gone.cancelled(), stays.done()) == (["c"], True, True)


async def test_a_seat_given_in_the_turn_of_a_cancellation_is_not_lost():
    seats = FairSeats(1)
    await seats.acquire("a")
    waiting = asyncio.create_task(seats.acquire("b"))
    await settled()
    seats.release("a")  # b's now, though b has not woken yet
    waiting.cancel()
    await settled()
    assert waiting.cancelled()
    await asyncio.wait_for(seats.acquire("c"), 5)


def test_no_seats_are_no_setting():
    with pytest.raises(ValueError, match="give at least 1"):
        FairSeats(0)


@given(st.integers(1, 5), st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["ask", "rise", "leave"]))))
def test_seats_are_never_more_nor_lost(seats, moves):
    async def play():
        asker = Asker(FairSeats(seats))
        for tenant, move in moves:
            if move == "ask":
                asker.ask(tenant)
            elif move == "rise" and tenant in asker.sitting:
                asker.rise(tenant)
            elif move == "leave" and asker.tasks:
                asker.tasks[len(asker.tasks) // 2].cancel()
            await settled()
            assert len(asker.sitting) <= seats
        while asker.sitting:
            asker.rise(asker.sitting[0])
            await settled()
        assert all(task.done() for task in asker.tasks), "everybody who wanted a seat had one"

    asyncio.run(play())
