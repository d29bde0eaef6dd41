"""First paint of the console over many objects, in the machine's Chromium, and what an answer costs the operator.

python tests/benchmarks/console.py --objects 1000
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

import aiohttp
from parts.table import note, show, spread
from playwright.async_api import Browser

sys.path.insert(1, str(Path(__file__).resolve().parents[2]))

from tests.component.console.chromium import NoChromium, chromium
from tests.component.console.fleets import Console, served

BUDGET_MS = 1000.0
PAINTED = """() => ({
    first: performance.getEntriesByName("first-contentful-paint")[0].startTime,
    listed: performance.getEntriesByName("listed")[0].startTime,
})"""
MARK = """() => new MutationObserver(() => {
    if (document.querySelector("#objects tbody tr") && !performance.getEntriesByName("listed").length) {
        requestAnimationFrame(() => requestAnimationFrame(() => performance.mark("listed")));
    }
}).observe(document, { childList: true, subtree: true })"""


async def painted(browser: Browser, console: Console) -> tuple[float, float]:
    """Milliseconds from the navigation to the first paint, and to the frame after all rows are there."""
    page = await browser.new_page(viewport={"width": 1280, "height": 900})
    await page.add_init_script(f"({MARK})()")
    await page.goto(f"{console.address}#token={console.server.admin_token}")
    while not (await page.evaluate("performance.getEntriesByName('listed').length")):  # noqa: ASYNC110 - another process: nothing tells us
        await asyncio.sleep(0.05)
    times = await page.evaluate(PAINTED)
    await page.close()
    return times["first"], times["listed"]


async def answered(console: Console, path: str, rounds: int) -> tuple[list[float], int]:
    """Milliseconds of an answer, each after a tick of its own, and its bytes on the wire."""
    took, size = list[float](), 0
    headers = {"Authorization": f"Bearer {console.server.admin_token}"}
    async with aiohttp.ClientSession(console.address, auto_decompress=False, headers=headers) as session:
        for _ in range(rounds):
            console.operator.loop.last_tick_at += 15.0
            began = time.perf_counter()
            async with session.get(path) as answer:
                size = len(await answer.read())
            took.append(1000 * (time.perf_counter() - began))
    return took, size


async def measure(objects: int, rounds: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as home:
        async with served(objects, Path(home), ticks=8) as console:
            async with chromium() as browser:
                times = [await painted(browser, console) for _ in range(rounds)]
            first, listed = ([one[place] for one in times] for place in (0, 1))
            everything, wide = await answered(console, "api/objects", rounds)
            one, narrow = await answered(console, f"api/objects/{next(iter(console.fleet)).label}", rounds)
            memory, workloads = console.operator.loop.onlookers[0], tuple(console.fleet)
            began = time.perf_counter()
            memory.look(workloads, now=console.operator.loop.last_tick_at)
            looked = 1000 * (time.perf_counter() - began)
    rows = [
        ("first contentful paint, ms", *spread(first)),
        (f"all {objects:,} rows painted, ms", *spread(listed)),
        (f"answer of the list after a tick, ms ({wide / 1000:.0f} KB on the wire)", *spread(everything)),
        (f"answer of one object, ms ({narrow / 1000:.1f} KB on the wire)", *spread(one)),
        ("what remembering adds to a tick, ms", f"{looked:.1f}", "-", "-"),
    ]
    show(f"the console over {objects:,} objects", ("", "median", "p99", "largest"), rows)
    note(f"budget of the first paint with 1,000 objects: {BUDGET_MS:g} ms; median {statistics.median(listed):.0f} ms")


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    try:
        asyncio.run(measure(arguments.objects, arguments.rounds))
    except NoChromium as missing:
        parser.error(str(missing))


if __name__ == "__main__":
    main()
