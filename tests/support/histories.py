"""Small histories as the evaluation's and the training's tests take them."""

from collections.abc import Sequence

import numpy as np

from models.content import Content
from models.dataset import NEVER, Dataset
from models.events import type_code
from models.hashing import item_hashes


def history(
    user: Sequence[int],
    item: Sequence[int],
    *,
    time: Sequence[int] | None = None,
    positive: Sequence[bool] | None = None,
    items: int | None = None,
    contents: Sequence[Content | None] | None = None,
    announced: Sequence[int] | None = None,
) -> Dataset:
    """A history of likes in the given order, a minute apart if no time is given."""
    n = len(user)
    size = items if items is not None else max(item, default=-1) + 1
    names = tuple(f"i{place}" for place in range(size))
    people = max(user, default=-1) + 1
    return Dataset(
        users=tuple(f"u{place}" for place in range(people)),
        items=names,
        hashes=item_hashes(names),
        contents=tuple(contents or [None] * size),
        announced=np.array(announced or [NEVER] * size, dtype=np.int64),
        profiles=(None,) * people,
        row=np.arange(n, dtype=np.int64),
        user=np.array(user, dtype=np.int32),
        item=np.array(item, dtype=np.int32),
        kind=np.full(n, type_code("like"), dtype=np.uint8),
        value=np.full(n, np.nan, dtype=np.float32),
        time=np.array(time if time is not None else np.arange(n) * 60_000 + 10**12, dtype=np.int64),
        positive=np.array(positive if positive is not None else [True] * n, dtype=np.bool_),
        notes=(),
        fingerprint="test",
    )


def random_history(
    events: int, users: int, items: int, seed: int = 0, liked: float = 0.7
) -> Dataset:
    """Users, items and likes at random; some items far more often than others."""
    draw = np.random.default_rng(seed)
    return history(
        draw.integers(0, users, events).tolist(),
        (items * draw.random(events) ** 2).astype(int).tolist(),
        positive=(draw.random(events) < liked).tolist(),
        items=items,
    )
