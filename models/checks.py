"""What every learner must hold to: checks that one test runs on each of them.

Each check takes a learner and raises AssertionError with what was required and what came.
"""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np

from models.catalogue import Catalogue
from models.events import EventBatch
from models.feedback import Feedback
from models.gate import Gate
from models.hashing import item_hashes
from models.item_states import ItemStates
from models.learner import Learner
from models.limits import HAD, PREDECESSORS, RING
from models.replay import Replayed, replay
from models.samples import CONTENTS, ITEMS, USERS, sample_events, sample_log
from models.user_states import UserStates

_LENGTH: Final = 10


def require(condition: bool, message: str) -> None:
    """Raise AssertionError with the message unless the condition holds."""
    if not condition:
        raise AssertionError(message)


def _single(events: EventBatch) -> list[EventBatch]:
    return [events.select(slice(place, place + 1)) for place in range(len(events))]


def _after(learner: Learner) -> tuple[Replayed, UserStates]:
    """What the sample's log leaves behind."""
    state = replay(learner, sample_log())
    state.catalogue.describe(ITEMS, CONTENTS)
    return state, learner.unpack_users(state.users)


def _index(feedback: Feedback) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Which of ITEMS each record is for."""
    hashes = item_hashes(ITEMS)
    return np.array([np.flatnonzero(hashes == item)[0] for item in feedback.item], dtype=np.intp)


def check_adapt_one_by_one(learner: Learner) -> None:
    """A batch of events leaves what its events leave one by one."""
    state, states = _after(learner)
    events = sample_events(60, seed=99)
    whole, feedback = learner.adapt(states, events, state.catalogue)
    records = []
    for event in _single(events):
        states, record = learner.adapt(states, event, state.catalogue)
        records += record.pack()
    require(whole.pack() == states.pack(), "users' rows differ between batch and one by one")
    require(feedback.pack() == records, "feedback differs between batch and one by one")


def check_adapt_items_one_by_one(learner: Learner) -> None:
    """A batch of feedback leaves what its records leave one by one."""
    _, feedback = learner.adapt(learner.initial(USERS), sample_events(60), learner.catalogue())
    index = _index(feedback)
    whole = learner.adapt_items(ItemStates.initial(len(ITEMS)), index, feedback)
    single = ItemStates.initial(len(ITEMS))
    for record, item in zip(feedback.pack(), index, strict=True):
        single = learner.adapt_items(single, np.array([item]), Feedback.unpack([record]))
    require(whole.pack() == single.pack(), "items' rows differ between batch and one by one")


def check_gate_one_by_one(learner: Learner) -> None:
    """A batch teaches the gate what its events teach one by one, the i-th drawing by seed + i."""
    state, states = _after(learner)
    events = sample_events(60, seed=99)
    whole = learner.learn_gate(state.gate, states, events, state.catalogue, 7)
    single = state.gate
    for place, event in enumerate(_single(events)):
        single = learner.learn_gate(single, states, event, state.catalogue, 7 + place)
        states, _ = learner.adapt(states, event, state.catalogue)
    require(whole.pack() == single.pack(), "the gate differs between batch and one by one")


def check_lists_one_by_one(learner: Learner) -> None:
    """A user's list does not depend on the others in the batch."""
    state, states = _after(learner)
    whole = learner.recommend(states, state.gate, state.catalogue, _LENGTH)
    for user, row in enumerate(states.pack()):
        alone = learner.recommend(learner.unpack_users([row]), state.gate, state.catalogue, _LENGTH)
        require(
            np.array_equal(alone.position[0], whole.position[user]),
            f"user {user} has {alone.position[0]} alone, {whole.position[user]} in the batch",
        )


def _content(catalogue: Catalogue) -> list[bytes]:
    shelves = catalogue.shelves
    arrays = (shelves.hash, shelves.shown, shelves.popularity.feature, shelves.links.after_total)
    return [array.tobytes() for array in arrays]


def _used_up(items: ItemStates) -> bool:
    try:
        items.pack()
    except ValueError:
        return True
    return False


