"""Pictures of a search: which there are, and that drawing them says nothing to the user."""

import logging
from pathlib import Path

import pytest

pytest.importorskip("optuna", reason="needs the extra: pip install 'headwater[train]'")

from matplotlib.pyplot import imread
from optuna.study import Study
from optuna.trial import TrialState

from models.search.plots import draw
from models.search.storage import opened
from stream import logs


def trials(study: Study, scores: list[float], *, tell: bool) -> None:
    """Trials of these scores, the first one stopped early; `tell`: of each some on the way."""
    for number, score in enumerate(scores):
        trial = study.ask()
        trial.suggest_float("rate", 1e-3, 1e-1, log=True)
        trial.suggest_categorical("modules.net", (True, False))
        trial.suggest_categorical("width", (8,))
        for step in range(3 * tell):
            trial.report(score, step)
        study.tell(trial, **({"values": score} if number else {"state": TrialState.PRUNED}))


@pytest.mark.parametrize(
    ("scores", "tell", "more"),
    [
        ([0.1, 0.2, 0.3], True, {"intermediate_values", "slice", "param_importances"}),
        ([0.1, 0.2, float("inf")], False, {"slice", "param_importances"}),
        ([0.1, 0.2, 0.2], True, {"intermediate_values"}),
    ],
    ids=["usual", "untold on the way", "all alike"],
)
def test_pictures_are_drawn_without_a_word(
    tmp_path: Path,
    scores: list[float],
    tell: bool,
    more: set[str],
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Whatever the libraries warn of: few trials, values alike, texts that look like numbers."""
    logs.configure("INFO")
    with opened(tmp_path / "trials", {}, higher_is_better=True) as study:
        trials(study, scores, tell=tell)
        drawn = {path.stem for path in draw(tmp_path / "pictures", study, "MAE")}
    told = capfd.readouterr()
    assert (told.out, told.err) == ("", "")
    assert not logging.getLogger("matplotlib.font_manager").isEnabledFor(logging.WARNING)
    usual = {"optimization_history", "timeline"}
    assert drawn == usual | more | ({"parallel_coordinate"} if "slice" in more else set())
    assert all((tmp_path / "pictures" / f"{name}.png").exists() for name in drawn)


def test_axes_have_the_scores_own_name_and_no_long_legend(tmp_path: Path) -> None:
    """In every page that shows scores; eleven trials are too many to be listed."""
    with opened(tmp_path / "trials", {}, higher_is_better=False) as study:
        trials(study, [number / 10 for number in range(11)], tell=True)
        drawn = [path for path in draw(tmp_path / "pictures", study, "HR@10") if path.is_file()]
    pages = {path.stem: path.read_text() for path in drawn if path.suffix == ".html"}
    named = {name for name, page in pages.items() if "HR@10" in page}
    assert named == set(pages) - {"timeline"}
    assert not any(
        "Objective Value" in page or 'Intermediate Value"' in page for page in pages.values()
    )
    width, height = imread(tmp_path / "pictures" / "intermediate_values.png").shape[1::-1]
    assert width > height
