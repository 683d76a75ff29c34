"""A log replayed through a learner in one process, as workers would apply it over time."""

from dataclasses import dataclass

import numpy as np

from models.arrays import Int64s
from models.catalogue import Catalogue
from models.events import EventBatch
from models.feedback import Feedback
from models.gate import Gate
from models.hashing import item_hashes
from models.item_states import ItemStates
from models.learner import Learner, Log


@dataclass(slots=True)
class Replayed:
    """What the events leave behind: rows as bytes, the catalogue and the gate."""

    users: list[bytes | None]
    items: list[bytes | None]
    catalogue: Catalogue
    gate: Gate


def replay(learner: Learner, log: Log) -> Replayed:
    """Apply the log's runs in order; the items' rows are up to date after each run."""
    n = len(log.items)
    state = Replayed([None] * log.users, [None] * n, learner.catalogue(), learner.initial_gate())
    state.catalogue.update(log.items, [True] * n, [0] * n, state.items)
    go_on(learner, log, state)
    return state


def go_on(learner: Learner, log: Log, state: Replayed) -> None:
    """Apply the log's runs to a state; its catalogue is the learner's and may know no item yet."""
    hashes = item_hashes(log.items)
    order = np.argsort(hashes)
    for seed, run in enumerate(log.runs):
        feedback = _apply_to_users(learner, state, run, seed << 32)
        index = order[np.searchsorted(hashes, run.item, sorter=order)]
        _apply_to_items(learner, log, state, index, feedback)


def _apply_to_users(learner: Learner, state: Replayed, run: EventBatch, seed: int) -> Feedback:
    """Fold a run into its users' rows and the gate."""
    users, local = np.unique(run.user, return_inverse=True)
    events = EventBatch(
        local.astype(np.int32), run.item, run.kind, run.value, run.time, run.positive
    )
    before = learner.unpack_users([state.users[user] for user in users])
    state.gate = learner.learn_gate(state.gate, before, events, state.catalogue, seed)
    after, feedback = learner.adapt(before, events, state.catalogue)
    for user, row in zip(users, after.pack(), strict=True):
        state.users[user] = row
    return feedback


def _apply_to_items(
    learner: Learner, log: Log, state: Replayed, index: Int64s, feedback: Feedback
) -> None:
    """Fold a run's feedback into its items' rows and the catalogue."""
    items, local = np.unique(index, return_inverse=True)
    before = ItemStates.unpack([state.items[item] for item in items])
    rows = learner.adapt_items(before, local, feedback).pack()
    for item, row in zip(items, rows, strict=True):
        state.items[item] = row
    n = len(items)
    state.catalogue.update([log.items[item] for item in items], [True] * n, [0] * n, rows)
