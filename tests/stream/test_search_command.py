"""The command line of the search: what it writes, how it goes on, what it refuses."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import optuna
import pytest
from support.commands import Absent, ratings

pytest.importorskip("torch", reason="needs the extra: pip install 'headwater[train]'")

from models.mixture import Mixture
from models.search.files import read_settings
from stream.cli import INTERRUPTED, main
from stream.cli.stopping import TERMINATED

OWN = '''
import os
import time
from pathlib import Path

import numpy as np

from models.scorer import Scorer
from models.search.space import Choice, Float


class Slow(Scorer):
    """Scores at random; its second trial never ends while a file says so."""

    defaults = {"share": 0.5, "way": "up"}
    space = {"share": Float(0.0, 1.0), "way": Choice(("up", "down"))}

    def __init__(self, *, repeats=False, learned=None, share=0.5, way="up"):
        super().__init__(repeats=repeats, learned=learned)
        self.share, self.way = share, way

    def fit(self, log):
        began = Path("began")
        began.write_text(began.read_text() + "x" if began.exists() else "x")
        while Path("hang").exists() and len(began.read_text()) > 2:
            time.sleep(0.05)
        return self

    def scores(self, states, catalogue):
        size = int(catalogue.shelves.size[0])
        draw = np.random.default_rng(int(1000 * self.share)).random(size)
        return np.tile(draw.astype(np.float32), (len(states), 1))
'''


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few hundred ratings as CSV."""
    return ratings(tmp_path_factory.mktemp("data") / "events.csv", lambda n: n * n % 61)


def search(events: Path, out: Path, *more: str) -> int:
    """Run the command."""
    return main(["search", "--events", str(events), "--out", str(out), *more])


def trials(path: Path) -> list[optuna.trial.FrozenTrial]:
    """What the storage holds."""
    return optuna.load_study(study_name="headwater", storage=f"sqlite:///{path}").trials


def suggested(path: Path) -> list[dict[str, object]]:
    """The finished trials' points."""
    return [trial.params for trial in trials(path) if trial.state.name != "FAIL"]


