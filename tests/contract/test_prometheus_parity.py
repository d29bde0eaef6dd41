"""The sandbox's Prometheus and the real one, fed the same samples, must give the same answers and the same
errors.
"""

import asyncio
import math
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from bayescaler.sandbox.prometheus import PROMETHEUS_2, PROMETHEUS_3, SandboxPrometheus, SeriesStore

from .prometheus_pair import START, Answer, Clock, Pair, as_open_metrics, samples

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

NEEDED = "this test needs prometheus and promtool: apt-get install --no-install-recommends prometheus"

INSTANT = [
    "requests_total",
    'requests_total{pod="a"}',
    'requests_total{pod!="a"}',
    'requests_total{pod=~"a|b"}',
    'requests_total{pod=~"a",zone=""}',
    'requests_total{pod!~"a.*", job="web"}',
    '{__name__=~"requests.+", pod="b"}',
    "level",
    "level offset 7m",
    "level offset -3m",
    "nowhere",
    "rate(requests_total[1m])",
    "rate(requests_total[5m])",
    "rate(requests_total[90s])",
    "rate(requests_total[5m] offset 11m)",
    "increase(requests_total[10m])",
    "irate(requests_total[5m])",
    "rate(level[5m])",
    "avg_over_time(level[10m])",
    "max_over_time(level[10m])",
    "min_over_time(level[10m])",
    "sum_over_time(level[10m])",
    "count_over_time(level[10m])",
    "sum(rate(requests_total[2m]))",
    "sum by (pod) (rate(requests_total[2m]))",
    "sum without (pod) (rate(requests_total[2m]))",
    "sum(requests_total) by (job, zone)",
    "avg by (zone) (requests_total)",
    "max(level)",
    "min without (pod, zone) (level)",
    "count(requests_total)",
    "count by (pod) (level)",
    "sum(level)",
    "avg(level)",
    "2 * 3 - 4 / 8",
    "1 / 0",
    "-level",
    "+level - -1",
    "level * 2 + 1",
    "100 / level",
    "2 - level - 1",
    "level / requests_total",
    "(level + level) * level",
    "sum(rate(requests_total[5m])) / count(level)",
    "sum by (pod)(level) / sum by (pod)(requests_total)",
    "0x1F * level",
    ".5e1 * level # a note",
]
BROKEN = [
    "",
    "sum(",
    "sum(1)",
    "rate(level)",
    "rate(requests_total[5m]",
    "level{",
    'level{pod="a}',
    "level[5m] + 1",
    '{pod=~".*"}',
    'level{pod=~"("}',
    "level +",
    "level level",
    "5m",
    "level[0s]",
    "-level[5m]",
    "(level) offset 5m",
    "rate(requests_total[5m], 1)",
    "$level",
    "level * {pod=~'a|b'}",
]


@pytest.fixture(scope="module")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not (shutil.which("prometheus") and shutil.which("promtool")):
        pytest.fail(NEEDED)
    folder = tmp_path_factory.mktemp("prometheus")
    (folder / "samples.om").write_text("".join(as_open_metrics()))
    (folder / "prometheus.yml").write_text("scrape_configs: []\n")
    command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", "-q", "samples.om", "data"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def real_url(data_folder: Path) -> Iterator[str]:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{held.getsockname()[1]}"
    flags = {
        "config.file": "prometheus.yml",
        "storage.tsdb.path": "data",
        "storage.tsdb.retention.time": "100y",
        "web.listen-address": address,
        "log.level": "warn",
    }
    with (data_folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["prometheus", *(f"--{flag}={value}" for flag, value in flags.items())],
            cwd=data_folder,
            stderr=log,
        )
    try:
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(20)


async def until_ready(client: aiohttp.ClientSession, url: str) -> None:
    for _ in range(300):
        try:
            async with client.get(f"{url}/-/ready") as response:
                if response.ok:
                    return
        except aiohttp.ClientConnectionError:
            pass  # not listening yet
        await asyncio.sleep(0.1)  # between two looks at a process that cannot be waited for otherwise
    pytest.fail(f"{url} was not ready within 30 s")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pair(real_url: str) -> AsyncIterator[Pair]:
    store = SeriesStore()
    for (name, labels), (times, values) in samples().items():
        store.series(name, dict(labels)).append(times, values)
    async with aiohttp.ClientSession() as client:
        await until_ready(client, real_url)
        async with client.get(f"{real_url}/api/v1/status/buildinfo") as response:
            version = (await response.json())["data"]["version"]
        dialect = PROMETHEUS_2 if version.startswith("2.") else PROMETHEUS_3
        async with SandboxPrometheus(Clock(START + 86_400), store, dialect=dialect) as sandbox:
            yield Pair(client, real_url, sandbox.url)


