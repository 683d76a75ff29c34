"""Files that narrow a search: what they may say, and what is said of it."""

from pathlib import Path

import pytest
from support.commands import ratings

pytest.importorskip("torch", reason="needs the extra: pip install 'headwater[train]'")

from stream.cli import main


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few hundred ratings as CSV."""
    return ratings(tmp_path_factory.mktemp("data") / "events.csv", lambda n: n * n % 61)


def search(events: Path, out: Path, *more: str) -> int:
    """Run the command."""
    return main(["search", "--events", str(events), "--out", str(out), *more])


def test_a_search_in_which_all_diverge_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And what of the data says little: here how many users are left out."""
    events = ratings(tmp_path / "events.csv", lambda n: n * 11 % 31, 475)
    space, out = tmp_path / "space.toml", tmp_path / "best.toml"
    space.write_text("rate = 1e8\nsteps = {high = 120}\n")
    asked = ("--learner", "mf", "--space", str(space), "--n-trials", "2")
    assert search(events, out, *asked) == 2
    told = capsys.readouterr().err.splitlines()
    assert "held-out users have no event after the 20th" in told[0]
    assert told[-1].startswith("headwater: No trial came to a score: 2 trials, 0 stopped early, 2")
    assert "diverged. Learner mf diverged with the rate 1e+08" in told[-1]
    assert not out.exists()


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("dropout = {}", None),
        ("dropout = [0.1, 0.25]", {"dropout": 0.25}),
        ("dropout = {}\nrate = 0.001", {"rate": 0.001}),
    ],
)
def test_what_the_first_trial_tries_is_said(
    events: Path,
    tmp_path: Path,
    text: str,
    first: dict[str, float] | None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Beside the learner's defaults, where a file leaves them out of what is searched."""
    monkeypatch.setattr(
        "models.search.objective.Prequential.__call__", lambda _self, values, *_: values["dropout"]
    )
    space, out = tmp_path / "space.toml", tmp_path / "best.toml"
    space.write_text(text)
    asked = ("--learner", "gru4rec", "--space", str(space), "--n-trials")
    assert search(events, out, *asked, "2") == 0
    told = capsys.readouterr()
    defaults = {"dropout": 0.3, "rate": 0.004}
    assert "default" in told.out
    for name, value in (first or {}).items():
        announced = f"nearest to the defaults: {name} {value} (default {defaults[name]})."
        assert announced in told.err
    assert ("nearest to the defaults" in told.err) == ("the first" in told.out) == bool(first)
    assert ("# the first trial 0." in out.read_text()) == bool(first)
    assert ("# the defaults 0.3;" in out.read_text()) == (not first)
    assert search(events, out, *asked, "3") == 0
    assert "nearest to the defaults" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("learner", "text", "why"),
    [
        ("mf", "size = {}\nsteps = -5", "steps must be at least 1; got -5"),
        ("mf", "size = {low = -3}", "size.low is searched within 2 and 64; got -3"),
        ("mixture", "rate = {}\nwidth = 0", "width is out of its range; got 0"),
        ("ials", "depth = {}\nfactors = 0", "factors must be above 0; got 0"),
        ("sasrec", "dropout = {}\nrate = -1.0", "rate above 0; got"),
    ],
)
def test_a_space_that_the_learner_does_not_take_is_refused(
    events: Path,
    tmp_path: Path,
    learner: str,
    text: str,
    why: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Before any trial, by the file's name."""
    space = tmp_path / "space.toml"
    space.write_text(text)
    asked = ("--learner", learner, "--space", str(space))
    assert search(events, tmp_path / "best.toml", *asked) == 2
    told = capsys.readouterr().err
    assert f"headwater: {space}: " in told
    assert why in told
    assert not (tmp_path / "best.toml.trials").exists()
