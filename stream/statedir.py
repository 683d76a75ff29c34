"""A folder for one worker's tables: several workers may be started in one state directory."""

import fcntl
from pathlib import Path
from typing import IO

from stream.errors import SettingsError, StateError


def take_state_dir(parent: Path) -> tuple[Path, IO[str]]:
    """The first folder `parent`/0, /1, … that no other worker has, and the open lock on it.

    RocksDB lets one process open a database: two workers in one directory would block each other.
    Raises SettingsError if `parent` cannot be written.
    """
    for number in range(1024):
        folder = parent / str(number)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = (folder / "lock").open("w")
        except OSError as error:
            raise SettingsError(f"Setting state_dir: {parent} cannot be used: {error}.") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
        else:
            return folder, lock
    raise StateError(f"All 1,024 folders under {parent} are in use by workers.")
