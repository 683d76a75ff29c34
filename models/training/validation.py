"""How often the net alone would have had the next liked item among its first ten."""

from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from models.arrays import Int64s
from models.dataset import Dataset
from models.training.history import History, ragged
from models.training.model import Items, Model

TOP: Final = 10

_USERS: Final = 16
_ROWS: Final = 256


class Validation:
    """Positive events [start, end) as targets: at most `most`, drawn with the seed.

    States hold all earlier events, those of the validation itself too; all items known at the
    moment are ranked, those that the user has had left out unless repeats are allowed.
    """

    def __init__(
        self, data: Dataset, start: int, end: int, *, most: int, seed: int, repeats: bool
    ) -> None:
        self._data, self._end, self._repeats = data, end, repeats
        order = np.argsort(data.user[:end], kind="stable")
        chosen = order[(order >= start) & data.positive[order]]
        if len(chosen) > most:
            chosen = np.random.default_rng(seed).choice(chosen, most, replace=False)
        self._wanted = np.isin(order, chosen)

    def hit_rate(self, model: Model) -> float | None:
        """HR@10 of a model as it is; None without a target."""
        history = History.of(self._data, self._end, model.rows)
        wanted = self._wanted if self._repeats else self._wanted & ~history.again
        with torch.no_grad():
            ranking = _Ranking(model, self._data, history, self._repeats)
            hits = sum(ranking.hits(users, wanted) for users in _groups(history, wanted))
        targets = int(self._wanted.sum())
        return hits / targets if targets else None


def _groups(history: History, wanted: npt.NDArray[np.bool_]) -> list[Int64s]:
    """First events of users with targets, in groups of about equal length."""
    first = np.flatnonzero(history.place == 0)
    first = first[np.add.reduceat(wanted, first, dtype=np.int64) > 0] if len(first) else first
    size = history.place[_last(history, first)]
    first = first[np.argsort(size, kind="stable")]
    return [first[at : at + _USERS] for at in range(0, len(first), _USERS)]


def _last(history: History, first: Int64s) -> Int64s:
    """The last event of users who are given by their first."""
    starts = np.append(np.flatnonzero(history.place == 0), len(history))
    return starts[np.searchsorted(starts, first) + 1] - 1


class _Ranking:
    """Scores of targets by a model whose item vectors are computed once."""

    def __init__(self, model: Model, data: Dataset, history: History, repeats: bool) -> None:
        network = model.network
        network.eval()
        self._network, self._history, self._repeats = network, history, repeats
        self._device = network.bias.device
        items = Items.of(model, history, data.hashes, data.contents)
        features = items.features(np.arange(len(items.table)), self._device)
        table = self._tensor(np.maximum(items.table, 0))
        known = self._tensor((items.table >= 0).astype(np.float32))
        ids = network.enter[table] * known[:, None]
        self._enter = ids + network.content(features, network.content_enter)
        ids = network.leave[table] * known[:, None]
        self._leave = ids + network.content(features, network.content_leave)
        self._bias = network.biases(table) * known
        announced = data.announced[history.items]
        self._since = np.minimum(history.first, np.searchsorted(data.time, announced) - 1)

    def hits(self, users: Int64s, wanted: npt.NDArray[np.bool_]) -> int:
        """How many targets of these users are among the first ten of their lists."""
        event, query = self._queries(users, wanted)
        return sum(
            self._listed(event[first : first + _ROWS], query[first : first + _ROWS])
            for first in range(0, len(event), _ROWS)
        )

    def _queries(self, users: Int64s, wanted: npt.NDArray[np.bool_]) -> tuple[Int64s, Tensor]:
        history, network = self._history, self._network
        stop = _last(history, users) + 1
        place = users[:, None] + np.arange((stop - users).max())
        inside = place < stop[:, None]
        place = np.minimum(place, len(history) - 1)
        item, row, gap = (
            self._tensor(np.where(inside, column[place], 0))
            for column in (history.item, history.row, history.gap)
        )
        states = network.states(functional.embedding(item, self._enter), row, gap).flatten(0, 1)
        at = np.flatnonzero(inside & wanted[place])
        event = place.reshape(-1)[at]
        earlier = self._tensor(history.place[event].astype(np.float32))
        return event, network.queries(states[self._tensor(at)], earlier)

    def _listed(self, event: Int64s, query: Tensor) -> int:
        history = self._history
        score = torch.addmm(self._bias, query, self._leave.T)
        unknown = self._since >= history.event[event][:, None]
        score.masked_fill_(self._tensor(unknown), -torch.inf)
        own = score.gather(1, self._tensor(history.item[event])[:, None])
        if not self._repeats:
            row, earlier = ragged(event - history.place[event], history.place[event])
            score[self._tensor(row), self._tensor(history.item[earlier])] = -torch.inf
        rank = (score > own).sum(1)
        return int(((rank < TOP) & torch.isfinite(own[:, 0])).sum())

    def _tensor(self, array: npt.NDArray[np.generic]) -> Tensor:
        return torch.from_numpy(array).to(self._device)
