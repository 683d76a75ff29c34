"""The learner that settings ask for: which files are served, and what is said of others."""

from pathlib import Path

import pytest
from support.nets import random_mixture

from agents.snapshot import introduce, load_learner
from models.mixture import Mixture
from stream.errors import SettingsError
from stream.settings import Settings

NOTES = {"metrics": {"hit_rate@10": 0.25}, "fingerprint": "0123abcd"}


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    """A snapshot of a small net."""
    path = tmp_path / "small.safetensors"
    random_mixture(1, ["a", "b"]).save(path, NOTES)
    return path


def refused(path: Path, **settings: str) -> str:
    """What is said of a file that is not served."""
    with pytest.raises(SettingsError) as error:
        load_learner(Settings(model=path, **settings))  # type: ignore[arg-type]
    said = str(error.value)
    assert len(said.splitlines()) == 1
    return said


def test_a_snapshot_is_served_as_it_was_saved(snapshot: Path) -> None:
    """Its version is that of the learner that was saved; the line says what is known of it."""
    learner = load_learner(Settings(model=snapshot))
    saved = random_mixture(1, ["a", "b"])
    assert (learner.version, learner.net is None) == (saved.version, False)
    line = introduce(learner, Settings(model=snapshot))
    for part in (snapshot.name, learner.version.hex(), "trained until", "0123abcd", "0.25"):
        assert part in line


def test_without_a_snapshot_the_counters_are_served() -> None:
    """Their version and that there is no net are said, too."""
    learner = load_learner(Settings(repeats="allow"))
    assert learner.net is None
    assert learner.settings.repeats
    assert learner.version.hex() in introduce(learner, Settings())


@pytest.mark.parametrize(
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


def test_a_snapshot_of_another_release_s_features_is_refused(
    snapshot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gate's weights belong to features by name."""
    monkeypatch.setattr("models.snapshot.NAMES", ("something", "else"), raising=False)
    assert "features" in refused(snapshot)
    monkeypatch.undo()
    assert isinstance(load_learner(Settings(model=snapshot)), Mixture)
