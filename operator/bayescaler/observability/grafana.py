"""Dashboards as Grafana imports them, built with its own SDK (dependency group `generate`)."""

from collections.abc import Callable, Iterator
from typing import TypeAlias

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders import prometheus, stat, statetimeline, table, text, timeseries
from grafana_foundation_sdk.builders.common import ReduceDataOptions, VizLegendOptions, VizTooltipOptions
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as looks
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.prometheus import PromQueryFormat
from grafana_foundation_sdk.models.text import TextMode

from bayescaler.telemetry.catalogue import METRICS

from .debug import DEBUG
from .executive import EXECUTIVE
from .oncall import ON_CALL
from .panels import Dashboard, Draw, Link, Note, Panel, Row

DASHBOARDS = {dashboard.uid.removeprefix("bayescaler-"): dashboard for dashboard in (EXECUTIVE, ON_CALL, DEBUG)}
PRICE = "0.04"
_HEIGHTS = {Draw.STAT: 4, Draw.LINES: 8, Draw.TABLE: 8, Draw.STATES: 6}
_SOURCE = model.DataSourceRef(type_val="prometheus", uid="${datasource}")
_WIDE = 24
_LETTERS = "ABCDEFGH"
Drawn: TypeAlias = stat.Panel | timeseries.Panel | table.Panel | statetimeline.Panel


def dashboard_json(name: str) -> str:
    """Return one of DASHBOARDS as the JSON that Grafana imports."""
    of = DASHBOARDS[name]
    whole = (
        build.Dashboard(of.title)
        .uid(of.uid)
        .description(of.description)
        .tags(["bayescaler", "autoscaling"])
        .time(of.since, "now")
        .refresh(of.refresh)
        .timezone("browser")
        .readonly()
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
    )
    for link in _links():
        whole = whole.link(link)
    for variable in _variables(of):
        whole = whole.with_variable(variable)
    number = 0
    for row, place in _placed(of.rows):
        number += 1
        whole = whole.with_row(build.Row(row.title).id(number).grid_pos(model.GridPos(x=0, y=place, w=_WIDE, h=1)))
        for panel, at in _laid_out(row, place + 1):
            number += 1
            drawn = _note(panel) if isinstance(panel, Note) else _panel(panel)
            whole = whole.with_panel(drawn.id(number).grid_pos(at))
    told: str = JSONEncoder(sort_keys=True, indent=1).encode(whole.build())
    return told + "\n"


def _links() -> Iterator[build.DashboardLink]:
    """Return links to the other dashboards, which keep time and selection."""
    yield (
        build.DashboardLink("Bayescaler")
        .type(model.DashboardLinkType.DASHBOARDS)
        .tags(["bayescaler"])
        .include_vars(True)
        .keep_time(True)
    )


def _variables(of: Dashboard) -> Iterator[build.DatasourceVariable | build.QueryVariable | build.TextBoxVariable]:
    state = METRICS["state"].exposed
    yield build.DatasourceVariable("datasource").label("Data source").type("prometheus")
    yield _choice("namespace", "Namespace", f"label_values({state}, namespace)", several=not of.one_object)
    yield _choice(
        "autoscaler",
        "Autoscaler",
        f'label_values({state}{{namespace=~"$namespace"}}, name)',
        several=not of.one_object,
    )
    if of.priced:
        yield build.TextBoxVariable("price").label("Price of a replica-hour").default_value(PRICE)


def _choice(name: str, label: str, query: str, *, several: bool) -> build.QueryVariable:
    chosen = (
        build.QueryVariable(name)
        .label(label)
        .query(query)
        .datasource(_SOURCE)
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.ALPHABETICAL_ASC)
        .multi(several)
        .include_all(several)
    )
    return chosen.all_value(".*").current(model.VariableOption(text="All", value="$__all")) if several else chosen


def _placed(rows: tuple[Row, ...]) -> Iterator[tuple[Row, int]]:
    """Yield each row and the line of the grid it begins on."""
    line = 0
    for row in rows:
        yield row, line
        line = max(at.y + at.h for _, at in _laid_out(row, line + 1))


