"""Pictures of a search, by Optuna: as HTML by plotly, as PNG by matplotlib; without a browser."""

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from optuna import visualization as pages
from optuna.study import Study
from optuna.trial import TrialState
from optuna.visualization import matplotlib as pictures

_ALWAYS: Final = ("optimization_history", "timeline")
_ON_THE_WAY: Final = "intermediate_values"
_OF_SEVERAL: Final = ("param_importances", "parallel_coordinate", "slice")
"""Where trials differ in settings and in score."""


def draw(folder: Path, study: Study) -> list[Path]:
    """Write each picture as NAME.html and NAME.png; those that say nothing yet are left out."""
    folder.mkdir(parents=True, exist_ok=True)
    mpl.use("agg")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of drawing a few trials, or values that are all alike
        return [path for name in _names(study) for path in _both(folder, name, study)]


def _names(study: Study) -> Iterator[str]:
    scores = {trial.value for trial in study.get_trials(states=(TrialState.COMPLETE,))}
    yield from _ALWAYS
    if any(trial.intermediate_values for trial in study.get_trials(deepcopy=False)):
        yield _ON_THE_WAY
    if len(scores) > 1:
        yield from _OF_SEVERAL


def _both(folder: Path, name: str, study: Study) -> tuple[Path, Path]:
    page, picture = folder / f"{name}.html", folder / f"{name}.png"
    _plot(pages, name)(study).write_html(page, include_plotlyjs="directory")
    drawn = _plot(pictures, name)(study)
    axes = drawn.flat[0] if hasattr(drawn, "flat") else drawn
    figure = axes.figure
    figure.savefig(picture, dpi=120, bbox_inches="tight")
    mpl.pyplot.close(figure)
    return page, picture


def _plot(library: Any, name: str) -> Callable[[Study], Any]:
    plot: Callable[[Study], Any] = getattr(library, f"plot_{name}")
    return plot
