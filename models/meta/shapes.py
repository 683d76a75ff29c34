"""Whether what a learner of one's own gives has the shapes that its methods promise."""

from dataclasses import replace
from typing import Any, Final

import numpy as np

from models.errors import LearnerError
from models.meta import item_tables
from models.meta.learner import MetaLearner
from models.meta.tasks import Tasks, World, padded

_USERS: Final = 2
_EVENTS: Final = 3


def check_shapes(learner: MetaLearner, trained: object, world: World, tasks: Tasks) -> None:
    """Ask what a learner's training gave about two users; one sentence here saves a traceback.

    Raises
    ------
    LearnerError
        If training gave no learner, or not all of its tables, or a method of it gives another
        shape than it must.

    """
    if not isinstance(trained, MetaLearner):
        raise LearnerError(
            f"{type(learner).__qualname__}.meta_train must give a learner; got {trained!r}."
        )
    _check_tables(trained)
    few = tasks.select(np.arange(min(_USERS, len(tasks)))).between(0, _EVENTS)
    items, item = np.unique(few.item, return_inverse=True)
    few = replace(few, item=item.astype(np.int32))
    vectors = trained.item_vectors(world.hashes[items], [world.contents[at] for at in items])
    _check(trained, "item_vectors", vectors, (len(items), None), "items by numbers")
    start = trained.start(few.profiles)
    _check(trained, "start", start, (len(few), None), "users by weights")
    support = padded(few, vectors)
    support = support._replace(value=trained.clip(support.value) * support.mask)
    weights = trained.adapt_weights(start, support)
    _check(trained, "adapt_weights", weights, start.shape, "users by weights, as it got")
    for given in (vectors, support.vector):
        wanted = len(few), given.shape[-2]
        _check(trained, "predict", trained.predict(weights, given), wanted, "users by items")
    scores = trained.rank_scores(weights, vectors)
    _check(trained, "rank_scores", scores, (len(few), len(vectors)), "users by items")


def _check_tables(trained: MetaLearner) -> None:
    """Look for what the base reads of `learned`, unless a method of one's own does."""
    own = type(trained).item_vectors is not MetaLearner.item_vectors
    wanted = ("range",) if own else item_tables.NAMES
    if missing := [name for name in wanted if name not in trained.learned]:
        raise LearnerError(
            f"{type(trained).__qualname__}.meta_train must keep the tables of"
            f" models.meta.item_tables; {', '.join(missing)} came not."
        )


def _check(
    learner: MetaLearner, method: str, found: Any, wanted: tuple[int | None, ...], what: str
) -> None:
    """Compare shapes; None is any number."""
    came = np.shape(found)
    if len(came) == len(wanted) and all(
        want in {None, size} for size, want in zip(came, wanted, strict=True)
    ):
        return
    told = ", ".join("any number" if size is None else str(size) for size in wanted)
    raise LearnerError(
        f"{type(learner).__qualname__}.{method} must give ({told}), {what}; got {came}."
    )
