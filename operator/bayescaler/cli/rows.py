"""One line an object, of its status: what `bayescaler top` shows and sorts by."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from bayescaler.policy.explain import amount, percent, span
from bayescaler.policy.reasons import Limiter, Phase, Rung
from bayescaler.policy.record import conditions_of, epoch, part, shown

Json = Mapping[str, Any]
NOTHING = "-"


@dataclass(frozen=True, slots=True)
class Row:
    """What the status of one object says now; None is what it does not say.

    `load` and `forecast` are in the unit of the load (`unit`: "/s" or ""), `coverage` and `promised` fractions, `burn`
    the budget's burn rate, `decided_at` epoch seconds.
    """

    namespace: str
    name: str
    target: str
    mode: str
    phase: str
    rung: str
    limiter: str
    now: int | None
    wanted: int | None
    least: int
    most: int | None
    load: float | None
    forecast: float | None
    unit: str
    coverage: float | None
    promised: float | None
    burn: float | None
    horizon: str
    decided_at: float | None
    message: str

    def plain(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        names = {
            "least": "minReplicas",
            "most": "maxReplicas",
            "now": "currentReplicas",
            "wanted": "desiredReplicas",
            "burn": "burnRate",
            "decided_at": "decidedAt",
        }
        return {names.get(key, key): value for key, value in asdict(self).items()}


def row_of(obj: Json) -> Row:
    """Read an object; what is missing or no number is None."""
    metadata, spec, status = part(obj, "metadata"), part(obj, "spec"), part(obj, "status")
    decision, forecast = part(status, "lastDecision"), part(status, "forecast")
    calibration, target = part(status, "calibration"), part(spec, "scaleTargetRef")
    fallback = next((c for c in conditions_of(status.get("conditions")) if c.type == "FallbackActive"), None)
    return Row(
        namespace=shown(metadata.get("namespace", "")),
        name=shown(metadata.get("name", "")),
        target=shown(f"{target.get('kind', 'Deployment')}/{target.get('name', '')}"),
        mode="Paused" if spec.get("paused") else shown(spec.get("mode", "Auto")),
        phase=shown(status.get("phase", "")),
        rung=shown(fallback.reason) if fallback and decision else "",
        limiter=shown(decision.get("limiter", "")),
        now=_whole(status.get("currentReplicas")),
        wanted=_whole(status.get("desiredReplicas")),
        least=_whole(spec.get("minReplicas")) or (0 if spec.get("minReplicas") == 0 else 1),
        most=_whole(spec.get("maxReplicas")),
        load=_number(decision.get("load")),
        forecast=_number(forecast.get("value")),
        unit="" if part(spec, "load").get("kind", "Rate") == "Gauge" else "/s",
        coverage=_number(calibration.get("coverage")),
        promised=_number(calibration.get("nominal")),
        burn=_number(part(status, "risk").get("burnRate")),
        horizon=shown(forecast.get("horizon", "")),
        decided_at=epoch(decision.get("time")),
        message=shown(decision.get("message", "")),
    )


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table: its text of a row at epoch seconds `now`, and its style."""

    title: str
    text: Callable[[Row, float], str]
    style: Callable[[Row], str] = lambda _: ""
    right: bool = False
    wide: bool = False


COLUMNS: tuple[Column, ...] = (
    Column("NAMESPACE", lambda row, _: row.namespace),
    Column("NAME", lambda row, _: row.name),
    Column("MODE", lambda row, _: row.mode, lambda row: "dim" if row.mode in {"Paused", "Observe"} else ""),
    Column("PHASE", lambda row, _: row.phase or NOTHING, lambda row: "yellow" if row.phase == Phase.DEGRADED else ""),
    Column(
        "RUNG",
        lambda row, _: "Stored" if row.rung == Rung.STORED else row.rung or NOTHING,
        lambda row: "red" if row.rung in {Rung.HOLD, Rung.FLOOR} else "" if row.rung == Rung.PREDICTIVE else "yellow",
    ),
    Column("NOW", lambda row, _: _count(row.now), right=True),
    Column(
        "WANTED", lambda row, _: _count(row.wanted), lambda row: "bold" if row.wanted != row.now else "", right=True
    ),
    Column("MAX", lambda row, _: _count(row.most), lambda row: "red" if at_most(row) else "", right=True),
    Column("LIMITER", lambda row, _: row.limiter or NOTHING, lambda row: "red" if at_most(row) else ""),
    Column("LOAD", lambda row, _: _amount(row.load, row.unit), right=True),
    Column("FORECAST", lambda row, _: _amount(row.forecast, row.unit), right=True),
    Column("KEPT", lambda row, _: _share(row.coverage), right=True),
    Column("PROMISED", lambda row, _: _share(row.promised), right=True, wide=True),
    Column(
        "BURN",
        lambda row, _: NOTHING if row.burn is None else f"{row.burn:.2f}",
        lambda row: "red" if (row.burn or 0.0) > 1.0 else "",
        right=True,
    ),
    Column("HORIZON", lambda row, _: row.horizon or NOTHING, right=True, wide=True),
    Column("TARGET", lambda row, _: row.target, wide=True),
    Column(
        "DECIDED",
        lambda row, now: NOTHING if row.decided_at is None else f"{span(now - row.decided_at)} ago",
        right=True,
    ),
    Column("WHY", lambda row, _: row.message or NOTHING, wide=True),
)

# Largest first, but for what has no number and names.
ORDERS: Mapping[str, Callable[[Row], float | None]] = {
    "replicas": lambda row: row.now,
    "wanted": lambda row: row.wanted,
    "room": lambda row: None if row.wanted is None or not row.most else row.wanted / row.most,
    "load": lambda row: row.load,
    "forecast": lambda row: row.forecast,
    "missed": lambda row: None if row.coverage is None or row.promised is None else row.promised - row.coverage,
    "burn": lambda row: row.burn,
}


def ordered(rows: Iterable[Row], by: str) -> list[Row]:
    """Return the rows by `name`, or by one of ORDERS, largest first and those without a number last."""
    rows = sorted(rows, key=lambda row: (row.namespace, row.name))
    if by not in ORDERS:
        return rows
    keys = [(ORDERS[by](row), row) for row in rows]
    return [
        row for _, row in sorted(keys, key=lambda each: -float("inf") if each[0] is None else each[0], reverse=True)
    ]


def at_most(row: Row) -> bool:
    """Whether more are asked for than maxReplicas allows."""
    return row.limiter == Limiter.MAX_REPLICAS


def _whole(given: object) -> int | None:
    return given if isinstance(given, int) and not isinstance(given, bool) else None


def _number(given: object) -> float | None:
    return float(given) if isinstance(given, int | float) and not isinstance(given, bool) else None


def _count(value: int | None) -> str:
    return NOTHING if value is None else str(value)


def _amount(value: float | None, unit: str) -> str:
    return NOTHING if value is None else amount(value, unit)


def _share(value: float | None) -> str:
    return NOTHING if value is None else percent(value)
