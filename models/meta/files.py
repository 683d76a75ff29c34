"""Files of meta-learners: whose they are, and whether all of what was learned is there."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from models.errors import CodecError
from models.meta import LEARNERS, learner_class
from models.whole_file import write_whole

if TYPE_CHECKING:  # it imports this module
    from models.meta.learner import MetaLearner

_NAME: Final = "learner"
_VERSION: Final = "version"


def write(path: Path, learner: "MetaLearner") -> None:
    """Write the file, whole or not at all. Raises OSError."""
    tables = {name: np.ascontiguousarray(table) for name, table in learner.learned.items()}
    notes = {
        _NAME: learner.name,
        "of": type(learner).__qualname__,
        "repeats": str(int(learner.repeats)),
        _VERSION: learner.version.hex(),
    }
    write_whole(path, save(tables, notes))


def check(path: Path, learner: "MetaLearner") -> None:
    """Hold what was read of the file against what was written.

    Raises
    ------
    CodecError
        If it differs.

    """
    if _notes(path).get(_VERSION) != learner.version.hex():
        raise CodecError(f"{path} is damaged: its content does not have its version")


def read(path: Path) -> "MetaLearner | None":
    """The learner of LEARNERS that the file holds; None if it is no file of a meta-learner.

    Raises
    ------
    CodecError
        If it is damaged, or its learner is not known.

    """
    name = _notes(path).get(_NAME)
    if name is None:
        return None
    if name not in LEARNERS:
        raise CodecError(f"{path} is of the learner {name}; known are {', '.join(LEARNERS)}")
    try:
        return learner_class(name).load(path)
    except CodecError:
        raise
    except (KeyError, TypeError, ValueError) as exc:
        raise CodecError(f"{path} is no whole snapshot: {exc!r}") from exc


def _notes(path: Path) -> Mapping[str, str]:
    """What is written beside the tables; nothing, if it is no safetensors file."""
    try:
        with safe_open(path, framework="numpy") as file:
            return file.metadata() or {}
    except SafetensorError:
        return {}
