"""The machine's Chromium, which says nothing to anybody but the pages it is given."""

import shutil
from contextlib import asynccontextmanager

from playwright.async_api import async_playwright

QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


class NoChromium(Exception):  # noqa: N818 - named for what it tells
    """There is none on this machine."""


@asynccontextmanager
async def chromium():
    """A browser; NoChromium where there is none on the PATH."""
    executable = shutil.which("chromium")
    if executable is None:
        raise NoChromium("no chromium on the PATH: install it (Debian and Ubuntu: apt-get install chromium)")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=[*QUIET])
        try:
            yield browser
        finally:
            await browser.close()
