"""What a learner says of events: one of its verbs on users' weights and the items' vectors."""

from collections.abc import Callable

import numpy as np

from models.arrays import Float32s
from models.errors import LearnerError
from models.meta.tasks import Tasks, padded, parts

Verb = Callable[[Float32s, Float32s], Float32s]
"""What says something of items' vectors [n, m, p] by users' weights [n, w]: float32[n, m, ...]."""


def ask(verb: Verb, weights: Float32s, tasks: Tasks, vectors: Float32s) -> Float32s:
    """What a verb, a learner's method, says of each event of the tasks: float32[e, ...].

    Raises
    ------
    LearnerError
        If that is no number of one of them.

    """
    said: Float32s | None = None
    for users in parts(tasks.size, vectors.shape[1]):
        some = tasks.select(users)
        there = np.arange(int(some.size.max(initial=0))) < some.size[:, None]
        found = verb(weights[users], padded(some, vectors).vector)
        at = np.arange(len(some.item)) + np.repeat(tasks.start[users] - some.start[:-1], some.size)
        if said is None:
            said = np.empty((len(tasks.item), *found.shape[2:]), dtype=np.float32)
        said[at] = found[there]
    if said is None:
        return verb(weights[:0], vectors[None][:0])[:, 0]
    if not np.isfinite(said).all():
        whose = type(getattr(verb, "__self__", verb)).__qualname__
        raise LearnerError(
            f"What {whose}.{verb.__name__} says of some events is no finite number, by the vectors"
            " of item_vectors and the weights of start and adapt_weights."
        )
    return said
