"""A learner of one's own as a contestant, by module and class: package.module:Class."""

from functools import partial
from importlib import import_module
from inspect import isabstract

import numpy as np

from models.dataset import Dataset
from models.errors import DataError, LearnerError
from models.evaluation.by_rows import RUN, ByRows
from models.evaluation.contest import Context
from models.evaluation.excerpts import until
from models.learner import Log
from models.meta import learner_of
from models.meta.learner import MetaLearner
from models.meta.shapes import check_shapes
from models.meta.tasks import of_dataset
from models.scorer import Scorer


class Own(ByRows):
    """A subclass of models.scorer.Scorer, fitted to the training part.

    A models.meta.learner.MetaLearner learns of its users' profiles too, and starts from them.
    If it has settings, `space` and `defaults` of the class tell them; it takes them by keyword.
    """

    def __init__(self, name: str, context: Context) -> None:
        super().__init__(context)
        self.name = name
        self._class = _class_of(name)
        self.space = getattr(self._class, "space", {})
        self.defaults = getattr(self._class, "defaults", {})

    def fit(self, data: Dataset, end: int) -> None:
        """Fit to events [0, end), and replay them.

        Raises
        ------
        LearnerError
            If fitting gives no learner.

        """
        own = self.context.settings.get(self.name, {})
        if issubclass(self._class, MetaLearner):
            meta = learner_of(self.name, own, repeats=self.context.repeats)
            self.begin(self._meta_trained(meta, data, end), data, end)
            return
        starts = range(0, end, RUN)
        runs = tuple(data.batch(slice(start, min(start + RUN, end))) for start in starts)
        learner = self._class(repeats=self.context.repeats, **own)
        fitted: object = learner.fit(Log(len(data.users), data.items, runs))
        if not isinstance(fitted, Scorer):
            raise LearnerError(
                f"{self._class.__qualname__}.fit must give a learner; got {fitted!r}."
            )
        self.begin(fitted, data, end)

    def _meta_trained(self, learner: MetaLearner, data: Dataset, end: int) -> MetaLearner:
        """The meta-learner with what events [0, end), their users and the items so far teach."""
        world, tasks = of_dataset(until(data, end), np.unique(data.user[:end]).astype(np.int64))
        report = partial(self.context.progress, f"{self.name}: training")
        trained = learner.meta_train(world, tasks, seed=self.context.seed, progress=report)
        check_shapes(learner, trained, world, tasks)
        return trained.with_popularity(world, tasks)


def _class_of(name: str) -> type[Scorer]:
    """Find the class.

    Raises
    ------
    DataError
        If there is no such module or class, or it is no Scorer.

    """
    module, _, own = name.partition(":")
    try:
        found = getattr(import_module(module), own)
    except (ImportError, AttributeError, ValueError) as exc:
        raise DataError(f"Learner {name} cannot be imported: {exc}.") from exc
    if not (isinstance(found, type) and issubclass(found, Scorer)):
        raise DataError(f"Learner {name} is no subclass of models.scorer.Scorer.")
    if isabstract(found):
        raise DataError(f"Learner {name} has no `scores` of its own.")
    return found
