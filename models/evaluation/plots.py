"""Pictures of what the evaluation found; needs matplotlib."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from models.arrays import Float64s, Int64s
from models.evaluation.bootstrap import hit_rate_intervals
from models.evaluation.metrics import LENGTH, hits
from models.evaluation.prequential import Plan
from models.evaluation.report import Standing

COLOURS: Final = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999933",
    "#882255", "#332288", "#44AA99", "#AA4499", "#777777",
)  # fmt: skip
"""Okabe and Ito's, which colour-blind people tell apart, and five of Tol's and a grey."""
MARKERS: Final = "osD^vPX*h<p>d"
_FIRST: Final = np.array([0, 1, 2, 3, 5, 10, 20, 50, 100])
_LABELS: Final = ("0", "1", "2", "3-4", "5-9", "10-19", "20-49", "50-99", "100+")
_FEWEST: Final = 20
"""Targets of a bin that is shown: fewer say nothing."""
_DRAWS: Final = 300


def draw(
    folder: Path, plan: Plan, standings: Sequence[Standing], found: Mapping[str, Any], seed: int
) -> list[Path]:
    """Write both pictures as PNG into a folder, which is made; `found` as the report has it."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures = {
        "quality_by_history.png": _by_history(plan, standings, seed),
        "quality_by_cost.png": _by_cost(found["learners"]),
    }
    paths = []
    for name, figure in pictures.items():
        path = folder / name
        figure.savefig(path, dpi=160)
        paths.append(path)
    return paths


def _by_history(plan: Plan, standings: Sequence[Standing], seed: int) -> Figure:
    """HR@10 against the number of the user's events before, one line a learner, with bands."""
    figure, axes = canvas(f"HR@{LENGTH}")
    group = np.searchsorted(_FIRST, plan.history, side="right") - 1
    counts = np.bincount(group, minlength=len(_FIRST))
    shown = np.flatnonzero(counts >= min(_FEWEST, counts.max()))
    for place, standing in enumerate(standings):
        rates, band = _rates(plan, standing.rank, group, seed)
        colour = COLOURS[place % len(COLOURS)]
        axes.fill_between(shown, *band[shown].T, color=colour, alpha=0.13, linewidth=0)
        axes.plot(
            shown, rates[shown], color=colour, marker=MARKERS[place % len(MARKERS)],
            markersize=6, linewidth=1.8, label=standing.outcome.name,
        )  # fmt: skip
    ticks = [f"{_LABELS[bin_]}\n{counts[bin_]:,}" for bin_ in shown]
    axes.set_xticks(shown, ticks)
    axes.set_xlabel("events of the user before the one predicted; below: how many were predicted")
    axes.set_title("Quality by how much is known of the user (bands: 95 % over users)", loc="left")
    _finish(axes)
    return figure


def _rates(plan: Plan, rank: Int64s, group: Int64s, seed: int) -> tuple[Float64s, Float64s]:
    hit, bins = hits(rank, LENGTH), len(_FIRST)
    counts = np.maximum(np.bincount(group, minlength=bins), 1)
    rates: Float64s = np.bincount(group, hit, minlength=bins) / counts
    user = plan.data.user[plan.targets]
    return rates, hit_rate_intervals(hit, user, group, bins, seed=seed, draws=_DRAWS)


def _by_cost(learners: Mapping[str, Any]) -> Figure:
    """HR@10 against microseconds per event, learned and answered by a full ranking."""
    figure, axes = canvas(f"HR@{LENGTH}")
    for place, (name, learner) in enumerate(learners.items()):
        cost = learner["adapt_microseconds"] + learner["score_microseconds"]
        add_point(axes, place, name, (cost, learner[f"hit_rate@{LENGTH}"]), learner["interval"])
    axes.set_xscale("log")
    axes.set_xlabel("microseconds per event: learned, and all items ranked")
    axes.set_title("Quality by cost (bars: 95 % over users)", loc="left")
    _finish(axes)
    return figure


def canvas(label: str) -> tuple[Figure, Axes]:
    """A figure whose y axis has a label."""
    figure = Figure(figsize=(9, 5), layout="constrained")
    axes = figure.add_subplot()
    axes.set_ylabel(label)
    axes.grid(axis="y", color="#dddddd", linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return figure, axes


def _finish(axes: Axes) -> None:
    axes.set_ylim(bottom=0)
    add_legend(axes)


def add_point(
    axes: Axes, place: int, name: str, at: tuple[float, float], interval: Sequence[float]
) -> None:
    """Mark the learner that is the place-th, with a bar over its interval."""
    (x, y), (low, high) = at, interval
    axes.errorbar(
        [x], [y], yerr=[[max(y - low, 0.0)], [max(high - y, 0.0)]],
        color=COLOURS[place % len(COLOURS)], marker=MARKERS[place % len(MARKERS)],
        markersize=9, capsize=3, linestyle="none", label=name,
    )  # fmt: skip


def add_legend(axes: Axes) -> None:
    """Name the lines, beside the figure."""
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), frameon=False, borderaxespad=0)