def test_the_best_settings_train_a_mixture(
    events: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With pictures; a file narrows the search; train and evaluate take what comes out."""
    space, best, pictures = (tmp_path / name for name in ("space.toml", "best.toml", "pictures"))
    space.write_text(
        "width = 8\nhidden = 16\nrate = {}\nmodules.net = [true]\nmodules.liking = false\n"
    )
    assert search(
        events, best, "--space", str(space), "--n-trials", "2", "--plot", str(pictures)
    ) == 0  # fmt: skip
    told = capsys.readouterr()
    assert "trial 1 (2 of 2)" in told.err
    assert "2 trials, 0 stopped early" in told.out
    for name in ("optimization_history", "intermediate_values", "timeline"):
        assert "<html>" in (pictures / f"{name}.html").read_text()
        assert (pictures / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    found = read_settings(best)
    assert found.learner == "mixture"
    modules = ["popularity", "transitions", "neighbours", "repeats", "net", "taste"]
    assert found.settings["modules"] == modules
    snapshot, table = tmp_path / "shop.safetensors", tmp_path / "found.json"
    read = ["--events", str(events), "--settings", str(best)]
    assert main(["train", *read, "--epochs", "1", "--out", str(snapshot)]) == 0
    mixture = Mixture.load(snapshot)
    assert mixture.net is not None
    assert mixture.net.size == 8
    assert "rate" not in mixture.settings.features
    assert main(["evaluate", *read, "--learner", "mixture", "--json", str(table)]) == 0
    used = json.loads(table.read_text())["settings"]["learner_settings"]["mixture"]
    assert used == found.settings


def test_a_killed_search_goes_on_as_if_it_had_not_been(
    events: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Killed in its third trial; then as many trials as asked, the same ones as without."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    Path("slow.py").write_text(OWN)
    Path("hang").touch()
    asked = ["search", "--events", str(events), "--learner", "slow:Slow", "--n-trials", "5"]
    asked += ["--seed", "3", "--out"]
    root = str(Path(__file__).resolve().parents[2])
    command = [sys.executable, "-m", "stream.cli", *asked, "best.toml"]
    with subprocess.Popen(command, env={**os.environ, "PYTHONPATH": root}) as first:
        while not Path("began").exists() or len(Path("began").read_text()) < 3:
            assert first.poll() is None
            time.sleep(0.05)
        assert main([*asked, "best.toml"]) == 2
        busy = "best.toml.trials is in use: another search is running on it"
        assert busy in capsys.readouterr().err
        first.send_signal(signal.SIGKILL)
    assert Path("best.toml").exists()
    Path("hang").unlink()
    assert main([*asked, "best.toml"]) == 0
    assert "trial 3 (3 of 5)" in capsys.readouterr().err
    killed = tmp_path / "best.toml.trials"
    states = [trial.state.name for trial in trials(killed)]
    assert states.count("FAIL") == 1
    assert states[2] == "FAIL"
    assert len(states) == 6
    assert main([*asked, "other.toml"]) == 0
    assert suggested(killed) == suggested(tmp_path / "other.toml.trials")
    settings = [read_settings(Path(name)) for name in ("best.toml", "other.toml")]
    assert settings[0] == settings[1]


@pytest.mark.parametrize(
    ("code", "number"), [(INTERRUPTED, signal.SIGINT), (TERMINATED, signal.SIGTERM)]
)
def test_a_stopped_search_says_that_it_goes_on(
    events: Path,
    tmp_path: Path,
    code: int,
    number: signal.Signals,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """By Ctrl-C or SIGTERM in a trial; those before it are kept."""
    scored: list[float] = []

    def score(*_: object) -> float:
        if len(scored) == 2:
            os.kill(os.getpid(), number)
        scored.append(len(scored))
        return scored[-1]

    monkeypatch.setattr("models.search.objective.Prequential.__call__", score)
    out, asked = tmp_path / "best.toml", ("--learner", "sasrec", "--n-trials", "4")
    assert search(events, out, *asked) == code
    kept = f"Stopped. {out}.trials holds the trials so far: the same command goes on.\n"
    assert capsys.readouterr().err.endswith(kept)
    assert read_settings(out).learner == "sasrec"
    scored.append(2)
    assert search(events, out, *asked) == 0
    assert "trial 3 (3 of 4)" in capsys.readouterr().err


@pytest.mark.parametrize("sampler", ["tpe", "gp", "genetic"])
def test_the_same_seed_suggests_the_same(
    events: Path, tmp_path: Path, sampler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Past the trials that are drawn at random; the first is the defaults."""
    monkeypatch.setattr(
        "models.search.objective.Prequential.__call__", lambda _self, values, *_: values["rate"]
    )
    found = []
    for name in ("one.toml", "two.toml"):
        out = tmp_path / name
        asked = ("--learner", "gru4rec", "--sampler", sampler, "--n-trials", "12", "--no-prune")
        assert search(events, out, *asked) == 0
        found.append(suggested(tmp_path / f"{name}.trials"))
    assert found[0] == found[1]
    assert found[0][0] == {"dropout": 0.3, "rate": 0.004}
    assert len({tuple(point.values()) for point in found[0]}) > 10
    assert search(events, tmp_path / "one.toml", *asked[:-3], "--seed", "1") == 2


def test_more_trials_go_on_and_another_search_is_refused(
    events: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By what differs."""
    out = tmp_path / "best.toml"
    asked = ("--learner", "counters", "--n-trials")
    assert search(events, out, *asked, "1") == 0
    assert search(events, out, *asked, "2") == 0
    assert len(trials(tmp_path / "best.toml.trials")) == 2
    capsys.readouterr()
    other = tmp_path / "other.csv"
    other.write_text("\n".join(events.read_text().splitlines()[:-1]) + "\n")
    for more, what in (
        (("--learner", "mixture"), "learner was counters, is mixture"),
        (("--learner", "counters", "--seed", "1"), "seed was 0, is 1"),
        (("--learner", "counters", "--events", str(other)), "data was "),
        (("--learner", "mixture"), "; the space is another. Go on"),
    ):
        assert search(events, out, *more) == 2
        told = capsys.readouterr().err
        assert "best.toml.trials is of another search: " in told
        assert what in told
        assert len(told) < 400


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        (["--n-trials", "0"], "--n-trials"),
        (["--sampler", "grid"], "--sampler may be tpe, gp, genetic; got grid"),
        (["--learner", "oracle"], "--learner may be mixture, counters"),
        (["--learner", "popularity"], "no settings to search: it chooses among its variants"),
        (["--learner", "item-mean"], "item-mean has no settings to search: it only averages"),
        (["--out", "/nowhere/best.toml"], "cannot be written"),
        (["--storage", "/nowhere/trials"], "cannot be written"),
        (["--warm-up", "0"], "--warm-up is a part of all events"),
        (["--warm-up", "0.001"], "of 400 events holds none"),
        (["--cold-share", "1"], "--cold-share is a part of all users"),
        (["--space", "space.toml"], "space.toml: unknown widht; what can be searched is modules."),
        (["--storage", "events.txt"], "events.txt is no storage of a search: "),
        (["--events", "absent.csv"], "absent.csv is not a file"),
        (["--draws", "2"], "--draws goes with learners of the protocol user-cold; counters is"),
        (["--users", "u.csv", "--cold-share", "0.2"], "--users and --cold-share go with learners"),
        (["--learner", "mf", "--warm-up", "0.7"], "--warm-up goes with learners of the protocol"),
        (["--learner", "mf", "--repeats", "allow"], "--repeats goes with learners of the"),
    ],
)
def test_wrong_use_is_told_in_one_sentence(
    events: Path,
    flags: list[str],
    why: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With exit code 2, before any work."""
    monkeypatch.chdir(tmp_path)
    Path("space.toml").write_text("widht = [1, 2]\n")
    Path("events.txt").write_text("no database at all, but some text\n" * 10)
    assert search(events, Path("best.toml"), "--learner", "counters", *flags) == 2
    told = capsys.readouterr().err
    assert why in told
    assert told.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('learner = "mixture"\n[settings]\nwidht = 3', "unknown widht; settings of mixture are"),
        ('learner = "mixture"\n[settings]\nrate = 0.0', "rate is out of its range; got 0.0"),
        ('learner = "mixture"\n[settings]\nmodules = ["fun"]', "modules are popularity"),
        ('learner = "mixture"\n[settings]\nrate = -1', "best.toml: rate is out of its range"),
        ('learner = "mixture"\n[settings]\nrate = nan', "best.toml: rate is a finite number; got"),
        ('learner = "gru4rec"\n[settings]', "is for the learner gru4rec"),
        ('learner = "mixture"', "needs `learner`, a name, and a table `settings`"),
        ('learner = "mixture"\nmore = 1\n[settings]', "unknown more"),
        ("learner", "is no TOML"),
    ],
)
@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_settings_that_do_not_do_are_named(
    events: Path,
    text: str,
    why: str,
    command: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """By train and evaluate alike, before any training."""
    path = tmp_path / "best.toml"
    path.write_text(text + "\n")
    asked = [command, "--events", str(events), "--settings", str(path)]
    more = ["--out", str(tmp_path / "a.safetensors")] if command == "train" else []
    more += ["--learner", "mixture"] if command == "evaluate" else []
    assert main([*asked, *more]) == 2
    assert why in capsys.readouterr().err


def test_a_learner_that_lacks_a_library_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the command that installs it; exit code 2."""
    for name in [name for name in sys.modules if name.startswith("models.meta.training")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    events = ratings(tmp_path / "events.csv", lambda n: n * 11 % 31, 700)
    assert search(events, tmp_path / "best.toml", "--learner", "mf") == 2
    named = "headwater: Learner mf: torch is not installed: pip install 'headwater[train]'.\n"
    assert capsys.readouterr().err.endswith(named)


def test_without_optuna_it_is_named(
    events: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With the command that installs it; exit code 2."""
    for name in [name for name in sys.modules if name.split(".")[0] == "optuna"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Absent("optuna"), *sys.meta_path])
    for name in ("report", "storage", "trials", "plots"):
        monkeypatch.delitem(sys.modules, f"models.search.{name}", raising=False)
        monkeypatch.delattr(f"models.search.{name}", raising=False)
    assert search(events, tmp_path / "best.toml") == 2
    told = capsys.readouterr().err
    assert told == "headwater: optuna is not installed: pip install 'headwater[train]'.\n"
