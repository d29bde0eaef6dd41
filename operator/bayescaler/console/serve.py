"""The console at an address, for as long as it is open."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from bayescaler.control.service import Operator
from bayescaler.serving.access import Access
from bayescaler.serving.door import Door, opened

from .site import HOME, Site

NAME = "console"


@asynccontextmanager
async def console(
    operator: Operator,
    access: Access,
    door: Door,
    *,
    refresh_seconds: float,
    clock: Callable[[], float] = time.time,
) -> AsyncIterator[str]:
    """Serve the console of an operator; gives its address. Raises CannotServe."""
    site = Site(operator, access, clock=clock, refresh_seconds=refresh_seconds)
    async with opened(site.application(), door, operator.metrics.http_requests, name=NAME) as address:
        site.look_on()
        try:
            yield f"{address}{HOME}"
        finally:
            site.look_away()
