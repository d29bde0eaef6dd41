"""The report in a real browser: quiet, offline, readable on a phone, in the dark and by keyboard.

The browser is the machine's Chromium. Without one the tests are skipped, and fail where everything was asked for
(BAYESCALER_E2E=1).
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from bayescaler.policy import Policy
from bayescaler.replay.backtest import Case, backtest
from bayescaler.replay.report.page import render
from bayescaler.replay.scenario import Scenario
from bayescaler.replay.startup import constant
from bayescast import ForecastSpec

QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
BUCKETS, MOST_BYTES = 14 * 1440, 3_000_000
VIEWS = [(1280, "light"), (1280, "dark"), (360, "light"), (360, "dark")]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report on fourteen days of minutes, all but the first of which are judged."""
    dice = np.random.default_rng(3)
    phase = np.arange(BUCKETS) / 1440 * 2 * np.pi
    loads = (600.0 - 400.0 * np.cos(phase)) * dice.gamma(80.0, 1 / 80.0, BUCKETS)
    loads[dice.integers(1440, BUCKETS, 30)] *= 2.0
    scenario = Scenario(
        loads, 60.0, 50.0, start=1_700_006_400.0, start_up=constant(60.0), max_replicas=60, learned_buckets=1440
    )
    policy = Policy(1, 60, 50.0, unit="/s")
    case = Case("shop/checkout", policy, ForecastSpec(60.0, (2,), time_zone="Europe/Berlin"), scenario)
    path = tmp_path_factory.mktemp("report") / "report.html"
    found = backtest(case, ["hpa", "kpa"])
    path.write_text(render(found, manifest="kind: BayesianAutoscaler\n", trace_name="load.csv", command="bayescaler"))
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    executable = shutil.which("chromium")
    if executable is None:
        missing = "no chromium on the PATH: install it (Debian and Ubuntu: apt-get install chromium)"
        if os.environ.get("BAYESCALER_E2E") == "1":
            pytest.fail(missing)
        pytest.skip(missing)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=[*QUIET])
        yield browser
        browser.close()


@pytest.fixture
def opened(browser: Browser, report: Path) -> Iterator[Callable[..., Page]]:
    """Open the report; at the end nothing may have been complained of, nor asked of any network."""
    complaints, requests, pages = list[str](), list[str](), list[Page]()

    def open_at(width: int = 1280, scheme: str = "light", *, scripts: bool = True) -> Page:
        page = browser.new_page(
            viewport={"width": width, "height": 800},
            color_scheme=scheme,  # type: ignore[arg-type]
            java_script_enabled=scripts,
        )
        pages.append(page)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(report.as_uri())
        return page

    yield open_at
    assert complaints == []
    assert {url for url in requests if not url.startswith("data:")} == {report.as_uri()}
    for page in pages:
        page.close()


def ink(page: Page, chart: str) -> int:
    """How many pixels of a chart are not empty."""
    return int(
        page.evaluate(
            """(chart) => {
                const canvas = document.querySelector(chart + " canvas");
                const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
                return data.filter((value, i) => i % 4 === 3 && value > 0).length;
            }""",
            chart,
        )
    )


def test_two_weeks_of_minutes_stay_small(report):
    assert report.stat().st_size < MOST_BYTES


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_it_fits_the_screen_and_draws(opened, width, scheme):
    page = opened(width, scheme)

    assert page.evaluate("document.documentElement.scrollWidth") == width
    for chart in ("#load-plot", "#replica-plot", "#strip-plot"):
        assert ink(page, chart) > 500, chart
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(int(part) for part in dark[4:-1].split(",")) < 200) is (scheme == "dark")


def test_a_change_to_dark_redraws_the_charts(opened):
    page = opened()
    before = page.evaluate("document.querySelector('#load-plot canvas').toDataURL()")
    page.emulate_media(color_scheme="dark")
    page.wait_for_function("(before) => document.querySelector('#load-plot canvas').toDataURL() !== before", arg=before)


def test_the_shown_time_follows_the_keyboard(opened):
    page = opened()
    whole = page.inner_text("#shown")
    assert "(13d)" in whole
    page.focus("#charts")

    seen = [whole]
    for key in ("+", "ArrowLeft", "ArrowRight", "ArrowRight", "-"):
        page.keyboard.press(key)
        assert page.inner_text("#shown") != seen[-1], key
        seen.append(page.inner_text("#shown"))
    assert "(6d12h)" in seen[1]
    page.keyboard.press("n")
    assert "short" in page.inner_text("#shown")
    page.keyboard.press("0")
    assert page.inner_text("#shown") == whole


def test_the_shown_time_follows_buttons_dragging_and_the_wheel(opened):
    page = opened()
    page.get_by_role("button", name="Day", exact=True).click()
    assert "(1d)" in page.inner_text("#shown")
    page.get_by_role("button", name="Hour", exact=True).click()
    assert "(1h)" in page.inner_text("#shown")
    page.get_by_role("button", name="Next worst", exact=True).click()
    assert "Bayescaler at 95 %" in page.inner_text("#shown")
    page.get_by_role("button", name="Whole", exact=True).click()

    box = page.locator("#load-plot .u-over").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.75 * box["width"], box["y"] + 60, steps=4)
    page.mouse.up()
    assert "(6d12h)" in page.inner_text("#shown")
    page.mouse.wheel(0, -100)
    page.wait_for_function("!document.getElementById('shown').textContent.includes('(6d12h)')")
    page.dblclick("#load-plot .u-over")
    assert "(13d)" in page.inner_text("#shown")


def test_another_policy_can_stand_beside_ours(opened):
    page = opened()
    page.select_option("#peer", label="Knative KPA")
    assert "Knative KPA" in page.inner_text("#shown")
    assert page.inner_text("#peer-name") == "Knative KPA"


def test_tab_reaches_every_control_and_details_open_by_keyboard(opened):
    page = opened()
    wanted = {"copy", "yaml", "peer", "charts"}
    reached, opened_details = set[str](), False
    for _ in range(80):
        page.keyboard.press("Tab")
        at = page.evaluate(
            "(({id, tagName, parentElement}) => [id, tagName, parentElement.className])(document.activeElement)"
        )
        reached.add(at[0])
        if at[1:] == ["SUMMARY", "moment"] and not opened_details:
            page.keyboard.press("Enter")
            opened_details = page.locator("details.moment").first.get_attribute("open") is not None
            assert page.locator("details.moment article").first.is_visible()
            page.keyboard.press("Tab")
            page.keyboard.press("Enter")
            assert page.evaluate("document.activeElement.id") == "charts"
            assert "(1h" in page.inner_text("#shown")
            break
    assert wanted <= reached
    assert opened_details


def test_without_scripts_it_still_tells_everything_but_the_timeline(opened):
    page = opened(scripts=False)

    assert page.is_visible("#headline")
    assert page.locator("#frontier .mark").count() > 10
    assert not page.is_visible("#charts")
    assert "table by day" in page.inner_text("#timeline")
