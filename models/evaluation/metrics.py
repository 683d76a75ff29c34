"""Figures of one learner from the ranks of its targets; each target is the one right answer."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from models.arrays import Bools, Int64s
from models.evaluation.ranks import MISS

LENGTH: Final = 10
"""Of the lists that intervals and plots are about."""

_OPEN: Final = np.iinfo(np.int64).max
HISTORIES: Final = {
    "0": (0, 0), "1": (1, 1), "2": (2, 2), "3-4": (3, 4), "5-9": (5, 9), "10+": (10, _OPEN),
}  # fmt: skip
"""Numbers of earlier events of the user, from and to."""


def hits(rank: Int64s, k: int) -> Bools:
    """Whether a list of k items holds the target, by its rank: bool[m]."""
    found: Bools = (rank != MISS) & (rank <= k)
    return found


def figures(rank: Int64s, k: int) -> dict[str, float | None]:
    """Mean quality of lists of k items by ranks int64[m], None if there is no target.

    Precision is hits / k, F1 = 2 precision recall / (precision + recall) of each list.
    """
    names = [f"{name}@{k}" for name in ("hit_rate", "ndcg", "mrr", "recall", "precision", "f1")]
    if not len(rank):
        return dict.fromkeys(names)
    hit, place = hits(rank, k), np.maximum(rank, 1)
    rate = float(hit.mean())
    ndcg, mrr = float((hit / np.log2(place + 1.0)).mean()), float((hit / place).mean())
    values = (rate, ndcg, mrr, rate, rate / k, 2.0 * rate / (k + 1))
    return dict(zip(names, values, strict=True))


def by_history(rank: Int64s, history: Int64s, ks: Sequence[int]) -> dict[str, dict[str, Any]]:
    """Hit rate and NDCG by how many events the target's user had before."""
    found = {}
    for name, (low, high) in HISTORIES.items():
        some = rank[(history >= low) & (history <= high)]
        quality: dict[str, Any] = {}
        for k in ks:
            whole = figures(some, k)
            quality |= {key: whole[key] for key in (f"hit_rate@{k}", f"ndcg@{k}")}
        found[name] = quality | {"events": len(some)}
    return found
