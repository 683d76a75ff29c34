"""Folders of workers that share a state directory."""

from pathlib import Path

import pytest

from stream.errors import SettingsError
from stream.statedir import take_state_dir


def test_each_worker_takes_a_folder_of_its_own(tmp_path: Path) -> None:
    """The first that no other one holds; a folder that was left is taken again."""
    first, first_lock = take_state_dir(tmp_path)
    second, second_lock = take_state_dir(tmp_path)
    assert (first.name, second.name) == ("0", "1")
    first_lock.close()
    again, again_lock = take_state_dir(tmp_path)
    assert again == first
    second_lock.close()
    again_lock.close()


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A file stands where the directory should be."""
    (tmp_path / "taken").write_text("not a directory")
    with pytest.raises(SettingsError, match="taken cannot be used"):
        take_state_dir(tmp_path / "taken")
