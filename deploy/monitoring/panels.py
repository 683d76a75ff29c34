"""What a dashboard shows, and how Grafana is told, by its own SDK."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders import heatmap, prometheus, stat, timeseries
from grafana_foundation_sdk.builders.common import VizLegendOptions
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import (
    LegendDisplayMode,
    LegendPlacement,
    VisibilityMode,
)
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync, DataSourceRef
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode, HeatmapColorScale
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

_SOURCE: Final = DataSourceRef(type_val="prometheus", uid="${source}")
_HEIGHT: Final = 8  # grid units of 30 px
_WIDTH: Final = 8  # of 24: three panels side by side

Built = timeseries.Panel | heatmap.Panel | stat.Panel


class Query(NamedTuple):
    """PromQL, and how each of its series is named (`{{label}}` stands for a label's value)."""

    expr: str
    legend: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One question and its answer; `bad` says what a bad value means.

    unit: Grafana's name of it. most: the scale's end, where it has one.
    """

    title: str
    unit: str
    bad: str
    queries: tuple[Query, ...]
    kind: Literal["lines", "heatmap", "number"] = "lines"
    most: float | None = None


@dataclass(frozen=True, slots=True)
class Board:
    """One dashboard; `uid` is its address in Grafana and the name of its file."""

    uid: str
    title: str
    about: str
    panels: Sequence[Panel]


def as_json(board: Board) -> str:
    """Return the dashboard as Grafana imports it."""
    source = build.DatasourceVariable("source").type("prometheus").label("Prometheus")
    made = (
        build.Dashboard(board.title)
        .uid(board.uid)
        .description(board.about)
        .tags(["headwater"])
        .refresh("10s")
        .time("now-30m", "now")
        .timezone("browser")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .with_variable(source)
    )
    for number, panel in enumerate(board.panels, start=1):
        made.with_panel(_panel(panel).id(number))
    return json.dumps(made.build(), cls=JSONEncoder, indent=1, sort_keys=True) + "\n"


def _panel(panel: Panel) -> Built:
    built = {"lines": _lines, "heatmap": _heatmap, "number": _number}[panel.kind](panel.unit)
    built.title(panel.title).description(panel.bad).unit(panel.unit).datasource(_SOURCE)
    built.min(0).height(_HEIGHT).span(_WIDTH)
    if panel.most is not None:
        built.max(panel.most)
    for place, query in enumerate(panel.queries):
        asked = prometheus.Dataquery().expr(query.expr).legend_format(query.legend)
        asked.ref_id(chr(ord("A") + place)).range()
        if panel.kind == "heatmap":
            asked.format(PromQueryFormat.HEATMAP)
        built.with_target(asked)
    return built


def _lines(_unit: str) -> Built:
    legend = VizLegendOptions().show_legend(True).display_mode(LegendDisplayMode.LIST)
    return (
        timeseries.Panel()
        .legend(legend.placement(LegendPlacement.BOTTOM).calcs([]))
        .show_points(VisibilityMode.NEVER)
        .fill_opacity(8)
    )


def _heatmap(unit: str) -> Built:
    colour = heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Oranges")
    colour.scale(HeatmapColorScale.EXPONENTIAL).exponent(0.5).steps(64).fill("dark-orange")
    axis = heatmap.YAxisConfig().unit(unit)
    return heatmap.Panel().calculate(False).color(colour).y_axis(axis)


def _number(_unit: str) -> Built:
    return stat.Panel()