def check_inputs_stay(learner: Learner) -> None:
    """No verb changes what it is given; item states, which a fold takes over, are then refused."""
    state, states = _after(learner)
    events = sample_events(60, seed=99)
    items = ItemStates.unpack(state.items)
    kept = states.pack(), state.gate.pack(), _content(state.catalogue)
    _, feedback = learner.adapt(states, events, state.catalogue)
    records = feedback.pack()
    learner.adapt_items(items, _index(feedback), feedback)
    require(_used_up(items), "the items given can be used again, though they may have changed")
    learner.learn_gate(state.gate, states, events, state.catalogue, 1)
    learner.recommend(states, state.gate, state.catalogue, _LENGTH)
    learner.ranks(states, state.gate, state.catalogue, np.zeros(USERS, dtype=np.int64))
    candidates = np.zeros((USERS, 3), dtype=np.int32)
    learner.module_scores(states, state.catalogue, candidates)
    now = states.pack(), state.gate.pack(), _content(state.catalogue)
    for name, before, after in zip(("users", "gate", "catalogue"), kept, now, strict=True):
        require(before == after, f"the {name} given were changed")
    require(records == feedback.pack(), "the feedback given was changed")


def check_rows_are_bounded(learner: Learner) -> None:
    """However many events come, rows stay below their documented size."""
    most = 2 * HAD
    hashes = item_hashes([str(number) for number in range(most)])
    zeros, values = np.zeros(most, dtype=np.uint8), np.zeros(most)
    events = EventBatch.of(zeros, hashes, zeros, values, np.arange(most), zeros == 0)
    states, feedback = learner.adapt(learner.initial(1), events, learner.catalogue())
    size = len(states.pack()[0])
    limit = 18 + 22 * RING + 4 * (HAD + states.width)
    require(size <= limit, f"a user's row has {size} bytes")
    items = learner.adapt_items(ItemStates.initial(1), np.zeros(most, dtype=int), feedback)
    size = len(items.pack()[0])
    require(size <= 72 + 32 * PREDECESSORS, f"an item's row has {size} bytes")


def check_save_and_load(learner: Learner) -> None:
    """A learner that was saved and loaded has the same version and gives the same lists."""
    fitted = learner.fit(sample_log())
    with TemporaryDirectory() as folder:
        path = Path(folder) / "learner.safetensors"
        fitted.save(path)
        loaded = type(fitted).load(path)
    require(loaded.version == fitted.version, "the version changed")
    lists = []
    for either in (fitted, loaded):
        state, states = _after(either)
        gate = either.initial_gate()
        lists.append(either.recommend(states, gate, state.catalogue, _LENGTH))
    require(np.array_equal(lists[0].position, lists[1].position), "the lists changed")
    require(np.array_equal(lists[0].score, lists[1].score), "the scores changed")


def check_fit_is_repeatable(learner: Learner) -> None:
    """The same log gives the same version twice."""
    log = sample_log()
    require(learner.fit(log).version == learner.fit(log).version, "two fits differ")


def check_feedback_commutes(learner: Learner) -> None:
    """An item's row does not depend on the order in which feedback reaches it."""
    _, feedback = learner.adapt(learner.initial(USERS), sample_events(200), learner.catalogue())
    index, records = _index(feedback), feedback.pack()
    order = np.random.default_rng(1).permutation(len(records))
    one = learner.adapt_items(ItemStates.initial(len(ITEMS)), index, feedback)
    shuffled = Feedback.unpack([records[place] for place in order])
    other = learner.adapt_items(ItemStates.initial(len(ITEMS)), index[order], shuffled)
    for item in range(len(ITEMS)):
        came, wanted = other.facts(item), one.facts(item)
        close = np.allclose(came.pop("sums"), wanted.pop("sums"), rtol=1e-5)  # type: ignore[arg-type]
        require(close and came == wanted, f"item {item} depends on the order: {came} {wanted}")


