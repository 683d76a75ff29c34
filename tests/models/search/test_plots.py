"""Pictures of a search: which there are, and that drawing them says nothing to the user."""

import logging
from pathlib import Path

import pytest

pytest.importorskip("optuna", reason="needs the extra: pip install 'headwater[train]'")

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
        drawn = {path.stem for path in draw(tmp_path / "pictures", study)}
    told = capfd.readouterr()
    assert (told.out, told.err) == ("", "")
    assert not logging.getLogger("matplotlib.font_manager").isEnabledFor(logging.WARNING)
    usual = {"optimization_history", "timeline"}
    assert drawn == usual | more | ({"parallel_coordinate"} if "slice" in more else set())
    assert all((tmp_path / "pictures" / f"{name}.png").exists() for name in drawn)
