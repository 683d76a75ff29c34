"""The command line of the evaluation: what it takes, what it refuses, what it leaves."""

import json
import sys
from pathlib import Path

import pytest
from support.commands import Absent, ratings

import models
from stream.cli import main
from stream.cli.contest import Lines

pytest.importorskip("polars", reason="needs the extra: pip install 'headwater[train]'")


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few hundred ratings as CSV."""
    return ratings(tmp_path_factory.mktemp("data") / "events.csv", lambda n: n * 11 % 31)


def test_everything_is_written_where_it_is_wanted(
    events: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A table, JSON with the settings, ranks and pictures."""
    outputs = [tmp_path / "found.json", tmp_path / "ranks.parquet", tmp_path / "pictures"]
    code = main(
        [
            "evaluate", "--events", str(events), "--protocol", "prequential",
            "--learner", "counters,popularity", "--learner", "recency", "--warm-up", "0.6",
            "--positive-min", "3", "--repeats", "allow", "--refit-every", "0.2", "--k", "5,20",
            "--window", "8", "--partitions", "3", "--seed", "1", "--json", str(outputs[0]),
            "--ranks", str(outputs[1]), "--plot", str(outputs[2]),
        ]
    )  # fmt: skip
    assert code == 0
    printed, told_meanwhile = capsys.readouterr()
    assert all(f"Written: {path}" in printed for path in outputs)
    assert "counters …\n" in told_meanwhile
    assert all(path.exists() for path in outputs)
    told = json.loads(outputs[0].read_text())
    assert list(told["learners"]) == ["counters", "popularity", "recency"]
    assert "hit_rate@20" in told["learners"]["counters"]
    expected = {
        "warm_up": 0.6, "refit_every": 0.2, "positive_min": 3.0, "repeats": "allow",
        "k": [5, 10, 20], "window": 8, "partitions": 3, "seed": 1,
    }  # fmt: skip
    assert {key: told["settings"][key] for key in expected} == expected
    assert told["settings"]["targets"] == sum(1 + place % 5 >= 3 for place in range(240, 400))


OWN = '''
import numpy as np

from models.scorer import Scorer


class Constant(Scorer):
    """Scores nothing."""

    def scores(self, states, catalogue):
        return np.zeros((len(states), int(catalogue.shelves.size[0])), dtype=np.float32)


class Narrow(Scorer):
    """Scores three items, whatever there is."""

    def scores(self, states, catalogue):
        return np.zeros((len(states), 3), dtype=np.float32)


class Forgetful(Narrow):
    """Returns nothing from its training."""

    def fit(self, log):
        pass
'''


