"""The demonstration's figures, computed from nothing but the records of the topics."""

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stream.demo.popularity import Popularity
from stream.schemas import EVERYONE

K = 10
_LIVE = ("headwater", "popularity")
POSITIVE_STARS = 4.0
_RESAMPLES = 1000
_SEED = 20_231  # any fixed number: the interval shall not change between two looks at one run
_NEW_ITEM = (
    "item_id",
    "announced_to_catalogue_ms",
    "events_to_first_list",
    "announced_to_first_list_ms",
)
# Names by how many events the user had at most.
_BUCKETS = (("0", 0), ("1-4", 4), ("5-9", 9), ("10+", math.inf))


class EventSeen(NamedTuple):
    """A rating in `events`; `broker_ms` is when the broker took it, `time_ms` when it was given."""

    user_id: str
    item_id: str
    stars: float
    partition: int
    offset: int
    broker_ms: int
    time_ms: int = 0


class ListSeen(NamedTuple):
    """A list in `recommendations`: its items, best first, and its source's place (`*`: -1, -1)."""

    user_id: str
    items: tuple[str, ...]
    partition: int
    offset: int
    broker_ms: int


class FilmSeen(NamedTuple):
    """The withheld film: broker times of its announcement and of its first row, if there is one."""

    item_id: str
    announced_ms: int
    in_catalogue_ms: int | None


@dataclass(frozen=True)
class Observed:
    """What the topics hold: events in broker order, lists in the order of their partitions."""

    events: Sequence[EventSeen]
    lists: Sequence[ListSeen]
    dead_letters: int
    film: FilmSeen | None = None
    compacted_lists: int = 0


@dataclass
class ListsByUser:
    """The lists of every user, and those for users of whom nothing is known."""

    lists: Mapping[str, Sequence[ListSeen]]
    defaults: Sequence[ListSeen]
    _default_times: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self._default_times = [default.broker_ms for default in self.defaults]

    @classmethod
    def of(cls, lists: Iterable[ListSeen]) -> "ListsByUser":
        """Group lists, given in the order in which a reader gets each user's."""
        grouped: dict[str, list[ListSeen]] = defaultdict(list)
        for seen in lists:
            grouped[seen.user_id].append(seen)
        return cls(grouped, grouped.pop(EVERYONE, []))

    def answering(self, event: EventSeen) -> ListSeen | None:
        """The user's first list whose source is the event or a later one of its partition."""
        return next(
            (
                seen
                for seen in self.lists.get(event.user_id, ())
                if seen.partition == event.partition and seen.offset >= event.offset
            ),
            None,
        )

    def before(self, event: EventSeen) -> tuple[str, ...]:
        """The items that the user had on screen: the last list from before, else the default."""
        for seen in reversed(self.lists.get(event.user_id, ())):
            if seen.partition == event.partition and seen.offset < event.offset:
                return seen.items
        at = bisect_right(self._default_times, event.broker_ms)
        return self.defaults[at - 1].items if at else ()


class Target(NamedTuple):
    """A liked item, the user's events before it, and its rank (0: first) in each top 10.

    The ranks are those of the live lists, of popularity, and of what was evaluated offline.
    """

    user_id: str
    history: int
    ranks: tuple[int | None, ...]


# Of each learner evaluated offline: an item's rank (0: first) for each event seen, None beyond K.
Offline = Mapping[str, Sequence[int | None]]


def measure(
    observed: Observed, live: Collection[str], seconds: Mapping[str, float], offline: Offline
) -> dict[str, Any]:
    """The figures of build/demo.json. `live`: ids of the live users; `seconds`: of the phases."""
    by_user = ListsByUser.of(observed.lists)
    events = [event for event in observed.events if event.user_id in live]
    answers = [(event, by_user.answering(event)) for event in observed.events]
    lags = [
        answer.broker_ms - event.broker_ms
        for event, answer in answers
        if answer is not None and event.user_id in live
    ]
    found = targets(observed.events, by_user, live, tuple(offline.values()))
    names = (*_LIVE, *offline)
    return {
        "events": len(events),
        "lists": sum(seen.user_id in live for seen in observed.lists),
        "unanswered_events": sum(answer is None for _, answer in answers),
        "dead_letters": observed.dead_letters,
        "lag_ms": _percentiles(lags),
        **_quality(found, names, with_interval=True),
        "by_history": {
            name: {"events": len(part), **_quality(part, names)} for name, part in _buckets(found)
        },
        "new_item": _new_item(observed),
        "seconds": {name: round(value, 1) for name, value in seconds.items()},
        "backfilled_events": len(observed.events) - len(events),
        "targets": len(found),
        "compacted_lists": observed.compacted_lists,
    }


