"""Which items a batch's softmax runs over: all, or a sample with its correction."""

from typing import NamedTuple

import numpy as np

from models.arrays import Float32s, Int64s
from models.training.history import History
from models.training.settings import TrainSettings


class Candidates(NamedTuple):
    """C items of a history; correction is log P(an item is among them), None where all are."""

    items: Int64s  # [C]
    column: Int64s  # [J], place among the C, -1: not there
    correction: Float32s | None  # [C]


class Drawer:
    """Draws candidates: all items of a small catalogue, else shared ones ~ count^.75.

    A batch's own items are always there, and count as draws ~ count: an item that is in most
    batches anyhow weighs little more than once (sampled softmax, Bengio and Senecal 2008).
    """

    def __init__(self, history: History, settings: TrainSettings) -> None:
        count = np.bincount(history.item, minlength=len(history.items)).astype(np.float64)
        self._share = count / count.sum()
        self._odds = count**0.75 / (count**0.75).sum()
        self._draws = settings.negatives
        every = np.arange(len(count))
        whole = len(count) <= settings.whole_softmax
        self._all = Candidates(every, every, None) if whole else None

    def draw(self, own: Int64s, rng: np.random.Generator) -> Candidates:
        """Candidates of a batch in which these items occur."""
        if self._all is not None:
            return self._all
        drawn = np.searchsorted(np.cumsum(self._odds), rng.random(self._draws))
        items = np.union1d(own, np.minimum(drawn, len(self._odds) - 1))
        column = np.full(len(self._odds), -1)
        column[items] = np.arange(len(items))
        missed = self._draws * np.log1p(-self._odds[items])
        missed += own.size * np.log1p(-np.minimum(self._share[items], 0.99))
        return Candidates(items, column, np.log(-np.expm1(missed)).astype(np.float32))