def test_a_learner_of_ones_own_stands_beside_the_others(
    events: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """By module and class, from the folder where the command is given; what is none is refused."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    Path("own_learner.py").write_text(OWN)
    asked = ["evaluate", "--events", str(events), "--json", "found.json", "--k", "3", "7"]
    assert main([*asked, "--learner", "counters,own_learner:Constant"]) == 0
    told = json.loads(Path("found.json").read_text())
    assert list(told["learners"]) == ["counters", "own_learner:Constant"]
    assert told["settings"]["k"] == [3, 7, 10]
    for wrong in ("own_learner:Other", "no_such:Constant", "json:dumps", "models.scorer:Scorer"):
        assert main([*asked, "--learner", wrong]) == 2
        assert f"Learner {wrong}" in capsys.readouterr().err
    assert main([*asked, "--learner", "own_learner:Narrow"]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("headwater: Narrow.scores must give (")
    assert said.endswith(", users by items; got (8, 3).")
    assert main([*asked, "--learner", "own_learner:Forgetful"]) == 2
    said = capsys.readouterr().err
    assert said.endswith("headwater: Forgetful.fit must give a learner; got None.\n")


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        (["--learner", "oracle"], "--protocol prequential --learner may be mixture, counters"),
        (["--learner", "bayes"], "--protocol prequential --learner may be mixture, counters"),
        (["--protocol", "holdout"], "--protocol is prequential or user-cold; got holdout"),
        (["--warm-up", "1"], "--warm-up is a part of all events"),
        (["--refit-every", "0"], "--refit-every is a part of all events"),
        (["--k", "ten"], "--k takes whole numbers"),
        (["--k", "0"], "--k takes whole numbers"),
        (["--window", "0"], "--window"),
        (["--repeats", "maybe"], "repeats"),
        (["--json", "/nowhere/found.json"], "cannot be written"),
        (["--items", "absent.csv"], "absent.csv is not a file"),
        (["--positive-min", "9"], "of the last 120 of 400 events none is positive"),
        (["--queries", "q.csv", "--cold-share", "0.2"], "--cold-share and --queries go with"),
        (["--cold-share", "0.2"], "--cold-share goes with --protocol user-cold"),
        (["--users", "u.csv"], "--users goes with --protocol user-cold, or a learner of one's"),
    ],
)
def test_wrong_use_is_told_in_one_sentence(
    events: Path, flags: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With exit code 2, before any work."""
    assert main(["evaluate", "--events", str(events), "--learner", "counters", *flags]) == 2
    told = capsys.readouterr().err
    assert why in told
    assert told.count("\n") == 1


@pytest.mark.parametrize(
    ("library", "ours", "flags"),
    [
        ("polars", ["models.dataset_files.assemble", "models.dataset_files.events"], []),
        ("matplotlib", ["models.evaluation.plots"], ["--plot", "pictures"]),
        ("torch", ["models.evaluation.mixed", "models.training"], ["--learner", "mixture"]),
    ],
)
def test_a_library_that_is_not_installed_is_named(
    events: Path,
    library: str,
    ours: list[str],
    flags: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With the command that installs it, before any work; exit code 2."""
    for name in list(sys.modules):
        if name.split(".")[0] == library:
            monkeypatch.delitem(sys.modules, name)
        elif name.startswith(tuple(ours)):
            monkeypatch.delitem(sys.modules, name)
            package, _, part = name.rpartition(".")
            monkeypatch.delattr(sys.modules.get(package, models), part, raising=False)
    monkeypatch.setattr(sys, "meta_path", [Absent(library), *sys.meta_path])
    assert main(["evaluate", "--events", str(events), "--learner", "counters", *flags]) == 2
    told = capsys.readouterr().err
    named = "Learner mixture: " if library == "torch" else ""
    assert (
        told == f"headwater: {named}{library} is not installed: pip install 'headwater[train]'.\n"
    )


FAILING = """
import models.meta.item_mean
from models.errors import DivergedError
from models.scorer import Scorer


class Diverging(models.meta.item_mean.ItemMean):
    def meta_train(self, world, tasks, **_):
        raise DivergedError("Learner diverging diverged: give a lower rate than 9.")


class Broken(models.meta.item_mean.ItemMean):
    def meta_train(self, world, tasks, **_):
        return 1 / 0


class Odd(Scorer):
    def scores(self, states, catalogue):
        return {}["scores"]
"""


@pytest.mark.parametrize(
    ("protocol", "fine", "failing"),
    [
        (
            ["--protocol", "user-cold", "--cold-share", "0.4"],
            "item-mean",
            {
                "f:Diverging": "Learner diverging diverged: give a lower rate than 9.",
                "f:Broken": "ZeroDivisionError: division by zero",
            },
        ),
        (["--ranks", "ranks.parquet"], "popularity", {"f:Odd": "KeyError: 'scores'"}),
    ],
    ids=["user-cold", "prequential"],
)
def test_what_other_learners_found_is_not_lost_by_one_that_fails(
    tmp_path: Path,
    protocol: list[str],
    fine: str,
    failing: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Table and JSON say why; the exit code is 1; alone it is an error in one sentence."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    Path("f.py").write_text(FAILING)
    events = ratings(tmp_path / "events.csv", lambda n: n * 11 % 31, 700)
    asked = ["evaluate", "--events", str(events), *protocol, "--json", "found.json"]
    asked += ["--plot", "pictures"]
    assert main([*asked, "--learner", ",".join([*failing, fine])]) == 1
    printed, told_meanwhile = capsys.readouterr()
    said = f"{len(failing)} of {len(failing) + 1} learners failed: {', '.join(failing)}."
    assert told_meanwhile.endswith(f"headwater: {said}\n")
    found = json.loads(Path("found.json").read_text())
    assert found["failed"] == failing
    assert list(found["learners"]) == [fine]
    assert all(f"{name} failed: {why}" in printed for name, why in failing.items())
    assert printed.count("Written: ") == sum(
        flag in asked for flag in ("--json", "--plot", "--ranks")
    )
    for path in (Path("found.json"), *Path("pictures").iterdir()):
        path.unlink()
    assert main([*asked, "--learner", ",".join(failing)]) == 2
    told = capsys.readouterr().err.splitlines()[-1]
    assert all(name in told for name in failing if "Diverging" not in name)
    assert all(why in told for why in failing.values())
    assert not Path("found.json").exists()


def test_lines_tell_how_far_it_is() -> None:
    """When something begins and ends, and every ten seconds between."""
    lines: list[str] = []
    told = [
        (1.0, "training", 0, 4), (5.0, "training", 1, 4), (12.0, "training", 2, 4),
        (13.0, "training", 3, 4), (31.5, "training", 4, 4), (31.6, "training", 4, 4),
        (32.0, "ranking", 1_000, 2_000), (34.0, "more", 4, 4),
    ]  # fmt: skip
    tell = Lines(lines.append, iter([moment for moment, *_ in told]).__next__)
    for _, what, done, of in told:
        tell(what, done, of)
    assert lines == [
        "training …", "  training: 2 of 4", "training: 30.5 s",
        "ranking …", "ranking: 2.0 s", "more …", "more: 0.0 s",
    ]  # fmt: skip


def test_help_shows_examples(capsys: pytest.CaptureFixture[str]) -> None:
    """And every learner by name."""
    assert main(["evaluate", "--help"]) == 0
    shown = capsys.readouterr().out
    assert "headwater evaluate --events" in shown
    assert "neighbours" in shown
    assert "as in --k 10 20 50" in shown  # what [K]... is
