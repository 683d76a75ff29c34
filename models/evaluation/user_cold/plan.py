"""Which users are held out, which of their events are adapted to, and which are told."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from models.arrays import Bools, Int32s, Int64s
from models.by_user import ByUser
from models.dataset import Dataset
from models.errors import DataError
from models.evaluation.user_cold.noted import notes_on
from models.evaluation.words import counted
from models.meta.tasks import Tasks, World, of_dataset

SUPPORTS: Final = (0, 1, 2, 3, 5, 10, 20)
"""How many first events of a held-out user are adapted to."""
_LATER: Final = SUPPORTS[-1]
_MOST: Final = 60
"""Events after these that are told."""
ALL: Final = "all"
_NAMED: Final = 3
"""Queries of no event that are named."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Users to train on, and n held-out ones: what each learner is asked, in the same order.

    A user's queries are in an order drawn by the seed, so that equal scores stand at random.
    """

    data: Dataset
    world: World
    train: Tasks
    support: Tasks  # of the held-out users
    query: Tasks
    users: Int64s  # [n], the dataset's numbers of the held-out users
    steps: dict[str, int]  # name: how many of the support's first events are adapted to
    notes: tuple[str, ...]


def split(data: Dataset, share: float, seed: int) -> Plan:
    """Hold out a share of users, drawn by the seed; 20 events to adapt to, up to 60 later to tell.

    Raises
    ------
    DataError
        If nobody is left to train on or to be told.

    """
    return _of_first(data, held_out(data, share, seed), seed)


def folds(data: Dataset, parts: int, seed: int) -> list[Plan]:
    """Hold each user out once, in so many parts drawn by the seed.

    Raises
    ------
    DataError
        If there are fewer users than parts, or a part has nobody to be told.

    """
    users = len(data.users)
    if parts > users:
        raise DataError(f"{counted(users, 'user')} cannot be held out in {parts:,} parts.")
    plans = []
    for part, held in enumerate(np.array_split(_drawn(data, seed), parts), 1):
        try:
            plan = _of_first(data, np.sort(held), seed)
        except DataError as error:
            raise DataError(f"Part {part} of {parts}: {error}") from error
        given = len(data.notes)
        own = (f"Part {part} of {parts}: {note}" for note in plan.notes[given:])
        plans.append(replace(plan, notes=(*data.notes, *own)))
    return plans


def held_out(data: Dataset, share: float, seed: int) -> Int64s:
    """The users of that share, drawn by the seed."""
    return np.sort(_drawn(data, seed)[: round(share * len(data.users))])


def _drawn(data: Dataset, seed: int) -> Int64s:
    """All users in an order drawn by the seed."""
    return np.random.default_rng(seed).permutation(len(data.users))


def _of_first(data: Dataset, held: Int64s, seed: int) -> Plan:
    """Hold these users out: their first events are adapted to, later ones told."""
    count = np.bincount(data.user, minlength=len(data.users))
    told = held[count[held] > _LATER]
    notes = []
    if len(told) < len(held):
        has, is_ = ("has", "is") if len(held) - len(told) == 1 else ("have", "are")
        notes.append(
            f"{len(held) - len(told):,} of {counted(len(held), 'held-out user')} {has} no event"
            f" after the {_LATER}th, and {is_} neither trained on nor told."
        )
    place = ByUser(data, len(data)).count(np.arange(len(data)))
    query = (place >= _LATER) & (place < _LATER + _MOST)
    return _plan(
        data, held, told, (place < _LATER, query), seed, {str(k): k for k in SUPPORTS}, notes
    )


def split_by_queries(data: Dataset, pairs: Sequence[tuple[str, str]], seed: int) -> Plan:
    """Hold out the users of the pairs; they tell exactly these and adapt to all other events.

    Of several events of one pair the last is told, and none adapted to.

    Raises
    ------
    DataError
        If nobody is left to train on or to be told.

    """
    users = {name: number for number, name in enumerate(data.users)}
    items = {name: number for number, name in enumerate(data.items)}
    known = {(users[u], items[i]) for u, i in pairs if u in users and i in items}
    wanted = np.array(sorted(u * len(items) + i for u, i in known), dtype=np.int64)
    pair = data.user.astype(np.int64) * len(items) + data.item
    asked = np.isin(pair, wanted)
    last = np.zeros(len(data), dtype=np.bool_)
    backwards = np.flatnonzero(asked)[::-1]
    last[backwards[np.unique(pair[backwards], return_index=True)[1]]] = True
    held = np.array(sorted({users[user] for user, _ in pairs if user in users}), dtype=np.int64)
    told = np.unique(data.user[last]).astype(np.int64)
    found = set(zip(data.user[last].tolist(), data.item[last].tolist(), strict=True))
    missing = [
        f"{user} {item}"
        for user, item in dict.fromkeys(pairs)
        if (users.get(user), items.get(item)) not in found
    ]
    notes = []
    if repeated := len(pairs) - len(set(pairs)):
        are = "query repeats another and is", "queries repeat others and are"
        notes.append(f"{counted(repeated, *are)} left out.")
    if missing:
        named = ", ".join(missing[:_NAMED]) + (", …" if len(missing) > _NAMED else "")
        queries = counted(len(missing), "query is", "queries are")
        notes.append(f"{queries} of no event and left out: {named}.")
    most = int(np.bincount(data.user[~asked], minlength=len(users)).max(initial=0))
    steps = {str(k): k for k in SUPPORTS} | {ALL: most}
    return _plan(data, held, told, (~asked, last), seed, steps, notes)


def _plan(
    data: Dataset,
    held: Int64s,
    told: Int64s,
    chosen: tuple[Bools, Bools],
    seed: int,
    steps: dict[str, int],
    notes: list[str],
) -> Plan:
    """Put it together; chosen: the events to adapt to and to be told, of whatever users."""
    others = np.setdiff1d(np.arange(len(data.users)), held)
    if not len(others):
        raise DataError(
            f"All users ({len(data.users):,}) are held out: nobody is left to train on."
        )
    if not len(told):
        told_of = " ".join(notes) or f"No user is held out of {len(data.users):,}."
        raise DataError(f"No held-out user has an event to tell. {told_of}")
    world, train = of_dataset(data, others)
    notes += notes_on(data, others, world, train)
    query, more = _tamed(_shuffled(Tasks.of(data, told, chosen[1]), seed), world)
    notes += more
    return Plan(
        data=data,
        world=world,
        train=train,
        support=Tasks.of(data, told, chosen[0]),
        query=query,
        users=told,
        steps=steps,
        notes=(*data.notes, *notes, *_alike(train, query)),
    )


def _tamed(query: Tasks, world: World) -> tuple[Tasks, list[str]]:
    """The queries, outlandish values at the ends of the range; one of these would be all error."""
    room = 3 * (world.high - world.low or 1.0)
    wild = (query.value < world.low - room) | (query.value > world.high + room)
    if not wild.any():
        return query, []
    lie, count = ("value lies", "counts") if wild.sum() == 1 else ("values lie", "count")
    note = (
        f"Of those to tell {int(wild.sum()):,} {lie} far beyond {world.low:g} to {world.high:g},"
        f" and {count} as its ends."
    )
    ends = np.where(wild, query.within(world.low, world.high).value, query.value)
    return replace(query, value=ends), [note]


def _alike(train: Tasks, query: Tasks) -> list[str]:
    """A note, if there is but one value to learn and to tell."""
    value = train.value[0] if len(train.item) else 1
    if not ((train.value == value).all() and (query.value == value).all()):
        return []
    lists = "; HR@10 and MRR@10 do" if query.positive.any() else ", nor lists, since none was liked"
    return [f"All values are {value:g}: errors, accuracy and NDCG say nothing of learners{lists}."]


def _shuffled(tasks: Tasks, seed: int) -> Tasks:
    """The tasks with each user's events in an order drawn by the seed."""
    draw = np.random.default_rng(seed).random(len(tasks.item))
    order = np.lexsort((draw, tasks.user))
    return Tasks(
        tasks.start, tasks.item[order], tasks.value[order], tasks.time[order],
        tasks.positive[order], tasks.profiles,
    )  # fmt: skip


def barred(plan: Plan, user: int) -> Int32s:
    """Items that no list of the user is ranked with: of the whole support and of all queries."""
    support, query = plan.support, plan.query
    own = support.item[support.start[user] : support.start[user + 1]]
    return np.concatenate([own, query.item[query.start[user] : query.start[user + 1]]])
