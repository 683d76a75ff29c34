"""Small histories with known structure, for tests of training."""

from collections.abc import Sequence
from hashlib import sha256

import numpy as np

from models.content import Content
from models.dataset import NEVER, Dataset
from models.events import type_code
from models.hashing import item_hashes

START = 1_600_000_000_000


def dataset(
    user: Sequence[int],
    item: Sequence[int],
    *,
    positive: Sequence[bool] | None = None,
    value: Sequence[float] | None = None,
    time: Sequence[int] | None = None,
    contents: Sequence[Content | None] | None = None,
    kind: str = "like",
) -> Dataset:
    """Events in order, a minute apart unless their times are given."""
    n, items = len(user), max(item, default=-1) + 1
    names = tuple(f"item-{number}" for number in range(items))
    columns = (user, item, positive, value, time, contents)
    return Dataset(
        users=tuple(f"user-{number}" for number in range(max(user, default=-1) + 1)),
        items=names,
        hashes=item_hashes(names),
        contents=tuple(contents or [None] * items),
        announced=np.full(items, NEVER),
        profiles=(None,) * (max(user, default=-1) + 1),
        row=np.arange(n),
        user=np.array(user, dtype=np.int32),
        item=np.array(item, dtype=np.int32),
        kind=np.full(n, type_code(kind), dtype=np.uint8),
        value=np.array([np.nan] * n if value is None else value, dtype=np.float32),
        time=START + 60_000 * np.arange(n) if time is None else np.array(time, dtype=np.int64),
        positive=np.ones(n, bool) if positive is None else np.array(positive, dtype=np.bool_),
        notes=(),
        fingerprint=sha256(repr(columns).encode()).hexdigest(),
    )


def chain(
    users: int = 60, items: int = 30, length: int = 20, contents: Sequence[Content] | None = None
) -> Dataset:
    """Users who begin anywhere and then take one item after the other, in turns."""
    first = np.random.default_rng(0).integers(0, items, users)
    step = np.arange(length)[:, None]
    item = (first + step) % items
    user = np.broadcast_to(np.arange(users), item.shape)
    return dataset(user.ravel().tolist(), item.ravel().tolist(), contents=contents)
