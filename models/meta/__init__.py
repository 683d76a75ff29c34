"""Learners that learned to learn: slow weights of many users, and few events for a new one.

A learner here is a MetaLearner (models.meta.learner), one file each; LEARNERS names them all. What
needs torch to train lies in models/meta/training, and nothing else imports it.
"""

from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from models.errors import DataError, MissingLibraryError

if TYPE_CHECKING:  # they come with numba, which the command line's help does without
    from models.meta.learner import MetaLearner

LEARNERS: Final = {
    "item-mean": "models.meta.item_mean:ItemMean",
    "item-mean-offset": "models.meta.item_mean:ItemMeanOffset",
    "mf": "models.meta.mf:Factorisation",
    "mf-bce": "models.meta.mf:LikedFactorisation",
    "bayes": "models.meta.bayes:Bayes",
    "maml": "models.meta.maml:Maml",
    "fomaml": "models.meta.fomaml:Fomaml",
    "anil": "models.meta.anil:Anil",
    "metasgd": "models.meta.metasgd:MetaSgd",
    "reptile": "models.meta.reptile:Reptile",
    "prototypes": "models.meta.prototypes:Prototypes",
    "tasks": "models.meta.related:RelatedTasks",
}
"""Where each learner's class is, by its name in tables."""


def learner_class(name: str) -> "type[MetaLearner]":
    """Find one of LEARNERS, or a learner of one's own that is named module:Class.

    Raises
    ------
    DataError
        If there is no such module or class, or it is no MetaLearner.
    MissingLibraryError
        If it needs a library that is not installed.

    """
    from models.meta.learner import MetaLearner  # noqa: PLC0415  # numba: .5 s

    module, _, own = LEARNERS.get(name, name).partition(":")
    try:
        found = getattr(import_module(module), own)
    except ModuleNotFoundError as exc:
        if name in LEARNERS:
            raise MissingLibraryError.of(exc) from exc
        raise DataError(f"Learner {name} cannot be imported: {exc}.") from exc
    except (ImportError, AttributeError, ValueError) as exc:
        raise DataError(f"Learner {name} cannot be imported: {exc}.") from exc
    if not (isinstance(found, type) and issubclass(found, MetaLearner)):
        raise DataError(f"Learner {name} is no subclass of models.meta.learner.MetaLearner.")
    return found


def learner_of(name: str, settings: Mapping[str, Any], *, repeats: bool = False) -> "MetaLearner":
    """Make one with settings of its own, or with its defaults.

    A class that has settings takes them as `settings`, tells them as `defaults`, a dataclass, and
    what of them can be searched as `space` (models.search.space).

    Raises
    ------
    DataError
        If there is no such learner, or a setting is out of its range.
    MissingLibraryError
        If it needs a library that is not installed.

    """
    found: Any = learner_class(name)
    own = {"settings": replace(found.defaults, **settings)} if settings else {}
    learner: MetaLearner = found(repeats=repeats, **own)
    return learner
