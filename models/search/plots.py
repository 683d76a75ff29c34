"""Pictures of a search, by Optuna: as HTML by plotly, as PNG by matplotlib; without a browser."""

import math
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from optuna import visualization as pages
from optuna.study import Study
from optuna.trial import TrialState
from optuna.visualization import matplotlib as pictures

_ALWAYS: Final = ("optimization_history", "timeline")
_ON_THE_WAY: Final = "intermediate_values"
_OF_SEVERAL: Final = ("param_importances", "parallel_coordinate", "slice")
"""Where trials differ in settings and in score."""
_TELLING: Final = ("optimization_history", *_OF_SEVERAL)
"""Those that Optuna lets one name the score of."""
_LISTED: Final = 10
"""Most trials that a picture lists beside it."""
_WIDTH: Final = 1.4
"""Inches that each axis of parallel_coordinate takes, so that its labels stand apart."""
_WIDE: Final = 2.0
"""Decades of an axis from which on its labels are powers of ten alone."""


def draw(folder: Path, study: Study, figure: str) -> list[Path]:
    """Write each picture as NAME.html and NAME.png; those that say nothing yet are left out.

    figure: what the score is called.
    """
    folder.mkdir(parents=True, exist_ok=True)
    mpl.use("agg")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of drawing a few trials, or values that are all alike
        return [path for name in _names(study) for path in _both(folder, name, study, figure)]


def _names(study: Study) -> Iterator[str]:
    scores = {trial.value for trial in study.get_trials(states=(TrialState.COMPLETE,))}
    yield from _ALWAYS
    if any(trial.intermediate_values for trial in study.get_trials(deepcopy=False)):
        yield _ON_THE_WAY
    if len(scores) > 1:
        yield from _OF_SEVERAL


def _both(folder: Path, name: str, study: Study, figure: str) -> tuple[Path, Path]:
    page, picture = folder / f"{name}.html", folder / f"{name}.png"
    drawn = _plotted(pages, name, study, figure)
    if name == _ON_THE_WAY:
        drawn.update_layout(yaxis_title=figure)
    drawn.write_html(page, include_plotlyjs="directory")
    axes = _plotted(pictures, name, study, figure)
    first: Axes = axes.flat[0] if hasattr(axes, "flat") else axes
    if name == _ON_THE_WAY:
        first.set_ylabel(figure)
    whole = first.get_figure(root=True)
    assert whole is not None  # noqa: S101  # it was just drawn
    _make_legible(whole, name)
    whole.savefig(picture, dpi=120, bbox_inches="tight")
    mpl.pyplot.close(whole)
    return page, picture


def _plotted(library: Any, name: str, study: Study, figure: str) -> Any:
    """The picture, as the library has it."""
    named = {"target_name": figure} if name in _TELLING else {}
    return getattr(library, f"plot_{name}")(study, **named)


def _make_legible(whole: Figure, name: str) -> None:
    """Keep labels apart that Optuna lets lie on each other, and leave out a legend too long."""
    for axes in whole.axes:
        legend = axes.get_legend()
        if legend is not None and len(legend.get_texts()) > _LISTED:
            legend.remove()
        for axis in (axes.xaxis, axes.yaxis):
            if axis.get_scale() == "log":
                low, high = axis.get_view_interval()
                some = (1.0,) if math.log10(high / low) > _WIDE else (1.0, 2.0, 5.0)
                axis.set_major_locator(LogLocator(subs=some))
                axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
                axis.set_minor_locator(NullLocator())
        if name == "slice":
            axes.tick_params("x", rotation=45)
    if name == "parallel_coordinate":
        whole.set_figwidth(max(whole.get_figwidth(), _WIDTH * len(whole.axes)))
