"""Whose settings are searched: a contestant of the prequential protocol, or a meta-learner."""

from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from models.errors import DataError
from models.evaluation.contest import Context
from models.evaluation.contestants import CONTESTANTS, contestant
from models.meta import LEARNERS, learner_class, learner_of
from models.search.files import checked, read_settings
from models.search.modules import REPEATS
from models.search.space import Settings, Space

_CHOOSES: Final = ": it chooses among its variants itself, on the last tenth that it trains on"
_WHY: Final = {
    **dict.fromkeys(("popularity", "recency", "neighbours", "transitions"), _CHOOSES),
    **dict.fromkeys(("item-mean", "item-mean-offset"), ": it only averages"),
}
"""Of learners without a space, why."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A learner with what of its settings may vary, and what they are otherwise."""

    name: str
    meta: bool
    space: Space
    defaults: Settings


def subject_of(name: str, *, repeats: bool = False) -> Subject:
    """Find a learner by the name that `headwater evaluate` knows.

    Raises
    ------
    DataError
        If there is none of that name, or it has no settings to search.
    MissingLibraryError
        If it needs a library that is not installed.

    """
    meta = name in LEARNERS or (":" in name and _is_meta(name))
    if not meta and ":" not in name and name not in CONTESTANTS:
        raise DataError(
            f"--learner may be {', '.join((*CONTESTANTS, *LEARNERS))}, or one's own as"
            f" module:Class; got {name}."
        )
    found: Any = learner_class(name) if meta else contestant(name, Context(repeats=repeats))
    space: Space = getattr(found, "space", {})
    if not space:
        raise DataError(f"Learner {name} has no settings to search{_WHY.get(name, '')}.")
    if not repeats:  # the module would always be without effect
        space = {key: value for key, value in space.items() if key != f"modules.{REPEATS}"}
    return Subject(name, meta, space, asdict(found.defaults) if meta else found.defaults)


def check_settings(subject: Subject, settings: Settings) -> None:
    """Raise DataError if the learner does not take the settings."""
    if subject.meta:
        learner_of(subject.name, settings)
    else:
        contestant(subject.name, Context(settings={subject.name: settings}))


def settings_of(
    paths: Iterable[Path], learners: Collection[str], *, repeats: bool = False
) -> dict[str, dict[str, Any]]:
    """Read files of settings, each for another one of the learners.

    Raises
    ------
    DataError
        If one is not, or holds what its learner does not have.

    """
    told: dict[str, dict[str, Any]] = {}
    for path in paths:
        found = read_settings(path)
        if found.learner not in learners:
            raise DataError(
                f"{path} is for the learner {found.learner}, which is not among"
                f" {', '.join(learners)}."
            )
        if found.learner in told:
            raise DataError(f"{path} is the second file for the learner {found.learner}.")
        subject = subject_of(found.learner, repeats=repeats)
        settings = checked(path, found, subject.defaults)
        try:
            check_settings(subject, settings)
        except DataError as error:
            raise DataError(f"{path}: {error}") from error
        told[found.learner] = settings
    return told


def _is_meta(name: str) -> bool:
    try:
        learner_class(name)
    except DataError:
        return False
    return True
