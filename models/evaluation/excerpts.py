"""Parts of a history."""

from dataclasses import replace

import numpy as np

from models.arrays import Int64s
from models.dataset import Dataset


def of_events(data: Dataset, events: Int64s) -> Dataset:
    """Some of the events, in the order given; the fingerprint stays that of all."""
    columns = ("row", "user", "item", "kind", "value", "time", "positive")
    return replace(data, **{name: getattr(data, name)[events] for name in columns})


def until(data: Dataset, end: int) -> Dataset:
    """Events [0, end), and of the items no content that was not yet known at their end."""
    known = data.announced <= data.time[end - 1]
    known[data.item[:end]] = True
    contents = tuple(
        content if there else None
        for content, there in zip(data.contents, known.tolist(), strict=True)
    )
    return replace(of_events(data, np.arange(end)), contents=contents)
