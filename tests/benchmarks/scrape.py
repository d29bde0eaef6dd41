"""One scrape of the production operator's /metrics at N objects, over HTTP, as Prometheus asks for it.

The objects are read, forecast and decided on as in `tick.py`, so that every series is there.

    python tests/benchmarks/scrape.py --objects 1000
"""

import argparse
import asyncio
import logging
import os
import time
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
from parts import process
from parts.cluster import Cluster
from parts.table import note, show, spread
from tick import TICK_SECONDS, Bench

from bayescaler.policy import warm_up
from bayescaler.serving.door import Door
from bayescaler.serving.endpoints import endpoints
from bayescaler.telemetry.catalogue import OBJECT_METRICS
from bayescaler.telemetry.logs import configure

ACCEPT = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
HISTORY_SECONDS = 7200.0
BUDGET_MS, BUDGET_BYTES = 100.0, 1_000_000


async def bench(objects: int, scrapes: int) -> None:
    """Fill, decide, scrape, tell."""
    await asyncio.to_thread(process.fill_kernel_cache)
    warm_up()
    with Cluster(history_seconds=HISTORY_SECONDS, future_seconds=20 * TICK_SECONDS) as cluster:
        async with AsyncExitStack() as exits:
            one = Bench(cluster)
            await one.start(exits)
            await one.fill(objects, "2h")
            for _ in range(8):
                await one.tick()
            operator = one.operator
            served = endpoints(
                operator.metrics.exposition,
                live=operator.live,
                ready=operator.ready,
                door=Door("127.0.0.1", 0, takes_tokens=False),
                requests=operator.metrics.http_requests,
            )
            address = await exits.enter_async_context(served)
            rows = [await _scraped(f"{address}/metrics", encoding, scrapes) for encoding in ("gzip", "identity")]
            cpu = spread([1e3 * one.scrape() for _ in range(scrapes)], ",.0f")[0]
            body = operator.metrics.exposition(ACCEPT)[0].decode()
    series = [line for line in body.splitlines() if ',name="' in line]
    show(f"scrape of {objects:,} objects", ("encoding", "median, ms", "max, ms", "bytes", "budget"), rows)
    note(f"{len(series) / objects:.1f} series an object, {len(OBJECT_METRICS)} at most")
    note(f"of it CPU to read and write them: {cpu} ms")
    note(f"budget: {BUDGET_MS:.0f} ms and {BUDGET_BYTES:,} bytes for each 1,000 objects")


async def _scraped(url: str, encoding: str, scrapes: int) -> list[str]:
    """Scrape so often; Prometheus itself asks for gzip."""
    took, size = [], 0
    headers = {"Accept": ACCEPT, "Accept-Encoding": encoding}
    async with aiohttp.ClientSession(headers=headers, auto_decompress=False) as session:
        for _ in range(scrapes):
            began = time.perf_counter()
            async with session.get(url) as answer:
                size = len(await answer.read())
            took.append(1e3 * (time.perf_counter() - began))
    middle, _, most = spread(took, ",.0f")
    return [encoding, middle, most, f"{size:,}", f"{BUDGET_MS:.0f} ms, {BUDGET_BYTES:,}"]


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=1000)
    parser.add_argument("--scrapes", type=int, default=20)
    arguments = parser.parse_args()
    configure(form="json", level="info")
    handler = logging.getLogger().handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:  # logs are made as in production, and not shown
        handler.setStream(nowhere)
        asyncio.run(bench(arguments.objects, arguments.scrapes))


if __name__ == "__main__":
    main()
