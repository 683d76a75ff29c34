"""Which films are announced, which ratings fill the past, and which follow live: a pure split."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from stream.demo.data import Film, Rating

BACKFILL_SHARE = 0.7
RATINGS_PER_LIVE_USER = 100


@dataclass(frozen=True)
class Size:
    """How much of the data is used; the defaults are the demonstration, others are for tests.

    `backfill`: only the newest so many ratings of the past. `users`: only the first so many live
    users. `withheld_ratings`: the film that is announced in the middle has at least so many.
    """

    backfill: int | None = None
    users: int | None = None
    withheld_ratings: int = 20


FULL = Size()


@dataclass(frozen=True)
class Plan:
    """What the demonstration publishes.

    `announced`: films announced at the start. `withheld`: the one announced in the middle, if any.
    `backfill`: the past, by time. `live`: each live user's ratings by time; users in the order of
    their first appearance.
    """

    announced: Sequence[Film]
    withheld: Film | None
    backfill: Sequence[Rating]
    live: Mapping[str, Sequence[Rating]]

    @property
    def live_events(self) -> int:
        """How many events the live users have in all."""
        return sum(map(len, self.live.values()))


def make_plan(films: Sequence[Film], ratings: Iterable[Rating], size: Size = FULL) -> Plan:
    """Split the data by time: the first 70 % are the past; who appears only afterwards is live."""
    by_time = sorted(ratings, key=lambda rating: rating.time_ms)  # stable: ties keep their order
    cut = int(len(by_time) * BACKFILL_SHARE)
    backfill = by_time[:cut]
    live = _live(backfill, by_time[cut:], size.users)
    if size.backfill is not None:
        backfill = backfill[max(0, cut - size.backfill) :]
    withheld_id = choose_withheld(backfill, live, size.withheld_ratings)
    announced = [film for film in films if film.item_id != withheld_id]
    withheld = next((film for film in films if film.item_id == withheld_id), None)
    return Plan(announced, withheld, backfill, live)


def choose_withheld(
    backfill: Iterable[Rating], live: Mapping[str, Iterable[Rating]], at_least: int
) -> str | None:
    """The film without a past that the live users rate most, if they do `at_least` so often."""
    known = {rating.item_id for rating in backfill}
    rated = Counter(rating.item_id for ratings in live.values() for rating in ratings)
    fresh = [(-n, id_order(item)) for item, n in rated.items() if item not in known]
    count, (_, item_id) = min(fresh, default=(0, (0, "")))
    return item_id if fresh and -count >= at_least else None


def id_order(item_id: str) -> tuple[int, str]:
    """Sorts ids that are numbers by their size."""
    return len(item_id), item_id


def _live(
    before: Iterable[Rating], after: Iterable[Rating], users: int | None
) -> dict[str, list[Rating]]:
    known = {rating.user_id for rating in before}
    live: dict[str, list[Rating]] = {}
    for rating in after:
        if rating.user_id not in known:
            said = live.setdefault(rating.user_id, [])
            if len(said) < RATINGS_PER_LIVE_USER:
                said.append(rating)
    return dict(list(live.items())[:users])
