"""The machine's Chromium, as the tests of the report take it."""

import os
import shutil

import pytest
import pytest_asyncio
from playwright.async_api import async_playwright

QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser():
    """One for a module; each page is of a context of its own, which shares nothing with the others."""
    executable = shutil.which("chromium")
    if executable is None:
        missing = "no chromium on the PATH: install it (Debian and Ubuntu: apt-get install chromium)"
        if os.environ.get("BAYESCALER_E2E") == "1":
            pytest.fail(missing)
        pytest.skip(missing)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=[*QUIET])
        yield browser
        await browser.close()