def check_users_commute(learner: Learner) -> None:
    """A user's row does not depend on how others' events come between the user's own."""
    events = sample_events(200)
    by_user = events.select(np.argsort(events.user, kind="stable"))
    mixed, _ = learner.adapt(learner.initial(USERS), events, learner.catalogue())
    sorted_, _ = learner.adapt(learner.initial(USERS), by_user, learner.catalogue())
    require(mixed.pack() == sorted_.pack(), "rows depend on other users' events")


def check_lists_are_lists(learner: Learner) -> None:
    """Everyone gets k different items, best first, of those that a list may hold; new users too."""
    state, states = _after(learner)
    everyone = learner.unpack_users([*states.pack(), None])
    lists = learner.recommend(everyone, state.gate, state.catalogue, _LENGTH)
    for position, score in zip(lists.position, lists.score, strict=True):
        require(len(set(position.tolist())) == _LENGTH, f"not {_LENGTH} items: {position}")
        require(position.min() >= 0, f"an item is missing: {position}")
        require(bool((np.diff(score) <= 0).all()), f"not best first: {score}")


def check_ranks_agree_with_lists(learner: Learner) -> None:
    """The item at place p of a list has rank p; what a list may not hold has none."""
    state, states = _after(learner)
    size = int(state.catalogue.shelves.size[0])
    lists = learner.recommend(states, state.gate, state.catalogue, size)
    for place in range(size):
        target = lists.position[:, place].astype(np.int64)
        ranks = learner.ranks(states, state.gate, state.catalogue, target)
        listed = target >= 0
        better, last = ranks.better[listed], (ranks.better + ranks.ties)[listed]
        right = (better <= place) & (place <= last) & (ranks.among > place)[listed]
        require(bool(right.all()), f"items at place {place} have ranks {better} to {last}")
        require(bool((ranks.better[~listed] == -1).all()), "no item has a rank")
    require(
        ranks.among.tolist() == (lists.position >= 0).sum(axis=1).tolist(),
        f"lists of all items do not hold {ranks.among} items",
    )
    unlisted = np.setdiff1d(np.arange(size), lists.position[0]).astype(np.int64)
    for item in unlisted:
        ranks = learner.ranks(states, state.gate, state.catalogue, np.full(len(states), item))
        require(ranks.better[0] == -1, f"item {item}, which no list may hold, has a rank")


def check_rebuild(learner: Learner) -> None:
    """What another version adapted serves as if this one had, as far as rings remember."""
    state, _ = _after(learner)
    few = sample_events(RING, users=1)
    catalogue = state.catalogue
    own, _ = learner.adapt(learner.initial(1), few, catalogue)
    rows = own.columns.version.copy() + np.uint64(1)
    other = UserStates(own.columns._replace(version=rows, fast=own.columns.fast + 1))
    bare = learner.unpack_users(UserStates(own.columns._replace(version=0 * rows)).pack())
    event = sample_events(1, seed=5, users=1)
    wanted, _ = learner.adapt(own, event, catalogue)
    for stale in (other, bare):
        came, _ = learner.adapt(stale, event, catalogue)
        require(came.pack() == wanted.pack(), "a state that was made anew is another")
        lists = [learner.recommend(of, state.gate, catalogue, _LENGTH).score for of in (own, stale)]
        require(np.array_equal(lists[0], lists[1]), "lists differ for a state of another version")
        gates = [
            learner.learn_gate(state.gate, of, event, catalogue, 1).pack() for of in (own, stale)
        ]
        require(gates[0] == gates[1], "the gate learns otherwise of a state of another version")


def check_gate_round_trip(learner: Learner) -> None:
    """A gate survives its bytes."""
    state, _ = _after(learner)
    require(Gate.unpack(state.gate.pack()).pack() == state.gate.pack(), "the gate changed")


CHECKS: Final[tuple[Callable[[Learner], None], ...]] = (
    check_adapt_one_by_one,
    check_adapt_items_one_by_one,
    check_gate_one_by_one,
    check_lists_one_by_one,
    check_inputs_stay,
    check_rows_are_bounded,
    check_save_and_load,
    check_fit_is_repeatable,
    check_feedback_commutes,
    check_users_commute,
    check_lists_are_lists,
    check_ranks_agree_with_lists,
    check_rebuild,
    check_gate_round_trip,
)
