"""The mixture: counters, or some of them, and a net if there is one, weighed by a gate."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from models import dense, dense_lists, gate_step, ranking, snapshot, user_fold
from models.arrays import Bools, Float32s, Int32s, Int64s
from models.catalogue import Catalogue
from models.compiled import unchecked
from models.dense import Dense
from models.dense_lists import Ranks, empty_ranks
from models.describe import describe
from models.errors import CodecError
from models.event_columns import EventColumns, event_columns, part
from models.events import EventBatch
from models.fast_weights import INPUTS, rebuild, ring_items, trace
from models.feedback import Feedback, empty_feedback
from models.gate import FEATURES, NAMES, NET, TASTE, Gate
from models.item_fold import fold_items
from models.item_states import ItemStates
from models.learner import Log
from models.net import Net
from models.places import EXAMPLE as PLACES
from models.ranking import Lists, empty_lists
from models.replay import replay
from models.snapshot import Snapshot
from models.user_columns import unfilled_columns
from models.user_states import UserStates

_NET, _TASTE = NAMES[NET], NAMES[TASTE]
_NO_TABLE: Final = np.empty((0, 0), dtype=np.float32)
_plan: Final = unchecked(user_fold.plan)
_fold: Final = unchecked(user_fold.fold)


@dataclass(frozen=True, slots=True)
class MixtureSettings:
    """What is decided once.

    repeats: whether lists may hold what the user has had. features: those that count, of
    gate.NAMES; for a learner without popularity, ties go to the item liked more often.
    """

    repeats: bool = False
    features: tuple[str, ...] = NAMES


class Mixture:
    """score(u, j) = sum_m w_m(n_u) f_m(u, j), all f from bounded rows, w learned online.

    Its offline part is the gate from which partitions start and, if there is one, a net. What the
    net was trained on, up to `trained_until` (ms), teaches the gate nothing: a net seems better on
    it than it is. `notes` is what was noted of the training.

    >>> mixture = Mixture()
    >>> catalogue = mixture.catalogue()
    >>> catalogue.update(["a", "b"], [True, True], [0, 0], [None, None])
    []
    >>> lists = mixture.recommend(mixture.initial(1), mixture.initial_gate(), catalogue, 2)
    >>> catalogue.ids(lists.position[0])
    ['a', 'b']
    """

    def __init__(
        self,
        settings: MixtureSettings | None = None,
        start: Gate | None = None,
        net: Net | None = None,
        trained_until: int = 0,
        notes: Mapping[str, Any] | None = None,
    ) -> None:
        self.settings = settings or MixtureSettings()
        self.net = net if _NET in self.settings.features else None
        self.trained_until = trained_until
        self.notes: Mapping[str, Any] = notes or {}
        lacking = {_NET, _TASTE} if self.net is None else set() if self.net.tastes else {_TASTE}
        named = set(self.settings.features) - lacking
        self._start = start or Gate.initial(named)
        self._inputs = INPUTS if self.net is None else self.net.inputs
        self._width = 0 if self.net is None else self.net.width
        content = json.dumps([asdict(self.settings), trained_until], sort_keys=True).encode()
        content += self._start.pack() + (b"" if self.net is None else self.net.digest())
        self._version = blake2b(content, digest_size=8).digest()
        self._number = int.from_bytes(self._version, "little")

    @property
    def version(self) -> bytes:
        """8 bytes that differ when settings, start or net do."""
        return self._version

    @property
    def reads_profiles(self) -> bool:
        """It does not: users' states are enough."""
        return False

    def initial(self, n: int) -> UserStates:
        """States of n users of whom nothing is known."""
        return UserStates.initial(n, self._width)

    def unpack_users(self, rows: Sequence[bytes | None]) -> UserStates:
        """Read n users' rows: with their fast weights, if they are as many as this learner's.

        Raises
        ------
        CodecError
            If a row cannot be read.

        """
        return UserStates.unpack(rows, self._width)

    def initial_gate(self) -> Gate:
        """The gate from which a partition starts."""
        return self._start

    def unpack_gate(self, payload: bytes | None) -> Gate:
        """Read a partition's gate: the initial one for None or if it was for other features."""
        if payload is None:
            return self._start
        try:
            gate = Gate.unpack(payload)
        except CodecError:
            return self._start
        same = np.array_equal(gate.columns.learns, self._start.columns.learns)
        return gate if same else self._start

    def catalogue(self) -> Catalogue:
        """Make an empty catalogue, with the net's vectors if there is one."""
        return Catalogue(self.net)

    def adapt(
        self, states: UserStates, events: EventBatch, catalogue: Catalogue
    ) -> tuple[UserStates, Feedback]:
        """Fold events into the states; one feedback record per event, for its item.

        Of users of another version the fast weights are made anew of their rings first.
        """
        self._check(states, catalogue)
        before, columns = states.columns, event_columns(events)
        vectors = None if self.net is None else catalogue.vectors
        start, row = np.empty(len(states) + 1, np.int64), np.empty(len(events), np.int64)
        places = PLACES if vectors is None else catalogue.shelves.places
        number = np.uint64(self._number)
        plan = _plan(before, columns, number, places, start, row)
        if plan.stale and vectors is not None:
            wanted = np.bincount(columns.user, minlength=len(states)) > 0
            before = before._replace(fast=self._fast(states, catalogue, wanted))
        enter = _NO_TABLE if vectors is None else vectors.enter
        if plan.strange and vectors is not None:
            enter, row = vectors.entering(row, columns.item), np.arange(len(events))
        after, feedback = unfilled_columns(start, self._width), empty_feedback(len(events))
        _fold(before, after, columns, number, feedback, self._inputs, enter, row)
        return UserStates(after, states.profiles), Feedback(feedback)

    def adapt_items(
        self, items: ItemStates, index: npt.NDArray[np.integer], feedback: Feedback
    ) -> ItemStates:
        """Fold record r of the feedback into item index[r], for all r; `items` are used up."""
        return fold_items(items, index, feedback)

    def module_scores(
        self, states: UserStates, catalogue: Catalogue, candidates: Int32s
    ) -> Float32s:
        """All features of candidates int32[n, c] (positions): float32[n, c, len(gate.NAMES)]."""
        features = np.empty((*candidates.shape, FEATURES), dtype=np.float32)
        chosen = np.array(candidates, dtype=np.int32)
        for first, stop, logits in self._parts(states, catalogue):
            describe(
                states.columns, first, stop, catalogue.shelves, catalogue.scratch(),
                chosen, self.settings.repeats, logits, features,
            )  # fmt: skip
        return features

    def learn_gate(
        self, gate: Gate, before: UserStates, events: EventBatch, catalogue: Catalogue, seed: int
    ) -> Gate:
        """One step per positive event that the net has not seen, given the states before all.

        The i-th event draws by seed + i, so that a batch equals its events one by one.
        """
        columns = event_columns(events)
        lessons = np.flatnonzero((columns.liked > 0) & (columns.time > self.trained_until))
        if not len(lessons):
            return gate
        users = before.with_room(np.bincount(columns.user, minlength=len(before))).columns
        after = gate.copy()
        leaders = catalogue.leaders(gate.static_weights())
        for first, rows, logits in self._lessons(before, columns, lessons, catalogue):
            some = part(columns, first, first + len(rows))
            gate_step.learn(
                users, some, rows, catalogue.shelves, catalogue.scratch(), leaders, logits,
                after.columns, self.settings.repeats, np.uint64((seed + first) % 2**64),
            )  # fmt: skip
        return after

    def recommend(self, states: UserStates, gate: Gate, catalogue: Catalogue, k: int) -> Lists:
        """The k best items for each user, best first; without events, what suits everyone."""
        lists = empty_lists(len(states), k)
        shelves, scratch = catalogue.shelves, catalogue.scratch()
        repeats = self.settings.repeats
        if self.net is None:
            leaders = catalogue.leaders(gate.static_weights())
            ranking.recommend(
                states.columns, shelves, scratch, leaders, gate.columns, repeats, lists
            )
            return lists
        for first, stop, logits in self._parts(states, catalogue):
            dense_lists.recommend(
                states.columns, first, stop, shelves, scratch, gate.columns, repeats, logits, lists
            )
        return lists

    def ranks(self, states: UserStates, gate: Gate, catalogue: Catalogue, targets: Int64s) -> Ranks:
        """Where each user's list would hold the target int64[n] (a position; -1: none)."""
        out, target = empty_ranks(len(states)), np.array(targets, dtype=np.int64)
        for first, stop, logits in self._parts(states, catalogue):
            dense_lists.ranks(
                states.columns, first, stop, catalogue.shelves, catalogue.scratch(), gate.columns,
                self.settings.repeats, logits, target, out,
            )  # fmt: skip
        return out

    def _parts(self, states: UserStates, catalogue: Catalogue) -> Iterable[tuple[int, int, Dense]]:
        """What a dense scan reads, for some users after the other: (first, stop, Dense)."""
        query = None
        if self.net is not None:
            query = self.net.read_out(self._fast(states, catalogue), states.count)
        return dense.chunks(query, len(states), catalogue)

    def _lessons(
        self, before: UserStates, events: EventColumns, lessons: Int64s, catalogue: Catalogue
    ) -> Iterable[tuple[int, Int64s, Dense]]:
        """Runs of events: their first, for each event the row of its logits (-1: no lesson), these.

        Logits are those of the states before each event, the events before it folded in.
        """
        rows = np.full(len(events.item), -1, dtype=np.int64)
        rows[lessons] = np.arange(len(lessons))
        if self.net is None:
            yield 0, rows, dense.EXAMPLE
            return
        read = np.empty((len(lessons), self._width + 1), dtype=np.float32)
        fast = self._fast(before, catalogue).copy()
        enter = catalogue.entering(events.item)
        trace(self._inputs, before.columns, events, rows, enter, fast, read)
        starts = np.append(lessons, len(rows))
        starts[0] = 0
        query = self.net.queries(read)
        for first, stop, logits in dense.chunks(query, len(lessons), catalogue):
            own = rows[starts[first] : starts[stop]]
            yield int(starts[first]), np.where(own < 0, own, own - first), logits

    def _fast(
        self, states: UserStates, catalogue: Catalogue, wanted: Bools | None = None
    ) -> Float32s:
        """The states' fast weights, of all or some under this version: their own, or a copy."""
        self._check(states, catalogue)
        users = states.columns
        if self.net is None:
            return users.fast
        other = (users.version != self._number) & (users.ring_size > 0)
        stale = np.flatnonzero(other if wanted is None else other & wanted)
        if not len(stale):
            return users.fast
        fast = users.fast.copy()
        enter = catalogue.entering(ring_items(users, stale))
        rebuild(self._inputs, users, stale, enter, fast)
        return fast

    def _check(self, states: UserStates, catalogue: Catalogue) -> None:
        """Raise ValueError if states or catalogue are another learner's."""
        if states.width != self._width or catalogue.net is not self.net:
            raise ValueError("states and catalogue must come from this learner")

    def fit(self, log: Log) -> Self:
        """Start partitions from the gate that the log's events leave behind."""
        return self.with_start(replay(self, log).gate)

    def with_start(self, start: Gate) -> Self:
        """Return the same mixture but for the gate from which partitions start."""
        return type(self)(self.settings, start, self.net, self.trained_until, self.notes)

    def save(self, path: Path, notes: Mapping[str, Any] | None = None) -> None:
        """Write a snapshot (see models.snapshot), with the mixture's own notes or others."""
        snapshot.write(
            path,
            Snapshot(
                asdict(self.settings), self._start, self.net, self.trained_until,
                self.notes if notes is None else notes,
            ),
        )  # fmt: skip

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote.

        Raises
        ------
        CodecError
            If the file is damaged or no snapshot that this version can serve.
        OSError
            If it cannot be read.

        """
        found = snapshot.read(path)
        try:
            settings = MixtureSettings(
                bool(found.settings["repeats"]), tuple(found.settings["features"])
            )
        except (KeyError, TypeError) as exc:
            raise CodecError(f"{path} is no whole snapshot: it has no settings") from exc
        return cls(settings, found.start, found.net, found.trained_until, found.notes)
