"""One read of the last minutes, a read that is refused, and the end of the time of those under way."""

import asyncio

import pytest

from bayescaler.sources.port import LoadQuery, SourceError

NOW = 1_772_438_400.0  # a whole minute
QUERY = "sum(rate(requests_total[1m]))"


def query(server, text=QUERY, key="shop/checkout", step_seconds=60.0, auth_key=None):
    return LoadQuery(key, text, step_seconds, server.url, auth_key)


async def read(source, prometheus, buckets=10, **changes):
    return await source.read(query(prometheus, **changes), start=NOW - buckets * 60, end=NOW, now=NOW)


async def refused(source, prometheus, **changes):
    with pytest.raises(SourceError) as caught:
        await read(source, prometheus, **changes)
    return caught.value


def time_is_up(source):
    """End the time of all that is under way, as their timers would."""
    for server in tuple(source._servers.values()):
        for deadline in tuple(server._under_way):
            deadline.expire()


def outlasting(prometheus, source):
    """A fault: no answer comes in time, however long that is."""
    loop = asyncio.get_running_loop()

    def hang(*_):
        loop.call_soon_threadsafe(time_is_up, source)
        prometheus.released.wait()

    return hang
