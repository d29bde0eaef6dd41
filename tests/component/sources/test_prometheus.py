"""PrometheusSource against a real HTTP server: what is read, and what each kind of trouble is called."""

import asyncio
from itertools import pairwise

import numpy as np
import pytest

from bayescaler.policy.reasons import Health
from bayescaler.sources.port import LoadQuery
from bayescaler.sources.prometheus import PrometheusSource

from .reading import NOW, QUERY, query, read, refused


async def test_a_bucket_is_the_query_at_its_end(prometheus, source):
    prometheus.value_at = lambda at: at - NOW + 1000
    found = await read(source, prometheus, buckets=3)
    assert found.times.tolist() == [NOW - 180, NOW - 120, NOW - 60]
    assert found.values.tolist() == [880, 940, 1000]


async def test_only_closed_buckets_are_read_on_a_grid_aligned_to_the_step(prometheus, source):
    found = await source.read(query(prometheus), start=NOW - 150, end=NOW + 600, now=NOW + 59.9)
    assert found.times.tolist() == [NOW - 120, NOW - 60]
    assert (prometheus.asked[0]["start"], prometheus.asked[0]["end"]) == (f"{NOW - 60:.0f}", f"{NOW:.0f}")


async def test_two_weeks_come_in_chunks_without_a_sample_lost_or_doubled(prometheus, source):
    prometheus.value_at = lambda at: (at - NOW) / 60 + 30_000
    found = await read(source, prometheus, buckets=20_160)
    assert found.values.tolist() == [30_000 - 20_160 + index for index in range(1, 20_161)]
    spans = [(float(form["start"]), float(form["end"])) for form in prometheus.asked]
    assert len(spans) == 3
    assert all(later[0] == earlier[1] + 60 for earlier, later in pairwise(spans))


async def test_a_range_without_a_closed_bucket_asks_nothing(prometheus, source):
    found = await source.read(query(prometheus), start=NOW, end=NOW + 60, now=NOW + 59)
    assert (len(found.times), found.health, prometheus.asked) == (0, Health.ABSENT, [])


async def test_zero_is_live(prometheus, source):
    prometheus.value_at = lambda _: 0.0
    found = await read(source, prometheus)
    assert found.health is Health.LIVE
    assert found.values.tolist() == [0.0] * 10


async def test_no_series_is_absent(prometheus, source):
    prometheus.value_at = lambda _: None
    found = await read(source, prometheus)
    assert found.health is Health.ABSENT
    assert np.isnan(found.values).all()


async def test_a_series_that_stopped_is_stale(prometheus, source):
    prometheus.value_at = lambda at: 5.0 if at <= NOW - 120 else None
    found = await read(source, prometheus)
    assert found.health is Health.STALE
    assert found.message.startswith("the newest 2 buckets have no data; the last that has any is 2026-03-02T07:57:00Z")
    assert found.values[:8].tolist() == [5.0] * 8
    assert np.isnan(found.values[8:]).all()


@pytest.mark.parametrize("sample", ["NaN", "+Inf", "-Inf", "-3"])
async def test_a_newest_value_that_cannot_be_load_is_implausible(prometheus, source, sample):
    prometheus.value_at = lambda at: sample if at == NOW else 5.0
    found = await read(source, prometheus)
    assert found.health is Health.IMPLAUSIBLE
    assert np.isnan(found.values[-1])


async def test_older_nonsense_is_missing_and_told_while_the_newest_is_live(prometheus, source):
    prometheus.value_at = lambda at: "NaN" if at <= NOW - 420 else 5.0
    found = await read(source, prometheus)
    assert found.health is Health.LIVE
    assert found.warnings == ("3 older buckets held NaN, infinite or negative values and were taken as missing",)


async def test_a_gap_is_missing_buckets_on_the_full_grid(prometheus, source):
    prometheus.value_at = lambda at: None if NOW - 300 < at <= NOW - 180 else 5.0
    found = await read(source, prometheus)
    assert found.health is Health.LIVE
    assert np.flatnonzero(np.isnan(found.values)).tolist() == [5, 6]


async def test_remarks_of_the_server_are_passed_on_once(prometheus, source):
    prometheus.extra = {"warnings": ["PromQL warning: not a counter"], "infos": ["PromQL info: name"]}
    found = await read(source, prometheus, buckets=15_000)
    assert found.warnings == ("PromQL warning: not a counter", "PromQL info: name")


async def test_several_series_are_an_error_that_names_them_and_the_cure(prometheus, source, respond, series):
    pods = [({"pod": f"p{index}"}, [[NOW, "1"]]) for index in range(6)]
    prometheus.fault = respond(200, series(*pods))
    error = await refused(source, prometheus)
    assert error.reason == "SeveralSeries"
    assert str(error) == (
        'the query gives more than 5 series where one is needed ({pod="p0"}, {pod="p1"}, {pod="p2"}, {pod="p3"}, '
        '{pod="p4"}): wrap it in sum() or select one by its labels'
    )
    assert prometheus.asked[0]["limit"] == "6"


async def test_series_that_follow_each_other_in_chunks_are_several_too(prometheus, source, series):
    def renamed(at):
        prometheus.labels = {"pod": "old"} if at <= NOW - 5000 * 60 else {"pod": "new"}
        return 1.0

    prometheus.value_at = renamed
    error = await refused(source, prometheus, buckets=15_000)
    assert error.reason == "SeveralSeries"


async def test_no_more_requests_are_in_flight_than_allowed(prometheus):
    source = PrometheusSource(prometheus.url, max_in_flight=3)
    gate, most, now_in = asyncio.Event(), [0], [0]
    loop = asyncio.get_running_loop()

    def count(handler, form):
        now_in[0] += 1
        most[0] = max(most[0], now_in[0])
        if now_in[0] == 3:
            loop.call_soon_threadsafe(gate.set)
        prometheus.released.wait()
        now_in[0] -= 1
        prometheus.fault = None
        handler.send_error(500)

    prometheus.fault = count
    reads = [asyncio.create_task(read(source, prometheus, key=f"{'ab'[index % 2]}/{index}")) for index in range(12)]
    await gate.wait()
    prometheus.released.set()
    await asyncio.gather(*reads, return_exceptions=True)
    await source.close()
    assert most[0] == 3


async def test_connections_are_kept_and_used_again(prometheus, source):
    for _ in range(20):
        await read(source, prometheus)
    assert prometheus.connections == 1


async def test_a_long_query_travels_as_a_form(prometheus, source):
    text = "sum(" + " + ".join(f"requests_{index}" for index in range(300)) + ")"
    await read(source, prometheus, text=text)
    await read(source, prometheus)
    assert [form["method"] for form in prometheus.asked] == ["POST", "GET"]
    assert prometheus.asked[0]["query"] == text


async def test_the_server_is_told_to_give_up_before_we_do(prometheus, source):
    await read(source, prometheus)
    assert prometheus.asked[0]["timeout"] == "54000ms"


async def test_a_path_in_the_address_is_kept(prometheus):
    url = f"{prometheus.url}/select/0/prometheus/"
    source = PrometheusSource(url)
    await source.read(LoadQuery("a/b", QUERY, 60, url), start=NOW - 60, end=NOW, now=NOW)
    await source.close()
    assert prometheus.asked[0]["path"] == "/select/0/prometheus/api/v1/query_range"


async def test_a_step_below_whole_seconds_is_refused(prometheus, source):
    assert (await refused(source, prometheus, step_seconds=0.5)).reason == "QueryFailed"
