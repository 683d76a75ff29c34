"""Small logs and nets at random, for checks and tests."""

from typing import Final

import numpy as np

from models.arrays import Float32s, Hashes
from models.content import Content
from models.events import EventBatch
from models.features import FeatureMap
from models.hashing import item_hashes
from models.learner import Log
from models.net import Net, NetWeights
from models.taste import RATE, Taste, halves, no_taste

USERS: Final = 12
ITEMS: Final = tuple(f"item-{number}" for number in range(80))
CONTENTS: Final = tuple(
    Content(categories=(f"kind-{number % 7}",), attributes={"size": float(number % 11)})
    for number in range(len(ITEMS))
)


def sample_events(n: int, seed: int = 0, users: int = USERS, items: int = len(ITEMS)) -> EventBatch:
    """Some events of a few users on a few items, not quite in the order of their times."""
    draw = np.random.default_rng(seed)
    hashes = item_hashes([f"item-{number}" for number in range(items)])
    return EventBatch.of(
        draw.integers(0, users, n),
        hashes[(items * draw.random(n) ** 2).astype(int)],
        draw.choice(np.array([0, 1, RATE], dtype=np.uint8), n),
        draw.choice([np.nan, 1.0, 5.0], n),
        1_600_000_000_000 + 60_000 * np.arange(n) + draw.integers(-600_000, 600_000, n),
        draw.random(n) < 0.7,
    )


def sample_log(runs: int = 6, size: int = 40) -> Log:
    """A log of the sample's users and items."""
    return Log(USERS, ITEMS, tuple(sample_events(size, seed) for seed in range(runs)))


def sample_net(
    seed: int = 0,
    size: int = 8,
    scales: int = 3,
    hidden: int = 16,
    known: Hashes | None = None,
    tastes: int = 2,
) -> Net:
    """A net that nobody trained: it knows half of ITEMS, or those named, and two kinds of event."""
    draw = np.random.default_rng(seed)
    item = np.sort(item_hashes(ITEMS[::2]) if known is None else known)
    features = FeatureMap.learn(CONTENTS)
    width, rows = scales * size + 1, 8

    def normal(*shape: int) -> Float32s:
        return np.asarray(draw.normal(size=shape) / np.sqrt(shape[0]), dtype=np.float32)

    edges = np.full((256, 4), np.inf, dtype=np.float32)
    edges[1, :2] = 1.5, 4.5
    first = np.zeros(256, dtype=np.int32)
    first[:2] = 1, 2  # kind 0 has row 1; kind 1 row 2 without a value, 3 .. 5 with one
    scale, shift = normal(rows, size), normal(rows, size)
    scale[0] = shift[0] = 0
    taste = sample_taste(draw, len(item), tastes)
    return Net(
        NetWeights(
            item=item,
            enter=draw.normal(size=(len(item), size)).astype(np.float32),
            leave=draw.normal(size=(len(item), size)).astype(np.float32),
            bias=normal(len(item)),
            content_enter=normal(features.size, size),
            content_leave=normal(features.size, size),
            kind_first=first,
            kind_edges=edges,
            value_scale=scale,
            value_shift=shift,
            gap=normal(12, size),
            decay=np.linspace(0.05, 0.95, scales, dtype=np.float32),
            gain=np.ones(scales, dtype=np.float32),
            read_in=normal(width, hidden),
            read_in_bias=normal(hidden),
            read_out=normal(hidden, size),
            read_out_bias=normal(size),
            read_linear=normal(width, size),
            taste=taste.item,
            taste_start=taste.start,
            taste_range=taste.range,
        ),
        features,
    )


def sample_taste(draw: np.random.Generator, items: int, tastes: int) -> Taste:
    """Tastes of so many numbers that nobody learned; values are 1 to 5."""
    if not tastes:
        return no_taste(items)
    dim = tastes + 1
    x, noise = draw.normal(size=(items, dim)), 0.5
    x[:, 0] = 1.0
    square = x[:, :, None] * x[:, None, :] + 0.1 * np.diag(np.arange(dim) > 0)
    shift = 0.1 * draw.normal(size=x.shape) * (np.arange(dim) > 0)
    told = np.concatenate([x, shift, halves(square)], axis=1) / noise
    start = np.concatenate([np.zeros(dim), halves(2.0 * np.eye(dim)[None])[0]])
    offset = 3.0 + draw.normal(size=(items, 1))
    return Taste(
        np.concatenate([offset, told], axis=1).astype(np.float32),
        start.astype(np.float32),
        np.array([1.0, 5.0], dtype=np.float32),
    )
