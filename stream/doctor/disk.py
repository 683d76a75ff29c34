"""Looks at the state directory: whether a worker could write there, and how much room is left."""

import shutil
from pathlib import Path
from tempfile import TemporaryFile

from stream.doctor.facts import StateDir


def look_at_state(path: Path) -> StateDir:
    """A folder that is not there is judged by the one that it would be made in."""
    exists = path.exists()
    folder = next(up for up in (path.absolute(), *path.absolute().parents) if up.exists())
    error = _refusal(folder)
    said = f"{error.strerror} ({error.filename or folder})" if error else None
    free = shutil.disk_usage(folder).free
    return StateDir(str(path), exists, said, free, error.errno if error else None)


def _refusal(folder: Path) -> OSError | None:
    """Why nothing can be written there; a folder's mode does not say so of full or locked disks."""
    try:
        with TemporaryFile(dir=folder) as probe:
            probe.write(b"\0" * 4096)
            probe.flush()
        for taken in folder.glob("[0-9]*"):
            with TemporaryFile(dir=taken):
                pass
    except OSError as error:
        return error
    return None