def assert_same(real: Answer, ours: Answer) -> None:
    assert (real.status, ours.status) == (200, 200), (real.body, ours.body)
    assert real.body["data"]["resultType"] == ours.body["data"]["resultType"]
    theirs = real.series
    assert ours.series.keys() == theirs.keys()
    for labels, points in ours.series.items():
        assert [at for at, _ in points] == [at for at, _ in theirs[labels]], labels
        for (at, value), (_, expected) in zip(points, theirs[labels], strict=True):
            ours_is, theirs_is = float(value), float(expected)
            same = math.isclose(ours_is, theirs_is, rel_tol=1e-10, abs_tol=1e-10) or value == expected
            assert same, (labels, at, value, expected)


@pytest.mark.parametrize("query", INSTANT)
async def test_instant_queries_agree_at_many_times(pair: Pair, query: str) -> None:
    # Before the first sample, on scrapes, between them, at edges of the look-back, in holes, after the end.
    for after in (
        -10,
        0,
        15,
        61.5,
        1500,
        1830.25,
        4500,
        4800,
        6000,
        7500,
        7905,
        10_500,
        14_400,
        14_685,
        15_000,
    ):
        real, ours = await pair.ask("query", {"query": query, "time": repr(START + after)})
        assert_same(real, ours)


@pytest.mark.parametrize("query", INSTANT)
async def test_range_queries_agree(pair: Pair, query: str) -> None:
    for step, start in (("60", START - 300), ("37.5", START + 3), ("5m", START)):
        parameters = {"query": query, "start": repr(start), "end": repr(START + 15_000), "step": step}
        assert_same(*await pair.ask("query_range", parameters))


@pytest.mark.parametrize("query", ["requests_total[5m]", 'level{pod="b"}[90s]', "level[5m] offset 10m"])
async def test_raw_samples_agree(pair: Pair, query: str) -> None:
    for after in (900, 1500, 7905):
        assert_same(*await pair.ask("query", {"query": query, "time": repr(START + after)}))


@pytest.mark.parametrize("query", BROKEN)
async def test_broken_queries_are_refused_alike(pair: Pair, query: str) -> None:
    real, ours = await pair.ask("query", {"query": query, "time": repr(START)})
    if real.status == 200:
        assert_same(real, ours)
    else:
        assert ours.error == real.error, (real.body, ours.body)


@pytest.mark.parametrize(
    "query",
    [
        "twin * on_purpose",
        "sum without (zone) (twin) * level",
        '{pod="a"} * 1',
        'rate({pod="a"}[5m])',
        "level * twin",
    ],
)
async def test_label_sets_that_clash_are_refused_alike(pair: Pair, query: str) -> None:
    real, ours = await pair.ask("query", {"query": query, "time": repr(START + 900)})
    assert ours.error == real.error, (real.body, ours.body)


@pytest.mark.parametrize(
    "changes",
    [
        {"step": "1"},
        {"step": "1", "end": repr(START + 11_000)},
        {"step": "1", "end": repr(START + 11_001)},
        {"step": "0"},
        {"step": "-5"},
        {"step": "soon"},
        {"step": ""},
        {"start": ""},
        {"start": "yesterday"},
        {"start": "2026-01-05T00:00:00Z"},
        {"start": "2026-01-05T00:00:00.5+01:00"},
        {"end": repr(START - 1)},
        {"timeout": "30s"},
        {"timeout": "later"},
        {"query": "level[5m]"},
        {"query": ""},
    ],
    ids=str,
)
async def test_parameters_are_read_and_refused_in_the_same_words(pair: Pair, changes: dict[str, str]) -> None:
    parameters = {"query": "level", "start": repr(START), "end": repr(START + 14_400), "step": "60"} | changes
    real, ours = await pair.ask("query_range", parameters)
    if real.status == 200:
        assert_same(real, ours)
    else:
        assert ours.error == real.error
        # Not every version says of which parameter a query's error speaks.
        texts = [answer.body["error"].removeprefix('invalid parameter "query": ') for answer in (real, ours)]
        assert texts[1] == texts[0]


@pytest.mark.parametrize("path", ["labels", "series"])
@pytest.mark.parametrize("match", ["level", 'requests_total{pod="a"}', "nowhere", "level["])
async def test_metadata_agrees(pair: Pair, path: str, match: str) -> None:
    real, ours = await pair.ask(path, {"match[]": match, "start": repr(START), "end": repr(START + 900)})
    assert ours.error == real.error
    if real.status == 200:
        order = {"key": lambda one: sorted(one.items())} if path == "series" else {}
        assert sorted(ours.body["data"], **order) == sorted(real.body["data"], **order)
