"""The documentation as a site: links lead somewhere, each page is in the navigation, fits a phone and stays offline."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[2]
MAKEFILE = (ROOT / "Makefile").read_text()
PAGES = {
    "README",
    "CHANGELOG",
    "CONTRIBUTING",
    *(str(page.relative_to(ROOT).with_suffix("")) for page in (ROOT / "docs").rglob("*.md")),
}
WIDTHS = (390, 1024, 1100, 1440)  # of a phone, and where the theme adds a column
PROBLEMS = """() => {
    const wide = document.documentElement.scrollWidth > innerWidth ? ["wider than the screen"] : [];
    const broken = [...document.images].filter((one) => one.complete && !one.naturalWidth).map((one) => one.src);
    return [...wide, ...broken];
}"""


def build(sources: Path, out: Path) -> str:
    """Build as `make docs` does, and give what Sphinx complained of."""
    (options,) = re.findall(r"-m sphinx (.+) \. docs/_build$", MAKEFILE, re.MULTILINE)
    command = [sys.executable, "-m", "sphinx", *options.split(), str(sources), str(out)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return ran.stderr.strip() or (f"exit code {ran.returncode}" if ran.returncode else "")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("docs") / "site"
    assert build(ROOT, out) == ""
    return out


def test_every_page_is_built_and_stands_in_the_navigation(site: Path) -> None:
    front = (site / "docs/index.html").read_text()
    assert 'href="docs/index.html"' in (site / "index.html").read_text()
    for page in PAGES - {"docs/index"}:
        assert (site / f"{page}.html").exists(), page
        link = os.path.relpath(f"{page}.html", "docs")
        assert f'<a class="reference internal" href="{link}">' in front, page


def test_every_picture_is_drawn_where_a_page_asks_for_it(site: Path) -> None:
    listed = (ROOT / "docs/pictures.py").read_text().partition("PICTURES: ")[2]
    known = re.findall(r'^    "(\w+)": \(', listed, re.MULTILINE)
    asked: list[str] = []
    for page in sorted((ROOT / "docs").glob("*.md")):
        here = re.findall(r"^<!-- picture: (\w+) -->$", page.read_text(), re.MULTILINE)
        built = (site / "docs" / f"{page.stem}.html").read_text()
        drawn = re.findall(r'<figure class="picture"><svg role="img".*?</figure>', built, re.DOTALL)
        assert len(drawn) == len(here), page
        assert all(len(re.findall("<path", one)) > 10 for one in drawn), "something is drawn"
        assert all("currentColor" in one for one in drawn), "in the light and in the dark"
        asked += here
    assert set(asked) == set(known)
    assert asked


def test_a_link_that_leads_nowhere_and_a_page_outside_of_the_navigation_are_refused(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/index.md").write_text("# Front\n\n[a page](no-page.md), [a heading](lost.md#no-heading)\n")
    (tmp_path / "docs/lost.md").write_text("# Lost\n")
    said = build(tmp_path, tmp_path / "site")
    for complaint in ("no-page.md", "no-heading", "isn't included in any toctree"):
        assert complaint in said


def test_pages_fit_a_phone_and_every_window_and_ask_nothing_of_any_network(site: Path) -> None:
    executable = shutil.which("chromium")
    if executable is None:
        missing = "no chromium on the PATH: install it (Debian and Ubuntu: apt-get install chromium)"
        (pytest.fail if os.environ.get("BAYESCALER_E2E") == "1" else pytest.skip)(missing)
    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda one: None if one.url.startswith("file:") else complaints.append(one.url))
        for name in sorted(PAGES):
            page.goto((site / f"{name}.html").as_uri())
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 800})
                complaints += [f"{name} at {width}: {one}" for one in page.evaluate(PROBLEMS)]
        browser.close()
    assert complaints == []
