"""Judges lists by what their users did next: a fold of lists and events, in memory only.

Each positive event asks whether its item stood in the list that its user had before it, as
`headwater evaluate` does offline: what the user has had, and an item that is not known yet, is a
miss. Beside it the same for popularity: the most liked items as of then that the user has not had.
"""

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Self

import numpy as np

from agents.adapt_users import UserFold
from models.arrays import Hashes, Int64s, Words
from models.catalogue import Catalogue

HISTORIES: Final = {"0": 0, "1-4": 1, "5-9": 5, "10+": 10}
"""Buckets of the user's earlier events, by the smallest number of each."""

USERS_KEPT: Final = 20_000
"""Users whose newest list is remembered: some 300 bytes each."""
POPULAR: Final = 500
"""Popular items that are known by rank; who has had more than 490 of them gets a shorter list."""
HALF_LIFE: Final = 1000
"""Events after which an event counts half in a ratio."""

_BUCKETS: Final = tuple(HISTORIES)
_STARTS: Final = tuple(HISTORIES.values())[1:]


class Trial(NamedTuple):
    """A positive event, and what its user had had before its run."""

    user_id: str
    item_id: str
    history: int  # earlier events
    had: Words  # fingerprints of items


def trials_of(fold: UserFold) -> list[Trial]:
    """The positive events of a run that were not marked as back-filling."""
    states = fold.before.columns
    count, start, size = (
        column.tolist() for column in (states.events, states.had_start, states.had_size)
    )
    trials = []
    places, liked = fold.events.user.tolist(), fold.events.positive.tolist()
    for arrival, user, positive in zip(fold.taught, places, liked, strict=True):
        if positive and arrival.wants_list and arrival.event is not None:
            had = states.had[start[user] : start[user] + size[user]]
            item_id = arrival.event.item_id or ""
            trials.append(Trial(arrival.user_id, item_id, count[user], had))
        count[user] += 1
    return trials


@dataclass(frozen=True, slots=True)
class Popular:
    """The most liked items at one moment."""

    rank: Mapping[str, int]
    fingerprint: Words  # ascending, as users' sets know items
    ranks: Int64s  # of the fingerprints

    @classmethod
    def ranked(cls, ids: Sequence[str], hashes: Hashes) -> Self:
        """Take items, best first."""
        fingerprint = (hashes >> np.uint64(32)).astype(np.uint32)
        order = np.argsort(fingerprint)
        return cls({item_id: rank for rank, item_id in enumerate(ids)}, fingerprint[order], order)

    @classmethod
    def of(cls, catalogue: Catalogue) -> Self:
        """Take the POPULAR most liked items that lists may hold; of equals, the first known."""
        shelves, size = catalogue.shelves, int(catalogue.shelves.size[0])
        liked = np.where(shelves.shown[:size] != 0, shelves.popularity.liked[:size], 0)
        some = np.argpartition(-liked, POPULAR)[:POPULAR] if size > POPULAR else np.arange(size)
        best = some[np.lexsort((some, -liked[some]))]
        best = best[liked[best] > 0]
        return cls.ranked(catalogue.ids(best), shelves.hash[best])

    def lists(self, item_id: str, had: Words, length: int) -> bool:
        """Whether the `length` most liked, without those had, hold the item."""
        rank = self.rank.get(item_id)
        if rank is None:
            return False
        at = np.minimum(self.fingerprint.searchsorted(had), len(self.fingerprint) - 1)
        gone = self.ranks[at[self.fingerprint[at] == had]]
        return rank not in gone and rank - int((gone < rank).sum()) < length


class Verdict(NamedTuple):
    """What came of a trial: whose list of before held the item."""

    history: str  # the bucket
    headwater: bool
    popularity: bool


@dataclass(slots=True)
class Judge:
    """Remembers the newest lists, and judges them; `length` is that of the lists.

    A user without events has the `default` list unless one was published; a user whose list is not
    remembered, as after a restart, is not judged.
    """

    length: int
    repeats: bool = False
    default: Sequence[str] | None = None
    popular: Popular | None = None
    _lists: OrderedDict[str, Sequence[str]] = field(default_factory=OrderedDict)

    def judge(self, trials: Iterable[Trial]) -> list[Verdict]:
        """Judge by the lists of before: call it before `remember` for the same run."""
        verdicts = []
        for trial in trials:
            shown = self._lists.get(trial.user_id)
            if shown is None and trial.history == 0:
                shown = self.default
            if shown is None or self.popular is None:
                continue
            had = trial.had[:0] if self.repeats else trial.had
            popular = self.popular.lists(trial.item_id, had, self.length)
            verdicts.append(Verdict(bucket(trial.history), trial.item_id in shown, popular))
        return verdicts

    def remember(self, lists: Iterable[tuple[str, Sequence[str]]]) -> None:
        """These lists, as (user_id, item_ids), are now their users' newest."""
        for user_id, item_ids in lists:
            self._lists[user_id] = item_ids
            self._lists.move_to_end(user_id)
        while len(self._lists) > USERS_KEPT:
            self._lists.popitem(last=False)

    def forget(self) -> None:
        """Others may publish from now on: what is remembered may be no user's newest list."""
        self._lists.clear()


def bucket(history: int) -> str:
    """The name of the bucket for a number of earlier events."""
    return _BUCKETS[bisect_right(_STARTS, history)]


@dataclass(slots=True)
class Ratio:
    """A share of hits that forgets: after HALF_LIFE further events an event counts half."""

    hits: float = 0.0
    weight: float = 0.0

    def add(self, hits: int, events: int) -> None:
        """Count some more events, alike old."""
        kept = 0.5 ** (events / HALF_LIFE)
        self.hits = self.hits * kept + hits
        self.weight = self.weight * kept + events

    @property
    def value(self) -> float:
        """The share; there must have been an event."""
        return self.hits / self.weight
