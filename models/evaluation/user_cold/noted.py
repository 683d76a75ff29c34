"""What to know of the users that a meta-learner is trained on, in sentences."""

import numpy as np

from models.arrays import Int64s
from models.dataset import Dataset
from models.evaluation.words import counted
from models.meta.tasks import Tasks, World


def notes_on(data: Dataset, users: Int64s, world: World, train: Tasks) -> list[str]:
    """Notes on these users of a dataset; world and train are what `of_dataset` makes of them."""
    return [*_beyond(data, users, world, train), *_single(train)]


def _beyond(data: Dataset, users: Int64s, world: World, train: Tasks) -> list[str]:
    """A note, if values were put to the ends of the range."""
    beyond = int((Tasks.of(data, users).value != train.value).sum())
    if not beyond:
        return []
    lie, count = ("value lies", "counts") if beyond == 1 else ("values lie", "count")
    note = (
        f"{beyond:,} {lie} beyond all others, {world.low:g} to {world.high:g}, and {count} as"
        " its ends in training."
    )
    return [note]


def _single(train: Tasks) -> list[str]:
    """A note, if most users have no second event."""
    with_events = int(np.count_nonzero(train.size))
    single = int((train.size == 1).sum())
    if 2 * single <= with_events:
        return []
    has = "has" if single == 1 else "have"
    note = (
        f"{single:,} of {counted(with_events, 'user')} to train on {has} one event only: these tell"
        " nothing of how to adapt."
    )
    return [note]
