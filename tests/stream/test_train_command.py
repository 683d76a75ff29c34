"""headwater train: a file in, a snapshot out, and one sentence for each mistake."""

import csv
import errno
import os
import re
import signal
import sys

import pytest

pytest.importorskip("torch")

import models
from agents.snapshot import load_learner
from models import whole_file
from models.mixture import Mixture
from models.training import fit
from stream.cli import INTERRUPTED, histories, main, meta_training, training
from stream.cli.stopping import TERMINATED
from stream.settings import Settings

FAST = ("--epochs", "2", "--width", "8", "--device", "cpu")


@pytest.fixture
def events(tmp_path):
    """A file of users who take one item after the other."""
    return write(tmp_path / "events.csv", [(n % 20, (n % 20 + n // 20) % 12) for n in range(200)])


def write(path, pairs, kind="like"):
    """Write events, a second apart."""
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("user_id", "item_id", "type", "timestamp"))
        for n, (user, item) in enumerate(pairs):
            rows.writerow((user, item, kind, 1_600_000_000_000 + 1000 * n))
    return path


def train(events, out, *more):
    """Run the command."""
    return main(["train", "--events", str(events), "--out", str(out), *FAST, *more])


def test_a_snapshot_that_loads(events, tmp_path, capsys):
    """With the epochs told, what was trained, and how to serve it."""
    out = tmp_path / "shop.safetensors"
    assert train(events, out) == 0
    told = capsys.readouterr()
    assert "epoch 2 of 2: loss" in told.err
    assert "200 events of 20 users" in told.out
    assert f"HEADWATER_MODEL={out} headwater worker" in told.out
    mixture = Mixture.load(out)
    assert mixture.net.size == 8
    assert mixture.notes["settings"]["epochs"] == 2
    assert [file.name for file in tmp_path.iterdir() if "training" in file.name] == []


@pytest.mark.parametrize(
    ("pairs", "kind", "reason"),
    [
        ([(0, 0)] * 3, "like", "50 events"),
        ([(n % 9, 0) for n in range(90)], "like", "two items"),
        ([(n % 9, n % 7) for n in range(90)], "dislike", "positive events"),
        ([(n, n % 7) for n in range(90)], "like", "users with two events"),
    ],
)
def test_counters_alone_where_no_net_can_be_trained(tmp_path, capsys, pairs, kind, reason):
    """The snapshot serves, and the table says why it has no net."""
    out = tmp_path / "shop.safetensors"
    assert train(write(tmp_path / "events.csv", pairs, kind), out) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "counters alone" in told
    assert reason in told
    assert Mixture.load(out).net is None


SIGNALS = {INTERRUPTED: signal.SIGINT, TERMINATED: signal.SIGTERM}


@pytest.mark.parametrize("code", SIGNALS)
def test_stopped_it_goes_on(events, tmp_path, capsys, monkeypatch, code):
    """A signal after an epoch keeps the checkpoint; the same command ends the training."""
    out, start = tmp_path / "shop.safetensors", fit.learn_start
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(fit, "learn_start", lambda *_: os.kill(os.getpid(), SIGNALS[code]))
    assert train(events, out) == code
    assert "the same command goes on" in capsys.readouterr().err
    assert not out.exists()
    assert signal.getsignal(signal.SIGTERM) is before
    monkeypatch.setattr(fit, "learn_start", start)
    kept = out.with_name("shop.safetensors.training")
    state = kept.read_bytes()
    assert train(events, out) == 0
    told = capsys.readouterr().err
    assert "epoch 2 of 2: loss" not in told
    assert re.search(
        rf"^Going on from epoch [1-9] of {re.escape(str(kept))}\.$", told, re.MULTILINE
    )
    assert out.exists()
    assert not kept.exists()
    for content, why in ((state, "is of other data, another seed"), (state[:99], "is damaged")):
        kept.write_bytes(content)
        assert train(events, out, "--seed", "1") == 0
        told = capsys.readouterr().err
        assert told.count(f"{kept} {why}") == told.count("the training starts over.") == 1
        assert "epoch 2 of 2: loss" in told


@pytest.mark.parametrize("code", SIGNALS)
@pytest.mark.parametrize("more", [(), ("--learner", "item-mean")])
def test_stopped_before_anything_is_kept_it_says_so(
    events, tmp_path, capsys, monkeypatch, code, more
):
    """While the files are read, or in a training that keeps nothing."""
    monkeypatch.setattr(histories, "read_dataset", lambda *_: os.kill(os.getpid(), SIGNALS[code]))
    asked = ["train", "--events", str(events), "--out", str(tmp_path / "shop"), *more]
    assert main(asked) == code
    assert capsys.readouterr().err.endswith(
        "Stopped. Nothing is kept: the same command starts over.\n"
    )


def test_a_snapshot_that_cannot_be_written_costs_no_epoch(events, tmp_path, capsys, monkeypatch):
    """A disk that is full at the end: the same command goes on from the last epoch."""
    out = tmp_path / "shop.safetensors"
    kept = out.with_name("shop.safetensors.training")
    with monkeypatch.context() as full:
        full.setattr(Mixture, "save", failing_save)
        assert train(events, out) == 1
    assert "No space left on device" in capsys.readouterr().err
    assert kept.exists()
    assert train(events, out) == 0
    assert "Going on from epoch" in capsys.readouterr().err
    assert not kept.exists()


def failing_save(_mixture, path):
    """As on a full disk."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


def test_stopped_it_claims_nothing_of_a_state_that_it_found(events, tmp_path, capsys, monkeypatch):
    """While the files are read nobody knows whether it is of these data, seed and settings."""
    kept = tmp_path / "shop.training"
    kept.write_bytes(b"another's")
    monkeypatch.setattr(histories, "read_dataset", lambda *_: os.kill(os.getpid(), signal.SIGINT))
    assert train(events, tmp_path / "shop") == INTERRUPTED
    told = f"Stopped. Nothing new is kept: {kept} is as it was found.\n"
    assert capsys.readouterr().err.endswith(told)
    assert kept.read_bytes() == b"another's"


@pytest.mark.parametrize(
    ("module", "more"), [(training, ()), (meta_training, ("--learner", "item-mean"))]
)
def test_stopped_after_the_snapshot_it_says_so(events, tmp_path, capsys, monkeypatch, module, more):
    """Also where another snapshot stood there before."""
    out = tmp_path / "shop.safetensors"
    out.write_bytes(b"another's")
    monkeypatch.setattr(module, "show", lambda _: os.kill(os.getpid(), signal.SIGINT))
    asked = ["train", "--events", str(events), "--out", str(out)]
    assert main([*asked, *(more or FAST)]) == INTERRUPTED
    told = f"Stopped. The training was done: {out} is written.\n"
    assert capsys.readouterr().err.endswith(told)
    load_learner(Settings(model=out))


@pytest.mark.parametrize(
    ("times", "told"),
    [
        ([4_102_444_800_000, 4_102_444_900_000], "2 of 202 events, from 2100-01-01 00:00:00Z on"),
        ([1_600_000_000_000_000], "1 of 201 events, from 1600000000000000 ms on"),
        ([1_600_000_000_000], ""),
    ],
)
def test_events_of_the_future_are_told(events, tmp_path, capsys, times, told):
    """How many, and from when; they are learned all the same."""
    with events.open("a") as file:
        file.writelines(f"1,{number},like,{time}\n" for number, time in enumerate(times, 13))
    asked = ["train", "--events", str(events), "--out", str(tmp_path / "shop"), "--learner"]
    assert main([*asked, "item-mean"]) == 0
    said = capsys.readouterr().err
    assert ("In the future: " in said) is bool(told)
    assert told in said


def test_a_full_disk_is_one_sentence(events, tmp_path, capsys, monkeypatch):
    """Which names the file, of the state that is kept or of the snapshot; nothing half stays."""
    before, out = {events}, tmp_path / "shop.safetensors"

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(whole_file.os, "fsync", full)
    for more, name in (((), f"{out}.training"), (("--learner", "item-mean"), str(out))):
        assert main(["train", "--events", str(events), "--out", str(out), *more]) == 1
        told = capsys.readouterr().err
        assert told.endswith(f"headwater: {name} cannot be written: No space left on device.\n")
        assert "Traceback" not in told
        assert set(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (("--device", "tpu"), "--device may be auto, cpu, cuda; got tpu"),
        (("--out", "no/such/folder/x"), "cannot be written"),
        (("--out", "."), "cannot be written"),
        (("--events", "absent.csv"), "absent.csv"),
        (("--epochs", "0"), "--epochs"),
    ],
)
def test_wrong_use_is_one_sentence(events, tmp_path, capsys, more, sentence):
    """And the exit code is 2."""
    assert train(events, tmp_path / "shop.safetensors", *more) == 2
    told = capsys.readouterr().err
    assert sentence in told
    assert "Traceback" not in told


def test_without_torch_the_extra_is_named(events, tmp_path, capsys, monkeypatch):
    """As a sentence, with exit code 2."""
    for name in [name for name in sys.modules if name.startswith("models.training")]:
        monkeypatch.delitem(sys.modules, name)  # as in a process that has not loaded it
    monkeypatch.delattr(models, "training", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    assert train(events, tmp_path / "shop.safetensors") == 2
    assert "pip install 'headwater[train]'" in capsys.readouterr().err


def test_equal_seeds_give_equal_files(events, tmp_path):
    """To the last byte."""
    paths = [tmp_path / name for name in ("one.safetensors", "other.safetensors")]
    assert [train(events, path) for path in paths] == [0, 0]
    assert paths[0].read_bytes() == paths[1].read_bytes()


@pytest.mark.parametrize("name", ["bayes", "item-mean-offset"])
def test_a_meta_learner_that_a_worker_serves(events, tmp_path, capsys, name):
    """By its name, or by that of a file of settings; flags go first."""
    out, best = tmp_path / "shop.safetensors", tmp_path / "best.toml"
    best.write_text('learner = "bayes"\n[settings]\nsize = 2\nrounds = 2\nepochs = 9\n')
    by_file = ["--settings", str(best), "--epochs", "1"]
    more = by_file if name == "bayes" else ["--learner", name]
    assert main(["train", "--events", str(events), "--out", str(out), *more]) == 0
    told = capsys.readouterr()
    assert f"{name}: training" in told.err
    assert "200 events of 20 users" in told.out
    learner = load_learner(Settings(model=out))
    assert learner.name == name
    assert "popular" in learner.learned
    if name == "bayes":
        assert (learner.settings.size, learner.settings.epochs) == (2, 1)


def test_what_is_odd_about_the_users_is_told_before_a_meta_learner_s_training(tmp_path, capsys):
    """Values beyond all others, and users of one event, as `evaluate` tells them."""
    path = tmp_path / "events.csv"
    rows = [f"{n},{n % 9},rate,{1_600_000_000_000 + n},{n % 5 + 1}" for n in range(40)]
    rows += ["0,8,rate,1600000001000,1e9"]
    path.write_text("\n".join(["user_id,item_id,type,timestamp,value", *rows]) + "\n")
    asked = ["train", "--events", str(path), "--out", str(tmp_path / "a.safetensors")]
    assert main([*asked, "--learner", "item-mean"]) == 0
    told = capsys.readouterr().err
    assert "1 value lies beyond all others, 1 to 5, and counts as its ends in training.\n" in told
    assert "39 of 40 users to train on have one event only: these tell nothing of" in told


def test_a_learner_that_lacks_a_library_is_named(events, tmp_path, monkeypatch, capsys):
    """With the command that installs it."""
    for module in [name for name in sys.modules if name.startswith("models.meta.training")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "torch", None)
    asked = ["train", "--events", str(events), "--out", str(tmp_path / "a.safetensors")]
    assert main([*asked, "--learner", "mf"]) == 2
    told = capsys.readouterr().err
    named = "headwater: Learner mf: torch is not installed: pip install 'headwater[train]'.\n"
    assert told.endswith(named)


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (("--learner", "gru4rec"), "--learner may be mixture, item-mean, "),
        (
            ("--learner", "bayes", "--width", "8"),
            "--width goes with the mixture's net; bayes has none",
        ),
        (("--users", "u.csv"), "--users goes with another --learner; mixture reads no profiles"),
        (("--learner", "item-mean", "--epochs", "2"), "item-mean has no epochs"),
        (
            ("--learner", "maml", "--settings", "b.toml"),
            "b.toml is for the learner bayes",
        ),
        (("--settings", "b.toml"), "unknown widht; settings of bayes are size,"),
        (("--settings", "m.toml"), "m.toml: rate must be a finite number above 0; got -1.0."),
        (("--settings", "n.toml"), "n.toml: rate is a finite number; got nan."),
        (("--settings", "long.toml"), "long.toml: steps must be at most 100; got 100000."),
    ],
)
def test_wrong_use_of_meta_learners_is_one_sentence(
    events, tmp_path, capsys, monkeypatch, more, sentence
):
    """And the exit code is 2."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "b.toml").write_text('learner = "bayes"\n[settings]\nwidht = 2\n')
    for file, setting in (("m", "rate = -1"), ("n", "rate = nan"), ("long", "steps = 100000")):
        (tmp_path / f"{file}.toml").write_text(f'learner = "maml"\n[settings]\n{setting}\n')
    assert main(["train", "--events", str(events), "--out", "a.safetensors", *more]) == 2
    told = capsys.readouterr().err
    assert sentence in told
    assert told.count("\n") == 1
