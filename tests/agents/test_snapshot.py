"""The learner that settings ask for: which files are served, and what is said of others."""

from pathlib import Path

import pytest
from support.nets import random_mixture

from agents.snapshot import introduce, load_learner
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
