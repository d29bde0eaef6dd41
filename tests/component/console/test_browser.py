"""The console in a real browser: a thousand objects, worst first, by keyboard, in the dark and on a phone."""

from contextlib import asynccontextmanager

import pytest
from tests.component.serving.grants import grant

from bayescaler.control.workload import Problem

from .fleets import CANARY, served

pytestmark = pytest.mark.asyncio(loop_scope="module")  # the browser's
VIEWS = [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")]


@pytest.fixture
def opened(browser):
    """Open the console as an admin; nothing may have been complained of, nor asked of anybody else."""

    @asynccontextmanager
    async def opened(console, *, width=1280, scheme="light", path="#/", token=None):
        complaints, requests = [], []
        page = await browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        token = console.server.admin_token if token is None else token
        await page.goto(f"{console.address}#token={token}" if token else console.address)
        yield page
        assert complaints == []
        origin = console.address.removesuffix("console/")
        assert [url for url in requests if not url.startswith(origin)] == []
        await page.close()

    return opened


async def names(page):
    return await page.eval_on_selector_all("#objects tbody tr", "rows => rows.map((row) => row.dataset.key)")


IN_VIEW = "(one) => { const at = one.getBoundingClientRect(); return at.top >= 0 && at.bottom <= innerHeight }"


async def test_a_thousand_objects_are_listed_worst_first_sorted_filtered_and_opened(tmp_path, opened):
    async with served(1000, tmp_path) as console, opened(console) as page:
        await page.wait_for_selector("#objects tbody tr")
        assert await page.locator("#objects tbody tr").count() == 1000
        bad = [workload.label for workload in console.fleet if workload.load.health != "Live"]
        assert await page.inner_text("#list-title") == f"{len(bad)} of 1,000 need a look"
        assert sorted((await names(page))[: len(bad)]) == sorted(bad)
        assert "LoadFailed" in await page.inner_text("#objects tbody tr:first-child .c-state")
        assert await page.get_attribute("th[data-column=state]", "aria-sort") == "ascending"

        await page.get_by_role("button", name="Replicas").click()
        await page.get_by_role("button", name="Replicas").click()
        assert await page.get_attribute("th[data-column=replicas]", "aria-sort") == "descending"
        wanted = {workload.label: workload.decision.final for workload in console.fleet}
        shown = [wanted[name] for name in await names(page)]
        assert shown == sorted(shown, reverse=True)

        await page.get_by_label("Filter").fill("shop LOADFAILED")
        failed = [name for name in bad if name.startswith("shop/")]
        assert sorted(await names(page)) == sorted(failed)
        assert await page.inner_text("#shown") == f"{len(failed)} shown"

        await page.locator("#objects tbody a").first.click()
        await page.wait_for_selector("#chart svg")
        assert await page.inner_text("#object-title") in failed
        assert "prometheus does not answer: connection refused" in await page.inner_text("#object-state")
        assert "none that can be used" in await page.inner_text("#story")
        assert CANARY not in await page.content()

        await page.get_by_role("link", name="All objects").click()
        await page.get_by_label("Filter").fill("")
        last = page.locator("#objects tbody a").last
        await last.scroll_into_view_if_needed()
        await last.click()
        await page.wait_for_selector("#chart svg")
        assert await page.evaluate("scrollY") == 0
        await page.go_back()
        assert await page.evaluate("scrollY") > 10_000
        await page.wait_for_function(IN_VIEW, arg=await last.element_handle())


async def test_the_page_of_an_object_draws_what_was_and_what_is_expected(tmp_path, opened):
    async with served(8, tmp_path, ticks=240) as console, opened(console) as page:
        await page.wait_for_selector("#objects tbody tr")
        await page.get_by_role("link", name="payments / api-00").click()
        await page.wait_for_selector("#chart svg")
        said = await page.get_attribute("#chart svg", "aria-label")
        assert said.startswith("Chart: load ")
        for kind in (".s-load", ".s-capacity", ".s-expected", ".band", ".now"):
            assert await page.locator(f"#chart {kind}").count(), kind
        assert await page.locator("#chart .s-load").get_attribute("d") != ""
        moves = [past for past in await page.locator("#decisions li strong").all_inner_texts() if "\u2192" in past]
        assert await page.locator("#chart .decision").count() == len(moves) > 0
        headline = await page.inner_text("#story .headline")
        assert headline.startswith("payments/api-00: ")
        assert "BayesianAutoscaler" not in await page.title()


async def test_the_keyboard_reaches_everything_and_reads_the_chart(tmp_path, opened):
    async with served(8, tmp_path, ticks=20) as console, opened(console) as page:
        await page.wait_for_selector("#objects tbody tr")
        reached = []
        while not reached or not reached[-1].startswith("#/"):
            await page.keyboard.press("Tab")
            at = "(({id, tagName, innerText, hash}) => hash || id || innerText)(document.activeElement)"
            reached.append(await page.evaluate(at))
            assert len(reached) < 30, reached
            if reached[-1] == "#/":
                reached[-1] = "home"
        assert {"home", "leave", "words", "Object", "State", "Budget"} <= {one.strip() for one in reached}
        await page.keyboard.press("Enter")
        await page.wait_for_selector("#chart svg")
        await page.focus("#chart svg")
        before = await page.inner_text("#readout")
        await page.keyboard.press("ArrowLeft")
        newest = await page.inner_text("#readout")
        await page.keyboard.press("Home")
        assert len({before, newest, await page.inner_text("#readout")}) == 3
        assert "wanted" in newest
        await page.keyboard.press("Escape")
        assert await page.inner_text("#readout") == before
        assert await page.evaluate("document.activeElement.tagName") == "svg"


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
async def test_it_fits_the_screen_and_the_light(tmp_path, opened, width, scheme):
    async with served(8, tmp_path, ticks=20) as console, opened(console, width=width, scheme=scheme) as page:
        await page.wait_for_selector("#objects tbody tr")
        assert await page.evaluate("document.documentElement.scrollWidth") == width
        back = await page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (sum(int(part) for part in back[4:-1].split(",")) < 200) is (scheme == "dark")
        await page.locator("#objects tbody a").first.click()
        await page.wait_for_selector("#chart svg")
        assert await page.evaluate("document.documentElement.scrollWidth") == width


async def test_what_changes_is_shown_without_being_asked_for_and_keeps_the_focus(tmp_path, opened):
    async with served(8, tmp_path, refresh_seconds=0.1) as console, opened(console) as page:
        await page.wait_for_selector("#objects tbody tr")
        key = (await names(page))[3]
        await page.locator("#objects tbody a").nth(3).focus()
        workload = next(one for one in console.fleet if one.label == key)
        workload.target_problem = Problem("TargetNotFound", "there is no such target")
        console.operator.loop.last_tick_at += 15.0
        await page.locator("#objects tbody", has_text="TargetNotFound").wait_for()
        assert (await names(page))[0] == key
        assert await page.evaluate("document.activeElement.closest('tr').dataset.key") == key


async def test_a_token_is_asked_for_kept_in_the_tab_alone_and_forgotten(tmp_path, opened):
    async with served(8, tmp_path) as console, opened(console, token="") as page:
        await page.wait_for_selector("#door:not([hidden])")
        assert await page.evaluate("document.activeElement.id") == "token"
        await page.get_by_label("Token").fill(grant(console.server, "tenant", "shop"))
        await page.keyboard.press("Enter")
        await page.wait_for_selector("#objects tbody tr")
        assert {name.split("/")[0] for name in await names(page)} == {"shop"}
        assert await page.evaluate("[document.cookie, localStorage.length, sessionStorage.length]") == ["", 0, 1]
        assert "token" not in page.url
        await page.get_by_role("button", name="Sign out").click()
        assert await page.evaluate("sessionStorage.length") == 0
        assert await names(page) == []


async def test_a_lost_operator_is_said_and_what_was_shown_stays(tmp_path, opened):
    async with served(8, tmp_path, refresh_seconds=0.1) as console:
        page = await opened(console).__aenter__()
        await page.wait_for_selector("#objects tbody tr")
        await page.context.set_offline(True)
        await page.wait_for_selector("#alarm:not([hidden])")
        assert (await page.inner_text("#alarm")).startswith("The operator does not answer; what is shown is of ")
        assert len(await names(page)) == 8
        await page.context.set_offline(False)
        await page.wait_for_selector("#alarm", state="hidden")
