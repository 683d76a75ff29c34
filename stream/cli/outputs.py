"""The files that a command will write, looked at before its work."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

from stream.errors import UsageError

Input = tuple[str, Path | None]
"""A flag and the file that it names."""


@dataclass(frozen=True, slots=True)
class Output:
    """A file to write, beside the flag that names it; `device`: it may be a device or a pipe."""

    flag: str
    path: Path | None
    device: bool = False


def check_outputs(
    inputs: Iterable[Input], outputs: Iterable[Output], plot: Path | None = None
) -> None:
    """Refuse before the work what would fail after it, or take another file's place.

    Raises
    ------
    UsageError
        If an output, or the pictures' folder, is an input or another output, or cannot be written.

    """
    taken = {_identity(path): flag for flag, path in inputs if path is not None}
    for output in (*outputs, Output("--plot", plot)):
        if output.path is None:
            continue
        other = taken.setdefault(_identity(output.path), output.flag)
        if other != output.flag:
            raise UsageError(f"{output.flag} {output.path} is the same file as that of {other}.")
        if output.flag == "--plot":
            _check_folder(output.path)
        else:
            _check_file(output, output.path)


def _identity(path: Path) -> tuple[int, int] | str:
    """What two names of one file share, whether it is there or not."""
    try:
        found = path.stat()
    except OSError:
        return os.path.realpath(path)
    return found.st_dev, found.st_ino


def _check_file(output: Output, path: Path) -> None:
    said = f"{output.flag} {path} cannot be written:"
    if path.is_dir():
        raise UsageError(f"{said} it is a folder.")
    if _is_device(path):
        if not output.device or path.is_file():
            raise UsageError(f"{said} it is a device or a pipe, not a file that can be replaced.")
        return
    folder = path.absolute().parent
    if not folder.is_dir():
        raise UsageError(f"{said} there is no folder {folder}.")
    if path.exists() and not os.access(path, os.W_OK):
        raise UsageError(f"{said} it may only be read.")
    _try(folder, said)


def _is_device(path: Path) -> bool:
    """Whether it is there and no file; or a name for one, such as /dev/stdout."""
    link = path.is_symlink() and path.absolute().is_relative_to("/dev")
    return path.exists() and (link or not path.is_file())


def _check_folder(path: Path) -> None:
    if path.exists() and not path.is_dir():
        raise UsageError(f"--plot takes a folder; {path} is a file.")
    above = path.absolute()
    while not above.exists():
        above = above.parent
    _try(above, f"--plot {path} cannot be written:")


def _try(folder: Path, said: str) -> None:
    """Make a file without a name there, which is gone at once."""
    try:
        TemporaryFile(dir=folder).close()
    except OSError as error:
        raise UsageError(f"{said} {error.strerror}: {folder}.") from error