def targets(
    events: Sequence[EventSeen],
    by_user: ListsByUser,
    live: Collection[str],
    offline: Sequence[Sequence[int | None]] = (),
) -> list[Target]:
    """The liked items of the live users, ranked by what was known before each event.

    `events` in broker order. An item that a list lacks is a miss, whether known or not.
    """
    popularity = Popularity({event.item_id for event in events})
    had: dict[str, list[str]] = defaultdict(list)
    found = []
    for number, event in enumerate(events):
        liked = event.stars >= POSITIVE_STARS
        if liked and event.user_id in live:
            before = had[event.user_id]
            lists = by_user.before(event), popularity.top(K, before)
            ranks = [*(_rank(event.item_id, items) for items in lists)]
            ranks += [learner[number] for learner in offline]
            found.append(Target(event.user_id, len(before), tuple(ranks)))
        had[event.user_id].append(event.item_id)
        if liked:
            popularity.count(event.item_id)
    return found


def _rank(item_id: str, items: Sequence[str]) -> int | None:
    top = items[:K]
    return top.index(item_id) if item_id in top else None


def _buckets(found: Sequence[Target]) -> list[tuple[str, list[Target]]]:
    split: dict[str, list[Target]] = {name: [] for name, _ in _BUCKETS}
    for target in found:
        split[next(name for name, most in _BUCKETS if target.history <= most)].append(target)
    return list(split.items())


def _quality(
    found: Sequence[Target], names: Sequence[str], *, with_interval: bool = False
) -> dict[str, Any]:
    """Hit rate and NDCG of all; a single relevant item makes NDCG 1 / log2(rank + 2)."""
    # Infinite where the list lacks the item.
    ranks = np.array([_ranks(target) for target in found], dtype=float).reshape(-1, len(names))
    users = [target.user_id for target in found]
    worth = {"hit_rate@10": np.isfinite(ranks).astype(float), "ndcg@10": 1 / np.log2(ranks + 2)}
    answer: dict[str, Any] = {}
    for name, gains in worth.items():
        means = gains.mean(axis=0) if found else [math.nan] * len(names)
        answer[name] = dict(zip(names, map(_figure, means), strict=True))
        if with_interval:
            answer[name]["ratio_interval"] = ratio_interval(users, gains[:, : len(_LIVE)])
    return answer


def _ranks(target: Target) -> list[float]:
    return [math.inf if rank is None else rank for rank in target.ranks]


def ratio_interval(users: Sequence[str], pairs: NDArray[np.float64]) -> list[float | None]:
    """The 95 % bootstrap interval of Σ pairs[:, 0] / Σ pairs[:, 1], resampling whole users.

    An end is None where popularity has no hit in that many resamples, or there are no targets.
    """
    if not users:
        return [None, None]
    index = {user: row for row, user in enumerate(dict.fromkeys(users))}
    sums = np.zeros((len(index), 2))
    np.add.at(sums, [index[user] for user in users], pairs)
    drawn = np.random.default_rng(_SEED).integers(len(index), size=(_RESAMPLES, len(index)))
    ours, theirs = sums[drawn].sum(axis=1).T
    ratios = np.divide(ours, theirs, out=np.full(_RESAMPLES, np.inf), where=theirs > 0)
    # Without interpolation an infinite ratio stays at its end instead of making both nan.
    ends = np.quantile(ratios, (0.025, 0.975), method="nearest")
    return [_figure(end) for end in ends]


def _percentiles(lags_ms: Sequence[int]) -> dict[str, float | None]:
    ranks = {"p50": 50, "p95": 95, "p99": 99}
    if not lags_ms:
        return dict.fromkeys(ranks)
    return {name: round(float(np.percentile(lags_ms, rank)), 1) for name, rank in ranks.items()}


def _new_item(observed: Observed) -> dict[str, Any]:
    film = observed.film
    if film is None:
        return dict.fromkeys(_NEW_ITEM)
    times = [seen.broker_ms for seen in observed.lists if film.item_id in seen.items]
    first = min(times, default=None)
    taken = sum(
        event.item_id == film.item_id and event.broker_ms <= first
        for event in observed.events
        if first is not None
    )
    figures = (
        film.item_id,
        _since(film.announced_ms, film.in_catalogue_ms),
        None if first is None else taken,
        _since(film.announced_ms, first),
    )
    return dict(zip(_NEW_ITEM, figures, strict=True))


def _since(start_ms: int, end_ms: int | None) -> int | None:
    return None if end_ms is None else end_ms - start_ms


def _figure(value: float) -> float | None:
    return round(float(value), 4) if math.isfinite(value) else None
