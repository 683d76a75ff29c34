"""The items on which the gate takes a step: the target, the best, and random others."""

from typing import Final, NamedTuple

import numpy as np

from models.arrays import Float32s, Float64s, Int32s
from models.compiled import helper
from models.gate import FEATURES
from models.ranking import base_score, may_hold
from models.shelves import Shelves
from models.walk import Scratch, touched_slot

TOP: Final = 50
RANDOM: Final = 78
"""Twice as many of both teach nothing more (measured on MovieLens latest-small)."""


class Sample(NamedTuple):
    """The target first, then the best, then random others."""

    item: Int32s  # [1 + TOP + RANDOM]
    share: Float64s  # how many items it stands for
    probability: Float64s
    feature: Float32s  # [1 + TOP + RANDOM, FEATURES]
    best: Int32s  # [TOP], the list of the best
    score: Float32s  # [TOP]


@helper
def empty_sample() -> Sample:
    """Memory for samples, one after the other."""
    most = 1 + TOP + RANDOM
    return Sample(
        np.empty(most, dtype=np.int32),
        np.ones(most, dtype=np.float64),
        np.empty(most, dtype=np.float64),
        np.empty((most, FEATURES), dtype=np.float32),
        np.empty(TOP, dtype=np.int32),
        np.empty(TOP, dtype=np.float32),
    )


@helper
def random(seed: np.uint64, draw: int) -> np.uint64:
    """splitmix64: the draw-th 64 random bits."""
    state = seed + np.uint64(draw + 1) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.uint64(mixed ^ (mixed >> np.uint64(31)))


@helper
def sample_best(sample: Sample, target: int, found: int) -> int:
    """Take the target and the list of the best; returns the sample's size."""
    sample.item[0] = target
    sample.share[0] = 1.0
    size = 1
    for place in range(found):
        if sample.best[place] != target:
            sample.item[size] = sample.best[place]
            sample.share[size] = 1.0
            size += 1
    return size


@helper
def sample_rest(
    sample: Sample,
    size: int,
    shelves: Shelves,
    scratch: Scratch,
    touched: int,
    weight: Float32s,
    scores: Float32s,
    lowest: np.float32,
    seed: np.uint64,
) -> int:
    """Draw RANDOM items and take those below the best that a list may hold; the sample's size."""
    first, known = size, shelves.size[0]
    for draw in range(RANDOM):
        bits = random(seed, draw) >> np.uint64(32)
        item = int(bits * np.uint64(known) >> np.uint64(32))
        if len(scores) > 0:
            score = scores[item]
        else:
            slot = touched_slot(scratch, item, touched)
            score = scratch.score[slot] if slot >= 0 else base_score(shelves, item, weight)
        if item == sample.item[0] or score >= lowest:
            continue
        if may_hold(shelves, scratch, item):
            sample.item[size] = item
            size += 1
    sample.share[first:size] = known / RANDOM
    return size
