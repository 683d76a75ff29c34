"""Files of meta-learners: which learner each is of."""

from pathlib import Path
from typing import TYPE_CHECKING

from models import tables_file
from models.errors import CodecError
from models.meta import LEARNERS, learner_class

if TYPE_CHECKING:  # it comes with numba
    from models.meta.learner import MetaLearner


def read(path: Path) -> "MetaLearner | None":
    """The learner of LEARNERS that the file holds; None if it is no file of a meta-learner.

    Raises
    ------
    CodecError
        If it is damaged, or its learner is not known.

    """
    name = tables_file.read_notes(path).get("learner")
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
