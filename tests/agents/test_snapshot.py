"""The learner that settings ask for: which files are served, and what is said of others."""

import subprocess
import sys
from pathlib import Path

import pytest
from support.nets import random_mixture, taste_mixture
from support.tasks import synthetic

from agents.snapshot import introduce, load_learner
from models.content import Content
from models.meta import learner_of
from models.mixture import Mixture
from stream.errors import SettingsError
from stream.settings import Settings

NOTES = {"hit_rate@10": 0.25004, "fingerprint": "0123abcd", "checkpoint": "", "settings": {"a": 1}}


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    """A snapshot of a small net."""
    path = tmp_path / "small.safetensors"
    saved().save(path, NOTES)
    return path


def saved() -> Mixture:
    """The mixture that the snapshot holds."""
    return random_mixture(1, ["a", "b"], 1_700_000_000_000)


def refused(path: Path, **settings: str | int) -> str:
    """What is said of a file that is not served."""
    with pytest.raises(SettingsError) as error:
        load_learner(Settings(model=path, **settings))  # type: ignore[arg-type]
    said = str(error.value)
    assert len(said.splitlines()) == 1
    return said


def test_a_snapshot_is_served_as_it_was_saved(snapshot: Path) -> None:
    """Its version is that of the learner that was saved; the line says what is known of it."""
    learner = load_learner(Settings(model=snapshot))
    assert (learner.version, learner.net is None) == (saved().version, False)
    line = introduce(learner, Settings(model=snapshot))
    assert line == (
        f"Serving {snapshot} (version {learner.version.hex()}): a net,"
        " trained until 2023-11-14 22:13:20Z, fingerprint 0123abcd, hit_rate@10 0.25."
    )


def test_without_a_snapshot_the_counters_are_served() -> None:
    """Their version and that there is no net are said, too."""
    learner = load_learner(Settings(repeats="allow"))
    assert learner.net is None
    assert learner.settings.repeats
    assert learner.version.hex() in introduce(learner, Settings())


DAMAGES = pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-1],
        lambda content: content[: len(content) // 2],
        lambda content: content[:-9] + bytes([content[-9] ^ 1]) + content[-8:],
        lambda _: b"",
        lambda _: b"no snapshot at all",
    ],
    ids=["cut by a byte", "half", "one bit turned", "empty", "text"],
)


@DAMAGES
def test_a_damaged_file_is_named(snapshot: Path, damage: object) -> None:
    """Rather than served, or left aside in silence."""
    assert callable(damage)
    snapshot.write_bytes(damage(snapshot.read_bytes()))
    assert snapshot.name in refused(snapshot)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """A folder is no file either."""
    missing = tmp_path / "missing.safetensors"
    assert f"{missing}, which is not a file" in refused(missing)
    assert f"{tmp_path}, which is not a file" in refused(tmp_path)


def test_other_repeats_than_the_worker_s_are_refused(snapshot: Path) -> None:
    """The gate's start was learned for other lists."""
    said = refused(snapshot, repeats="allow")
    assert "repeats=exclude" in said
    assert "allow" in said


def test_other_embeddings_than_the_worker_s_are_refused(snapshot: Path, tmp_path: Path) -> None:
    """A net that knows none takes any."""
    path = tmp_path / "embedded.safetensors"
    taste_mixture([Content(categories=("a",), embedding=(0.6, 0.8))] * 3).save(path, NOTES)
    said = refused(path, embedding_size=3)
    assert "trained with embeddings of length 2" in said
    assert said.endswith("setting embedding_size is 3.")
    for model, size in ((path, 2), (path, None), (snapshot, 3)):
        load_learner(Settings(model=model, embedding_size=size))


