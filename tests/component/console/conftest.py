"""One browser for a module."""

import os

import pytest
import pytest_asyncio

from .chromium import NoChromium, chromium


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser():
    """Each page is of a context of its own, which shares nothing with the others."""
    try:
        async with chromium() as browser:
            yield browser
    except NoChromium as missing:
        if os.environ.get("BAYESCALER_E2E") == "1":
            pytest.fail(str(missing))
        pytest.skip(str(missing))
