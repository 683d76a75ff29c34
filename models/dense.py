"""Scores of all items at once, where every item may lead a user's list, and the best of them.

    score_j = what is alike for everyone + w_net (logit_j - mean logit) + w_taste taste_j
              + what the walk says of j

An item that the user's list may not hold scores -inf.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np

from models import popularity
from models.arrays import Bytes, Float32s, Int32s
from models.catalogue import Catalogue
from models.compiled import fused, helper
from models.gate import NET, TASTE
from models.halving import reached_by
from models.ranking import insert, walked_score
from models.walk import Scratch

_MOST: Final = 2**22
"""Logits held at once: 16 MiB."""
_BLOCK: Final = 32
"""Items that are passed over together where none of them is among the best."""
_HALVINGS: Final = 20
"""Of the range of scores, to tell the best: to a millionth of it."""


class Dense(NamedTuple):
    """What a dense scan of N items reads besides the walk, for r users; no logits without a net."""

    static: Float32s  # [popularity.FEATURES, N]
    logit: Float32s  # [r, N], less the user's mean over the items
    taste: Float32s  # [r, N], likewise; [0, 0] without tastes


def nothing_dense() -> Dense:
    """Build the columns of no items, for kernels that may do without."""
    table = np.empty((0, 0), dtype=np.float32)
    return Dense(table, table, table)


EXAMPLE: Final = nothing_dense()


def chunks(
    query: Float32s | None, n: int, catalogue: Catalogue
) -> Iterator[tuple[int, int, Dense]]:
    """What scans for n queries float32[n, d] read, or for n users without a net.

    (first, stop, Dense) for the queries from first to stop - 1, as many as fit in memory.
    """
    static = catalogue.static()
    vectors = catalogue.vectors
    if query is None or vectors is None:
        yield 0, n, EXAMPLE._replace(static=static)
        return
    step = max(_MOST // max(vectors.size, 1), 1)
    for first in range(0, n, step):
        some = query[first : first + step]
        yield first, first + len(some), Dense(static, *vectors.logits(some))


@helper
def fill_base(dense: Dense, shown: Bytes, weight: Float32s, base: Float32s) -> None:
    """Score all items by the features that are alike for everyone; -inf for hidden ones."""
    for item in range(len(base)):
        score = np.float32(0.0)
        for place in range(popularity.FEATURES):
            score += weight[place] * dense.static[place, item]
        base[item] = score if shown[item] else -np.inf


@helper
def fill_scores(
    dense: Dense,
    row: int,
    base: Float32s,
    scratch: Scratch,
    touched: int,
    weight: Float32s,
    score: Float32s,
) -> None:
    """Score all items for the user who was walked, whose logits are in the row."""
    if len(dense.taste) > 0:
        of_net, logit = weight[NET], dense.logit[row]
        of_taste, taste = weight[TASTE], dense.taste[row]
        for item in range(len(score)):
            score[item] = base[item] + of_net * logit[item] + of_taste * taste[item]
    elif len(dense.logit) > 0:
        of_net, logit = weight[NET], dense.logit[row]
        for item in range(len(score)):
            score[item] = base[item] + of_net * logit[item]
    else:
        score[:] = base
    for slot in range(touched):
        item = scratch.touched[slot]
        score[item] = walked_score(scratch, slot, score[item], weight)
    for place in range(scratch.barred_count[0]):
        score[scratch.barred_item[place]] = -np.inf


@fused
def _fill_block(score: Float32s, block: Float32s) -> int:
    """The best score of each _BLOCK items; how many blocks there are."""
    whole = len(score) // _BLOCK
    for place in range(whole):
        high = np.float32(-np.inf)
        for item in range(place * _BLOCK, (place + 1) * _BLOCK):
            high = max(high, score[item])
        block[place] = high
    if whole * _BLOCK == len(score):
        return whole
    block[whole] = -np.inf
    for item in range(whole * _BLOCK, len(score)):
        block[whole] = max(block[whole], score[item])
    return whole + 1


@helper
def _reached(score: Float32s, size: int, wanted: int) -> np.float32:
    """A score that the `wanted` best of the first `size` reach, and few others."""
    low, high = np.float32(np.inf), np.float32(-np.inf)
    finite = 0
    for place in range(size):
        value = score[place]
        high = max(high, value)
        if value > -np.inf:
            low = min(low, value)
            finite += 1
    if finite <= wanted:
        return low
    return reached_by(score, size, wanted, low, high, _HALVINGS)


@helper
def best_of_all(score: Float32s, block: Float32s, position: Int32s, best: Float32s) -> int:
    """Fill a list with the best items, in order; returns how many.

    block: [N / _BLOCK + 1], scratch. The best of each block are items, so what `len(position)` of
    them reach is reached by as many items.
    """
    size, wanted = len(score), len(position)
    blocks = _fill_block(score, block)
    least = np.float32(-np.inf)
    if blocks > wanted:
        least = _reached(block, blocks, wanted)
    found = 0
    for place in range(blocks):
        if block[place] < least:
            continue
        for item in range(place * _BLOCK, min((place + 1) * _BLOCK, size)):
            value = score[item]
            if value < least or value == -np.inf or (found == wanted and value <= best[found - 1]):
                continue
            found = insert(position, best, found, item, value)
    return found
