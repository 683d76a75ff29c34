'''Learners that learned to learn: slow weights of many users, and few events for a new one.

A learner here is a MetaLearner (models.meta.learner), one file each; LEARNERS names them all. What
needs torch to train lies in models/meta/training, and nothing else imports it.

To add one, write training and three verbs on arrays. n users, m items each, L events each:

    """An item's mean, and how far the user's values lie from such means."""

    import numpy as np

    from models.features import FeatureMap
    from models.meta import item_tables
    from models.meta.learner import MetaLearner, silent


    class Shift(MetaLearner):
        """An item's vector is its mean [1], a user's weights how far values lie from means [1]."""

        name = "shift"

        def meta_train(self, world, tasks, *, seed=0, progress=silent):
            """Learn slow weights of the training users' events."""
            count = np.bincount(tasks.item, minlength=len(world))
            total = np.bincount(tasks.item, tasks.value, minlength=len(world))
            mean = tasks.value.mean()
            vectors = (total + 5 * mean)[:, None] / (count + 5)[:, None]
            known = np.flatnonzero(count)
            nothing = FeatureMap.learn(()), np.zeros((0, 1))  # what features say of new items
            tables = item_tables.tables(world, (known, vectors[known]), *nothing, np.array([mean]))
            progress(1, 1)
            return self.with_learned(tables, "no rate")

        def start(self, profiles):
            """Users' weights before any event: float32[n, 1]."""
            return np.zeros((len(profiles), 1), dtype=np.float32)

        def adapt_weights(self, weights, support):
            """The weights after events: vectors [n, L, 1], values and mask [n, L], size [n]."""
            away = (support.value - support.vector[..., 0]) * support.mask
            total = away.sum(axis=1, keepdims=True) + 2 * weights
            return (total / (support.size[:, None] + 2)).astype(np.float32)

        def predict(self, weights, vectors):
            """Values float32[n, m], of vectors [n, m, 1] or, for all users, [m, 1]."""
            return (weights + vectors[..., 0]).astype(np.float32)

Then `headwater evaluate --protocol user-cold --events E --learner my_module:Shift` puts it into the
table beside the others. This very text is a test.
'''

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
