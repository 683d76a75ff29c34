"""The file that `--json` names: tried before the run, written after it."""

import json
import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stream.errors import HeadwaterError, UsageError

# More than any document, so that a disk which is nearly full is found out before the run.
_TRIAL_BYTES = 1 << 20


def try_out(path: Path) -> None:
    """Raise UsageError if `path` cannot be written, as far as that is known before the run.

    In the file's folder a megabyte is written and removed; a device gets a line feed.
    """
    if path.is_dir():
        raise UsageError(f"{path} cannot be written: it is a folder.")
    try:
        if path.exists() and not path.is_file():
            if stat.S_ISCHR(path.stat().st_mode):
                with path.open("wb", buffering=0) as device:
                    device.write(b"\n")
            return
        with path.open("ab"), tempfile.TemporaryFile(dir=path.absolute().parent) as trial:
            trial.write(bytes(_TRIAL_BYTES))
            trial.flush()
            os.fsync(trial.fileno())
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}.") from error
    finally:
        if path.is_file() and not path.stat().st_size:
            path.unlink()


def write(path: Path, document: Mapping[str, Any]) -> None:
    """Write the document. Raises HeadwaterError if that fails."""
    try:
        with path.open("w", encoding="utf-8") as file:
            file.write(json.dumps(document, indent=1) + "\n")
    except OSError as error:
        raise HeadwaterError(f"{path} could not be written: {error.strerror}.") from error
