"""Contestants that are the product: the learner that the agents call, on the same bounded rows."""

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import ClassVar, Final, NamedTuple

import numpy as np

from models.arrays import Bools, Int32s, Int64s
from models.catalogue import Catalogue
from models.dataset import NEVER, Dataset
from models.evaluation.contest import Context, Placing
from models.events import EventBatch
from models.item_states import ItemStates
from models.learner import Learner
from models.mixture import Mixture, MixtureSettings
from models.search.modules import MODULES, NET, TASTE, features_of
from models.search.space import ON_OFF, Settings, Space
from models.user_states import UserStates

RUN: Final = 64
"""Events of a run while the training part is replayed; a user may come more than once."""
_QUIET_RUN: Final = 1024
"""The same where no gate learns: rows are then alike whatever the runs."""


class _Opened(NamedTuple):
    """A window's users: who they are, which of them each event is by, and their states."""

    first: int
    users: Int32s
    local: Int64s
    before: UserStates


class ByRows(ABC):
    """Rows of users and items as bytes, a catalogue, and a gate per partition, as workers keep."""

    name: str
    data: Dataset
    learner: Learner
    catalogue: Catalogue
    _opened: _Opened | None

    def __init__(self, context: Context) -> None:
        self.context = context

    @abstractmethod
    def fit(self, data: Dataset, end: int) -> None:
        """Make a learner of events [0, end), and call `begin` with it."""

    def refit(self, data: Dataset, end: int) -> None:  # noqa: B027  # counters have none
        """Nothing, unless a subclass has slow weights."""

    def rank(self, window: Int64s, targets: Bools) -> Placing:
        """Place the targets as the learner's lists would, were they long enough."""
        self._announce(int(window[0]))
        self._opened = opened = self._open(window)
        items, users = self.data.item[window[targets]], self.data.user[window[targets]]
        states = opened.before.take(opened.local[targets].tolist())
        better, ties = np.full(len(items), -1, np.int64), np.zeros(len(items), np.int64)
        partition = self._partition[users]
        for mine in set(partition.tolist()):
            chosen = np.flatnonzero(partition == mine)
            some = states if len(chosen) == len(items) else states.take(chosen.tolist())
            places = self._position[items[chosen]]
            ranks = self.learner.ranks(some, self._gates[mine], self.catalogue, places)
            better[chosen], ties[chosen] = ranks.better, ranks.ties
        return Placing(better, ties)

    def learn(self, window: Int64s) -> None:
        """Fold the window's events as a worker folds a run."""
        self._announce(int(window[0]))
        opened = self._opened
        if opened is None or opened.first != window[0]:
            opened = self._open(window)
        self._opened = None
        items, index = np.unique(self.data.item[window], return_inverse=True)
        self._describe(items[~self._known[items]])
        batch = replace(self.data.batch(window), user=opened.local.astype(np.int32))
        self._learn_gates(window, opened.before, batch)
        after, feedback = self.learner.adapt(opened.before, batch, self.catalogue)
        for user, row in zip(opened.users.tolist(), after.pack(), strict=True):
            self._user_rows[user] = row
        before = ItemStates.unpack([self._item_rows[item] for item in items.tolist()])
        rows = self.learner.adapt_items(before, index, feedback).pack()
        for item, row in zip(items.tolist(), rows, strict=True):
            self._item_rows[item] = row
        self._show(items)

    def state_bytes(self) -> int:
        """Bytes of all rows and gates."""
        rows = sum(len(row) for row in (*self._user_rows, *self._item_rows) if row)
        return rows + sum(len(gate.pack()) for gate in self._gates)

    def begin(self, learner: Learner, data: Dataset, end: int) -> None:
        """Start from nothing and replay events [0, end) in runs."""
        self.data = data
        self._user_rows: list[bytes | None] = [None] * len(data.users)
        self._item_rows: list[bytes | None] = [None] * len(data.items)
        given = self.context.partition
        self._partition = np.zeros(len(data.users), dtype=np.int32) if given is None else given
        self._gates = [learner.initial_gate()] * (int(self._partition.max()) + 1)
        self._opened = None
        self._known = np.zeros(len(data.items), dtype=np.bool_)
        self._position = np.full(len(data.items), -1, dtype=np.int64)
        order = np.argsort(data.announced, kind="stable")
        self._coming = order[data.announced[order] < NEVER]
        self.use(learner)
        size = RUN if data.time[end - 1] > learner.trained_until else _QUIET_RUN
        for first in range(0, end, size):
            stop = min(first + size, end)
            self.learn(np.arange(first, stop))
            self.context.progress(f"{self.name}: replay", stop, end)

    def use(self, learner: Learner) -> None:
        """Go on with a learner, with a catalogue made for it from the items' rows."""
        self.learner = learner
        self.catalogue = learner.catalogue()
        known = np.flatnonzero(self._known)
        self._position[:] = -1
        self._describe(known)
        self._show(known)

    def _announce(self, event: int) -> None:
        """Enter the items that were announced by the time of the event."""
        coming, now = self._coming, self.data.time[event]
        if not len(coming) or self.data.announced[coming[0]] > now:
            return
        count = int(np.searchsorted(self.data.announced[coming], now, side="right"))
        self._coming = coming[count:]
        new = coming[:count][~self._known[coming[:count]]]
        self._describe(new)
        self._show(new)

    def _describe(self, items: Int32s | Int64s) -> None:
        """Tell the catalogue what was announced of items."""
        contents = {
            self.data.items[item]: content
            for item in items.tolist()
            if (content := self.data.contents[item]) is not None
        }
        if contents:
            self.catalogue.describe(list(contents), list(contents.values()))

    def _show(self, items: Int32s | Int64s) -> None:
        """Give items' rows to the catalogue, from which on lists may hold them."""
        if not len(items):
            return
        ids = [self.data.items[item] for item in items.tolist()]
        rows = [self._item_rows[item] for item in items.tolist()]
        self.catalogue.update(ids, [True] * len(ids), [0] * len(ids), rows)
        new = items[self._position[items] < 0]
        if len(new):
            self._position[new] = self.catalogue.positions(self.data.hashes[new])
            self._known[new] = True

    def _open(self, window: Int64s) -> _Opened:
        users, local = np.unique(self.data.user[window], return_inverse=True)
        rows = [self._user_rows[user] for user in users.tolist()]
        states = self.learner.unpack_users(rows)
        if getattr(self.learner, "reads_profiles", False):  # which a Scorer need not say
            profiles = tuple(self.data.profiles[user] for user in users.tolist())
            states = replace(states, profiles=profiles)
        return _Opened(int(window[0]), users, local, states)

    def _learn_gates(self, window: Int64s, before: UserStates, batch: EventBatch) -> None:
        partition = self._partition[self.data.user[window]]
        for mine in set(partition.tolist()):
            chosen = np.flatnonzero(partition == mine)
            some = batch if len(chosen) == len(window) else batch.select(chosen)
            self._gates[mine] = self.learner.learn_gate(
                self._gates[mine], before, some, self.catalogue, seed=int(window[chosen[0]])
            )


class Counters(ByRows):
    """All counters and the gate, without a net: nothing is learned but by replay."""

    name = "counters"
    defaults: ClassVar[Settings] = {
        "modules": tuple(one for one in MODULES if one not in (NET, TASTE))
    }
    space: ClassVar[Space] = {f"modules.{name}": ON_OFF for name in defaults["modules"]}

    def __init__(self, context: Context) -> None:
        """Take the context's settings. Raises DataError if a module is none."""
        super().__init__(context)
        own = {**self.defaults, **context.settings.get(self.name, {})}
        self.settings = MixtureSettings(context.repeats, features_of(own["modules"]))

    def fit(self, data: Dataset, end: int) -> None:
        """Replay events [0, end)."""
        self.begin(Mixture(self.settings), data, end)
