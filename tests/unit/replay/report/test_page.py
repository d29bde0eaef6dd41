"""The page: everything is in it, nothing is fetched, and no name can become markup."""

import hashlib
import json
import re
from base64 import b64encode
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files

import pytest

from bayescaler.replay.judgement import Prices
from bayescaler.replay.report import what_if
from bayescaler.replay.report.page import render

pytestmark = pytest.mark.jit  # whole forecasts: minutes without it

HOSTILE = "</script><img src=x onerror=alert(1)>\"'&<!--"
FETCHING = {"src", "srcset", "data", "action", "formaction", "poster", "background", "manifest", "ping"}


class Seen(HTMLParser):
    """Elements with their attributes, and the text of each."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.texts.append((tag, ""))

    def handle_data(self, data: str) -> None:
        if self.texts:
            tag, text = self.texts[-1]
            self.texts[-1] = (tag, text + data)

    def of(self, tag: str) -> list[str]:
        return [text for name, text in self.texts if name == tag]


def page(found, **other):
    return render(
        found, **{"manifest": "kind: X\n", "trace_name": "load.csv", "command": "bayescaler backtest", **other}
    )


@pytest.fixture(scope="module")
def html(found):
    return page(found)


def text_of(html):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)).replace("\u00a0", " ")


def test_nothing_in_it_is_fetched(html):
    for tag, attributes in Seen(html).elements:
        assert not FETCHING & attributes.keys(), (tag, attributes)
        assert not any(name.startswith("on") for name in attributes), (tag, attributes)
        for target in (attributes.get("href"), attributes.get("xlink:href")):
            assert target is None or target.startswith(("#", "data:,"))
    styles = "".join(Seen(html).of("style"))
    assert "url(" not in styles
    assert "@import" not in styles


def test_only_its_own_scripts_may_run(html):
    seen = Seen(html)
    policy = next(a["content"] for tag, a in seen.elements if tag == "meta" and a.get("http-equiv"))
    scripts = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)

    assert "default-src 'none'" in policy
    assert "'unsafe-inline'" not in policy.split("style-src")[0]
    assert len(scripts) == 2
    for script in scripts:
        digest = b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy


@pytest.mark.parametrize("where", ["manifest", "trace_name", "command", "name", "unit"])
def test_a_hostile_name_is_only_read(found, where):
    if where in ("name", "unit"):
        case = found.case
        case = (
            replace(case, name=HOSTILE) if where == "name" else replace(case, policy=replace(case.policy, unit=HOSTILE))
        )
        html = page(replace(found, case=case))
    else:
        html = page(found, **{where: HOSTILE})
    seen = Seen(html)

    assert "img" not in {tag for tag, _ in seen.elements}
    assert len(seen.of("script")) == 3
    assert HOSTILE in "".join(text for _, text in seen.texts) or where == "unit"
    data = json.loads(seen.of("script")[0])
    assert data["unit"] == (HOSTILE if where == "unit" else "/s")


def test_all_that_was_found_is_told(found, html):
    text = text_of(html)

    for judged in found.judgements:
        assert f"{judged.outcome.pod_hours:,.0f}" in text
        assert f"{judged.outcome.scale_events:,}" in text
        assert f"{judged.outcome.reversals:,}" in text
    assert f"{found.clairvoyant.outcomes[0].pod_hours:,.0f}" in text
    assert f"{found.calibration.windows:,} windows" in text
    for assumed in ("300 s", "15s after a bucket ends", "10/s for a ready pod", "itself not judged"):
        assert assumed in text, assumed


def test_each_of_the_worst_moments_shows_the_decisions_it_hung_on(found, html):
    text = text_of(html)
    assert found.moments
    assert text.count("The decision that had to prevent it") == len(found.moments)
    for moment in found.moments:
        for decision in found.decided.decisions([moment.decided, moment.answered]):
            assert decision.message.replace("\u00a0", " ") in text


def test_prices_bring_a_column_of_costs(found, html):
    priced = page(replace(found, prices=Prices(0.05, 20.0)))

    assert '<th scope="col">Cost</th>' in priced
    assert '<th scope="col">Cost</th>' not in html
    assert "0.05 a replica-hour, 20.0 an hour short" in text_of(priced)


def test_other_start_up_times_are_shown_where_they_were_replayed(found, html):
    told = text_of(page(found, startups=what_if(found.case, [60.0, 600.0])))

    assert "Pods that start in another time" in told
    assert "start in another time" not in text_of(html)


def test_the_manifest_is_there_to_the_letter(found):
    manifest = "a: 'x %'  # 50 % <b>\n"
    assert manifest in "".join(text for tag, text in Seen(page(found, manifest=manifest)).texts if tag == "pre")


def test_the_same_backtest_gives_the_same_page(found, html):
    assert page(found) == html


def test_a_backtest_that_was_never_short_has_no_worst_moment(found):
    assert "There was none" in page(replace(found, moments=[]))


def test_the_vendored_library_is_what_its_note_says():
    folder = files("bayescaler.replay.report").joinpath("assets", "uplot")
    note = folder.joinpath("VENDORED.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| `([^`]+)` \|.*`([0-9a-f]{64})`", note, re.MULTILINE))

    assert set(listed) == {"uPlot.iife.min.js", "uPlot.min.css", "LICENSE"}
    for name, digest in listed.items():
        assert hashlib.sha256(folder.joinpath(name).read_bytes()).hexdigest() == digest, name
    version = re.match(r"# uPlot ([\d.]+)", note)
    assert version is not None
    assert f"(v{version[1]})" in folder.joinpath("uPlot.iife.min.js").read_text(encoding="utf-8")[:100]
