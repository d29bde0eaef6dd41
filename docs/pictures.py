"""The pictures of the concepts pages, drawn while the site is built, by the code they are about, from made load.

A page asks for one by a comment, `<!-- picture: fan -->`; a forge shows the text alone. They are SVG that takes the
page's own colour for text and lines, so that they are read in the light and in the dark.
"""

import io
import re
from collections.abc import Callable
from functools import cache
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bayescaler.control.settings import Settings
from bayescaler.control.translate import translate
from bayescaler.policy import Evidence, Limiter, Phase, Rung
from bayescaler.policy.trust import Standing, judge
from bayescaler.replay.ours import Decided, decided, forecasts
from bayescaler.replay.scenario import Scenario
from bayescaler.sandbox.traffic import Traffic, traffic
from bayescast import Forecaster, ForecastSpec, Predictive

START, MINUTE, DAY = 1_772_409_600.0, 60.0, 1440  # a Monday; a day in buckets
PER_REPLICA, PROMISED = 10.0, 0.95
MORNING = 14 * DAY + 510  # of the last day
LEAD = 2  # minutes until new pods are ready
INK, BLUE, RED, AMBER, GREEN = "#010203", "#3f8fd2", "#d1495b", "#e09f3e", "#2a9d8f"
STYLE = {
    "font.size": 10, "axes.spines.top": False, "axes.spines.right": False,
    "svg.fonttype": "none", "svg.hashsalt": "docs",
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK),
}  # fmt: skip
HOLDERS = ((Limiter.SCALE_IN_WINDOW, AMBER), (Limiter.SCALE_DOWN_STABILIZATION, GREEN))
Floats = NDArray[np.float64]


@cache
def load() -> Traffic:
    """Fifteen days of a web service."""
    return traffic(START, days=15, seed=2)


def played(loads: Floats, **spec: Any) -> Decided:
    """Let an object with the defaults of the resource, and with these parts, decide along loads every 15 seconds."""
    query = {"query": "sum(rate(http_requests_total[1m]))", "serverAddress": "http://prometheus:9090"}
    given = {"scaleTargetRef": {"name": "checkout"}, "maxReplicas": 200, "capacity": {"perReplica": PER_REPLICA}}
    manifest = {"spec": {**given, "load": {"prometheus": query}, **spec}}
    intent = translate("shop", "checkout", manifest, Settings(allowed_server_addresses=(query["serverAddress"],)))
    scenario = Scenario(loads, MINUTE, PER_REPLICA, start=START, max_replicas=200)
    return decided(forecasts(scenario, intent.forecast), intent.policy)


def hours(seconds: Floats) -> Floats:
    """Give the hours since the last midnight that the load saw."""
    return (seconds - START - 14 * DAY * MINUTE) / 3600


def fan(axes: Axes) -> None:
    """Draw the highest load that is expected up to each minute ahead, and what came."""
    now, leads = MORNING, (1, 2, 4, 7, 11, 16, 22, 30)
    forecaster = Forecaster(ForecastSpec(MINUTE, leads, kind="rate")).fit(load().times[:now], load().rates[:now])
    issued = [forecaster.predict(lead) for lead in leads]
    for low, high, alpha in ((0.5, 0.8, 0.55), (0.8, 0.95, 0.35), (0.95, 0.99, 0.2)):
        edges = ([one.quantile(level) for one in issued] for level in (low, high))
        axes.fill_between(leads, *edges, color=BLUE, alpha=alpha, lw=0, label=f"quantiles {low:g} to {high:g}")
    axes.plot(leads, [one.quantile(PROMISED) for one in issued], color=BLUE, lw=2, label="quantile 0.95")
    came = load().rates[now : now + leads[-1]]
    axes.plot(np.arange(-20, 0), load().rates[now - 20 : now], color=INK, lw=1, label="load")
    axes.plot(np.arange(1, len(came) + 1), came, color=INK, lw=0.7, alpha=0.5, label="load that came")
    highest = np.maximum.accumulate(came)
    axes.step(np.arange(1, len(came) + 1), highest, color=AMBER, lw=1.5, where="post", label="highest up to then")
    wanted = int(np.ceil(issued[leads.index(LEAD)].quantile(PROMISED) / PER_REPLICA))
    axes.hlines(wanted * PER_REPLICA, 0, LEAD, color=GREEN, lw=3, label=f"{wanted} replicas serve this until then")
    axes.set(xlabel="minutes from now", ylabel="load, per second")
    axes.legend(frameon=False, ncols=2, loc="upper left")
    axes.set_ylim(top=axes.get_ylim()[1] * 1.25)


def expected() -> Predictive:
    """Give the forecast of the lead window in the morning of the last day."""
    seen = load().times[:MORNING], load().rates[:MORNING]
    return Forecaster(ForecastSpec(MINUTE, (LEAD,), kind="rate")).fit(*seen).predict(LEAD)


def price(axes: Axes) -> None:
    """Draw what each number of replicas comes to, for three prices of running short."""
    issued = expected()
    least = int(np.ceil(issued.quantile(0.5) / PER_REPLICA))
    counts = np.arange(least, least + 16)
    short = np.array([issued.exceedance(count * PER_REPLICA) for count in counts])
    for paid, colour in ((10, AMBER), (100, BLUE), (1000, RED)):
        total = counts + paid * short
        best = int(np.argmin(total))
        axes.plot(counts, total, ".-", color=colour, label=f"price {paid}: {counts[best]} replicas come cheapest")
        axes.plot(counts[best], total[best], "o", color=colour, ms=9)
    axes.plot(counts, counts, color=INK, lw=0.8, ls=":", label="the replicas alone")
    axes.set(xlabel="replicas n", ylabel="n + price x chance to be short", ylim=(least - 1, least + 30))
    axes.legend(frameon=False)


