"""Seats at one server, shared fairly: no tenant's slow queries keep another tenant's load from being read."""

import asyncio
from collections import Counter, deque


class FairSeats:
    """`seats` at once for all tenants, all but one of them for one tenant; who has fewest is next, then who waited
    longest. Not safe across event loops.
    """

    def __init__(self, seats: int) -> None:
        if seats < 1:
            raise ValueError(f"{seats} seats let nobody ask: give at least 1")
        self._free = seats
        self._most = max(1, seats - 1)
        self._held: Counter[str] = Counter()
        # Tenants in the order in which they, having none, began to wait.
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    async def acquire(self, tenant: str) -> None:
        """Return once the tenant has one more seat; `release` gives it back."""
        seat = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(tenant, deque()).append(seat)
        self._seat()
        try:
            await seat
        except asyncio.CancelledError:
            if seat.cancelled():
                self._leave(tenant, seat)
            else:  # it was given in the very turn in which nobody wanted it any more
                self.release(tenant)
            raise

    def release(self, tenant: str) -> None:
        """Give a seat back."""
        self._free += 1
        self._held[tenant] -= 1
        if not self._held[tenant]:
            del self._held[tenant]
        self._seat()

    def _seat(self) -> None:
        while self._free:
            fit = [tenant for tenant in self._waiting if self._held[tenant] < self._most]
            if not fit:
                return
            tenant = min(fit, key=self._held.__getitem__)
            seat = self._waiting[tenant][0]
            self._leave(tenant, seat)
            if not seat.done():
                self._free -= 1
                self._held[tenant] += 1
                seat.set_result(None)

    def _leave(self, tenant: str, seat: "asyncio.Future[None]") -> None:
        queue = self._waiting.get(tenant)
        if queue is None or seat not in queue:
            return
        queue.remove(seat)
        del self._waiting[tenant]
        if queue:  # behind those who have as few as it has now
            self._waiting[tenant] = queue