def test_a_snapshot_of_another_release_s_features_is_refused(
    snapshot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gate's weights belong to features by name."""
    monkeypatch.setattr("models.snapshot.NAMES", ("something", "else"), raising=False)
    assert "features" in refused(snapshot)
    monkeypatch.undo()
    assert isinstance(load_learner(Settings(model=snapshot)), Mixture)


@pytest.fixture
def mean(tmp_path: Path) -> Path:
    """A snapshot of a meta-learner."""
    path = tmp_path / "mean.safetensors"
    world, tasks = synthetic(users=10)
    learner_of("item-mean-offset", {}).meta_train(world, tasks).save(path)
    return path


def test_a_meta_learner_is_served_as_it_was_saved(mean: Path) -> None:
    """By the name of its learner."""
    learner = load_learner(Settings(model=mean))
    line = introduce(learner, Settings(model=mean))
    assert line == (
        f"Serving {mean} (version {learner.version.hex()}): the learner item-mean-offset,"
        " 60 items known."
    )
    assert "repeats=exclude" in refused(mean, repeats="allow")


@DAMAGES
def test_a_damaged_meta_learner_is_named(mean: Path, damage: object) -> None:
    """As the mixture is."""
    assert callable(damage)
    mean.write_bytes(damage(mean.read_bytes()))
    assert mean.name in refused(mean)


def test_a_learner_of_another_release_is_named(mean: Path) -> None:
    """With those that are known."""
    known, other = b'"learner": "item-mean-offset"', b'"learner": "median-of-others"'
    mean.write_bytes(mean.read_bytes().replace(known, other))
    assert "is of the learner median-of-others; known are item-mean," in refused(mean)


_FIRST_LIST = """
import sys
from pathlib import Path
import numpy as np
from agents import worker
from models.meta.tasks import Support
from stream.settings import Settings

async def topics(settings):
    return None

class Ready:
    def __init__(self, settings, topics, learner):
        self.learner = learner

    def run(self):
        before = set(sys.modules)
        vector = np.ones((1, 3, len(self.learner.learned["unknown"])), dtype=np.float32)
        value, time = np.ones((1, 3), dtype=np.float32), np.zeros((1, 3), dtype=np.int64)
        events = Support(vector, value, time, np.array([3]))
        self.learner.adapt_weights(self.learner.start([None]), events)
        print(len(set(sys.modules) - before), "torch" in sys.modules)

worker._topics, worker.create_worker = topics, Ready
worker.run(Settings(model=Path(sys.argv[1])))
"""


def test_a_ready_worker_has_loaded_what_adapting_needs(tmp_path: Path) -> None:
    """The first list waits for no import; torch's take seconds."""
    pytest.importorskip("torch", reason="needs the extra: pip install 'headwater[train]'")
    path = tmp_path / "small.safetensors"
    few = {"size": 2, "rounds": 2, "epochs": 1}
    learner_of("maml", few).meta_train(*synthetic(users=10)).save(path)
    asked = [sys.executable, "-c", _FIRST_LIST, str(path)]
    found = subprocess.run(asked, capture_output=True, text=True, check=True)
    assert found.stdout == "0 True\n"


@pytest.mark.parametrize(
    ("name", "served"), [("bayes", True), ("anil", True), ("maml", False), ("reptile", False)]
)
def test_a_learner_that_adapts_by_torch_is_refused_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, *, served: bool
) -> None:
    """By name; heads and closed forms are numpy's."""
    pytest.importorskip("torch", reason="needs the extra: pip install 'headwater[train]'")
    path = tmp_path / "small.safetensors"
    few = {"size": 2, "rounds": 2, "epochs": 1}
    learner_of(name, few).meta_train(*synthetic(users=10)).save(path)
    for module in [module for module in sys.modules if module.startswith("models.meta.training")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "torch", None)
    if served:
        settings = Settings(model=path)
        assert f"the learner {name}" in introduce(load_learner(settings), settings)
    else:
        assert refused(path) == (
            f"Setting model names {path}: Learner {name}: torch is not installed:"
            " pip install 'headwater[train]'."
        )