def _laid_out(row: Row, line: int) -> Iterator[tuple[Panel | Note, model.GridPos]]:
    """Yield the panels of a row and where they stand: from left to right, line by line."""
    x = tallest = 0
    for panel in row.panels:
        height = panel.height if isinstance(panel, Note) else _HEIGHTS[panel.draw]
        if x + panel.width > _WIDE:
            x, line, tallest = 0, line + tallest, 0
        yield panel, model.GridPos(x=x, y=line, w=panel.width, h=height)
        x, tallest = x + panel.width, max(tallest, height)


def _note(note: Note) -> text.Panel:
    return text.Panel().title(note.title).mode(TextMode.MARKDOWN).content(note.text).transparent(True)


def _panel(panel: Panel) -> Drawn:
    drawn: Drawn = _LOOKS[panel.draw](panel)
    drawn = (
        drawn.title(panel.title)
        .description(panel.description)
        .datasource(_SOURCE)
        .unit(panel.show)
        .thresholds(
            build.ThresholdsConfig()
            .mode(model.ThresholdsMode.ABSOLUTE)
            .steps([model.Threshold(value=value, color=color) for value, color in panel.thresholds])
        )
    )
    if panel.empty:
        drawn = drawn.no_value(panel.empty)
    if panel.links:
        drawn = drawn.data_links([_link(link) for link in panel.links])
    for letter, query in zip(_LETTERS, panel.queries, strict=False):
        asked = prometheus.Dataquery().ref_id(letter).expr(query.expression).datasource(_SOURCE)
        if query.legend:
            asked = asked.legend_format(query.legend)
        if panel.draw is Draw.TABLE:
            asked = asked.instant().format(PromQueryFormat.TABLE)
        elif panel.draw is Draw.STAT:
            asked = asked.instant()
        else:
            asked = asked.range().exemplar(panel.draw is Draw.LINES and "_bucket" in query.expression)
        drawn = drawn.with_target(asked)
    return drawn


def _link(link: Link) -> build.DashboardLink:
    return build.DashboardLink(link.title).url(link.url).target_blank(True)


def _stat(_: Panel) -> stat.Panel:
    return (
        stat.Panel()
        .reduce_options(ReduceDataOptions().calcs(["lastNotNull"]))
        .color_mode(looks.BigValueColorMode.VALUE)
        .graph_mode(looks.BigValueGraphMode.NONE)
    )


def _lines(_: Panel) -> timeseries.Panel:
    return (
        timeseries.Panel()
        .line_width(1)
        .fill_opacity(5)
        .show_points(looks.VisibilityMode.NEVER)
        .legend(
            VizLegendOptions()
            .display_mode(looks.LegendDisplayMode.LIST)
            .placement(looks.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .tooltip(VizTooltipOptions().mode(looks.TooltipDisplayMode.MULTI).sort(looks.SortOrder.DESCENDING))
    )


def _table(panel: Panel) -> table.Panel:
    """Return a table with a row an object: the queries joined by their labels, each value under its legend."""
    single = len(panel.queries) == 1
    columns = {
        ("Value" if single else f"Value #{letter}"): query.legend
        for letter, query in zip(_LETTERS, panel.queries, strict=False)
    }
    hidden = ("Time", "__name__", *(column for column, legend in columns.items() if not legend))
    return (
        table.Panel()
        .show_header(True)
        .with_transformation(model.DataTransformerConfig(id_val="merge", options={}))
        .with_transformation(
            model.DataTransformerConfig(
                id_val="organize",
                options={
                    "excludeByName": dict.fromkeys(hidden, True),
                    "renameByName": {column: legend for column, legend in columns.items() if legend},
                },
            )
        )
    )


def _states(_: Panel) -> statetimeline.Panel:
    return statetimeline.Panel().merge_values(True).row_height(0.8)


_LOOKS: dict[Draw, Callable[[Panel], Drawn]] = {
    Draw.STAT: _stat,
    Draw.LINES: _lines,
    Draw.TABLE: _table,
    Draw.STATES: _states,
}
