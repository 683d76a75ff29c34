"""The yardstick: the most liked items so far that the user has not had."""

from collections.abc import Collection, Iterable

import numpy as np

from stream.demo.plan import id_order


class Popularity:
    """Counts likes of a fixed set of items."""

    def __init__(self, item_ids: Iterable[str]) -> None:
        self._ids = sorted(item_ids, key=id_order)
        self._place = {item_id: place for place, item_id in enumerate(self._ids)}
        self._likes = np.zeros(len(self._ids), np.int64)

    def count(self, item_id: str) -> None:
        """One more user liked it."""
        self._likes[self._place[item_id]] += 1

    def top(self, k: int, without: Collection[str]) -> list[str]:
        """At most `k` liked items, the most liked first, ties by id; none of `without`."""
        likes = self._likes.copy()
        likes[[self._place[item_id] for item_id in without]] = 0
        # One number per item, larger for the smaller id, so that a partial sort settles ties too.
        size = len(likes)
        order = likes * size + np.arange(size)[::-1]
        best = np.argpartition(order, -k)[-k:] if k < size else np.arange(size)
        best = best[np.argsort(-order[best])]
        return [self._ids[place] for place in best if likes[place] > 0]
