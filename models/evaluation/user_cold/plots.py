"""Pictures of what was found; needs matplotlib."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from models.evaluation.plots import COLOURS, MARKERS, add_legend, add_point, canvas


def draw(folder: Path, found: Mapping[str, Any]) -> list[Path]:
    """Write both pictures as PNG into a folder, which is made; `found` as the report has it."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures = {
        "error_by_support.png": _by_support(found["learners"]),
        "error_by_cost.png": _by_cost(found["learners"]),
    }
    for name, figure in pictures.items():
        figure.savefig(folder / name, dpi=160)
    return [folder / name for name in pictures]


def _by_support(learners: Mapping[str, Any]) -> Figure:
    """MAE against the number of events adapted to, one line a learner, with bands.

    These are paired: how much more error than the least learner's there would be with other users.
    """
    figure, axes = canvas("mean absolute error")
    for place, (name, learner) in enumerate(learners.items()):
        steps = learner["by_support"]
        at = np.arange(len(steps))
        colour = COLOURS[place % len(COLOURS)]
        low, high = (
            [step["mae"] - step["behind"]["mae"] + step["behind"][end] for step in steps.values()]
            for end in ("less", "more")
        )
        axes.fill_between(at, low, high, color=colour, alpha=0.12, linewidth=0)
        axes.plot(
            at, [step["mae"] for step in steps.values()], color=colour, label=name,
            marker=MARKERS[place % len(MARKERS)], markersize=6, linewidth=1.8,
        )  # fmt: skip
        axes.set_xticks(at, list(steps))
    axes.set_xlabel("events of the user that were adapted to")
    axes.set_title(
        "Error for users unseen in training (bands: 95 %, paired with the least)", loc="left"
    )
    add_legend(axes)
    return figure


def _by_cost(learners: Mapping[str, Any]) -> Figure:
    """MAE after all support against microseconds per event adapted to."""
    figure, axes = canvas("mean absolute error")
    for place, (name, learner) in enumerate(learners.items()):
        at = learner["adapt_microseconds"], learner["mae"]
        add_point(axes, place, name, at, learner["interval"]["mae"])
    axes.set_xscale("log")
    axes.set_xlabel("microseconds per event that is adapted to")
    axes.set_title("Error by cost (bars: 95 % over users)", loc="left")
    add_legend(axes)
    return figure
