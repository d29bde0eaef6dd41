"""The report as one HTML file that needs no network: what was found, and what it rests on.

Nothing in it is fetched, and its policy forbids it: styles and scripts are embedded, the scripts allowed by their
hashes, so that a name in a manifest or a trace can at worst be read.
"""

import json
from base64 import b64encode
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from bayescaler.policy.explain import percent
from bayescaler.replay.backtest import OURS, Backtest

from . import tables, told
from .charts import frontier_chart, hour_chart, level_chart
from .figures import named
from .opposite import WhatIf, break_evens
from .series import FAN, limiter_shares, timeline
from .verdict import verdict

_ASSETS = "assets"
SCRIPTS = ("uplot/uPlot.iife.min.js", "timeline.js")
STYLES = ("uplot/uPlot.min.css", "page.css")


def render(found: Backtest, *, manifest: str, trace_name: str, command: str, startups: Sequence[WhatIf] = ()) -> str:
    """Return the page; manifest: the suggested one, as YAML. startups: other start-up times, if they were replayed."""
    scripts = [_asset(name) for name in SCRIPTS]
    columns, policies = tables.policies(found)
    context: dict[str, Any] = {
        "found": found,
        "case": found.case,
        "fan": FAN,
        "manifest": manifest,
        "trace_name": trace_name,
        "command": command,
        "ours": named(OURS, found.case.policy),
        "verdict": verdict(found),
        "columns": columns,
        "policies": policies,
        "bars": tables.bars(found),
        "at_their_cost": tables.at_their_cost(found),
        "waits": tables.waits(found),
        "days": tables.days(found),
        "comparisons": tables.comparisons(found),
        "coverage": tables.coverage(found),
        "moments": told.moments(found),
        "assumptions": told.assumptions(found),
        "period": told.period(found),
        "prices": [told.price(one, found) for one in break_evens(found)],
        "margin": told.margin(found),
        "startups": [told.replayed(run) for run in startups],
        "turning": told.turning(startups),
        "frontier": frontier_chart(found),
        "levels": level_chart(found),
        "hours": hour_chart(found),
        "limiters": [(limiter, _rounded(part)) for limiter, part in limiter_shares(found)],
        "data": Markup(_json(timeline(found))),  # noqa: S704 - holds no < that could end the element
        "styles": [Markup(_asset(name)) for name in STYLES],  # noqa: S704 - our own files
        "scripts": [Markup(text) for text in scripts],  # noqa: S704 - our own files
        "security": _security(scripts),
    }
    return _environment().get_template("page.html.j2").render(context)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("bayescaler.replay.report", _ASSETS),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": percent, "unbroken": _unbroken}
    return environment


@cache
def _asset(name: str) -> str:
    return files(__package__).joinpath(_ASSETS, name).read_text(encoding="utf-8")


def _rounded(part: float) -> str:
    return "under 1 %" if part < 0.01 else f"{100 * part:.0f} %"


def _unbroken(text: str) -> str:
    """Keep a percent sign on the line of its number."""
    return text.replace(" %", "\u00a0%")


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def _security(scripts: Sequence[str]) -> str:
    hashes = " ".join(f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" for text in scripts)
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
        "form-action 'none'"
    )