def windows(axes: Axes) -> None:
    """Draw what the lead time asks for in the hours about noon, what runs, and where the longer window holds."""
    run = played(load().rates)
    shown = np.flatnonzero((hours(run.instants) >= 11.5) & (hours(run.instants) < 14.5))
    at, asked = hours(run.instants[shown]), np.ceil(run.demand[shown] / PER_REPLICA)
    axes.plot(at, run.load[shown] / PER_REPLICA, color=INK, lw=0.7, alpha=0.6, label="replicas' worth of load")
    axes.step(at, asked, color=BLUE, lw=1, where="post", label="for the lead time")
    axes.step(at, run.replicas[shown], color=INK, lw=1.6, where="post", label="what runs")
    limiters = run.limiters
    for limiter, colour in HOLDERS:
        held = np.array([limiters[place] is limiter for place in shown])
        axes.fill_between(at, asked, run.replicas[shown], where=held, step="post", color=colour, alpha=0.5, lw=0,
                          label=f"held by {limiter.value}")  # fmt: skip
    axes.set(xlabel="hour of the day", ylabel="replicas")
    axes.legend(frameon=False, loc="upper right")


def ladder(axes: Axes) -> None:
    """Draw an outage of the metrics at the time when load rises: each rung and what runs on it."""
    loads = load().rates.copy()
    begin, end = 14 * DAY + 450, 14 * DAY + 570
    loads[begin:end] = np.nan
    run = played(loads, fallback={"replicas": 60})
    shown = np.flatnonzero((hours(run.instants) >= 7.2) & (hours(run.instants) < 10))
    at, rungs = hours(run.instants[shown]), run.on_rung[shown]
    for rung, colour in zip(Rung, (None, BLUE, None, AMBER, RED), strict=True):
        if colour is not None:
            stood = rungs == list(Rung).index(rung)
            axes.fill_between(at, 0, 1, where=stood, step="post", color=colour, alpha=0.3, lw=0,
                              transform=axes.get_xaxis_transform(), label=rung.value)  # fmt: skip
    axes.step(at, run.replicas[shown], color=INK, lw=1.6, where="post", label="what runs")
    whole = slice(14 * DAY + 432, 14 * DAY + 600)
    axes.plot(hours(load().times[whole] + MINUTE), load().rates[whole] / PER_REPLICA, color=INK, lw=0.7, alpha=0.6,
              label="replicas' worth of load, unseen during the outage")  # fmt: skip
    axes.set(xlabel="hour of the day", ylabel="replicas", ylim=(0, None))
    axes.legend(frameon=False, loc="lower right")


def trust(axes: Axes) -> None:
    """Draw a made record of kept and missed windows, with a bad stretch in it, and what is made of it."""
    dice, bad = np.random.default_rng(4), slice(400, 480)
    chances = np.full(1600, 1 - PROMISED)
    chances[bad] = 0.6
    missed = dice.random(len(chances)) < chances
    kept = 1 - np.cumsum(missed) / np.arange(1, len(missed) + 1)
    standing, phases, bits = Standing(), [], 0
    for window, share in enumerate(kept.tolist(), start=1):
        bits = (bits << 1 | int(missed[window - 1])) & 0xFFFFFFFF
        seen = Evidence(window, share, PROMISED, 0.3, window * LEAD, DAY, recent_misses=bits)
        standing = judge(seen, standing)
        phases.append(standing.phase)
    at = np.arange(1, len(kept) + 1)
    for phase, colour in zip(Phase, (AMBER, GREEN, RED), strict=True):
        stood = np.array([one is phase for one in phases])
        axes.fill_between(at, 0, 1, where=stood, step="post", color=colour, alpha=0.25, lw=0,
                          transform=axes.get_xaxis_transform(), label=phase.value)  # fmt: skip
    axes.plot(at, 100 * kept, color=INK, lw=1.4, label="windows kept so far, %")
    axes.axhline(100 * PROMISED, color=INK, lw=0.8, ls=":", label="promised")
    axes.set(xlabel="windows scored", xlim=(0, len(kept)), ylim=(80, 100))
    axes.legend(frameon=False, loc="lower left", ncols=2)


PICTURES: dict[str, tuple[Callable[[Axes], None], str]] = {
    "fan": (fan, "Quantiles of the highest load expected up to each minute ahead, and the load that came"),
    "price": (price, "What each number of replicas comes to under three prices of running short"),
    "windows": (windows, "Replicas asked for by the lead time, and what runs with the longer window for scale-in"),
    "ladder": (ladder, "An outage of the metrics: the rungs of the ladder and the replicas on each"),
    "trust": (
        trust,
        "A made record of windows with a bad stretch in it: the share kept so far, and the phase that follows from it",
    ),
}


@cache
def picture(name: str) -> str:
    """Give a picture as HTML. KeyError where there is none of the name."""
    draw, told = PICTURES[name]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8.4, 3.9), layout="constrained")
        draw(figure.add_subplot())
        file = io.StringIO()
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    svg = file.getvalue().partition("<svg")[2].replace(INK, "currentColor")
    svg = re.sub(r' id="[A-Za-z.0-9]+_\d+"', "", svg)  # several in one page
    return f'<figure class="picture"><svg role="img" aria-label="{told}"{svg}<figcaption>{told}.</figcaption></figure>'
