"""The table of priors says what the settings hold."""

import re
from pathlib import Path

from bayescast import Settings
from bayescast.sensitivity import CONSTANTS, COUNT_CONSTANTS

PAGE = Path(__file__).resolve().parents[2] / "docs/forecaster.md"


def test_every_prior_constant_is_listed_with_its_value():
    rows = re.findall(r"^\| `(\w+)` \| ([\d.]+) \|", PAGE.read_text(), re.MULTILINE)
    assert [name for name, _ in rows] == [*CONSTANTS, *COUNT_CONSTANTS]
    for name, value in rows:
        assert float(value) == getattr(Settings(), name)
