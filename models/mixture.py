"""The mixture: all counters, or some of them, weighed by a gate that learns online."""

import json
import zipfile
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from models import gate_step, ranking
from models.arrays import Float32s, Int32s
from models.catalogue import Catalogue
from models.errors import CodecError
from models.events import EventBatch
from models.feedback import Feedback
from models.gate import FEATURES, NAMES, Gate
from models.item_fold import fold_items
from models.item_states import ItemStates
from models.learner import Log
from models.ranking import Lists, empty_lists
from models.replay import replay
from models.user_fold import event_columns, fold_users
from models.user_states import UserStates

_FORMAT: Final = 1


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

    Its offline part is no more than the gate from which partitions start.

    >>> mixture = Mixture()
    >>> catalogue = mixture.catalogue()
    >>> catalogue.update(["a", "b"], [True, True], [0, 0], [None, None])
    []
    >>> lists = mixture.recommend(mixture.initial(1), mixture.initial_gate(), catalogue, 2)
    >>> catalogue.ids(lists.position[0])
    ['a', 'b']
    """

    def __init__(self, settings: MixtureSettings | None = None, start: Gate | None = None) -> None:
        self.settings = settings or MixtureSettings()
        self._start = start or Gate.initial(self.settings.features)
        self._settings_json = json.dumps(asdict(self.settings), sort_keys=True)
        content = self._settings_json.encode() + self._start.pack()
        self._version = blake2b(content, digest_size=8).digest()

    @property
    def version(self) -> bytes:
        """8 bytes that differ when settings or start do."""
        return self._version

    def initial(self, n: int) -> UserStates:
        """States of n users of whom nothing is known."""
        return UserStates.initial(n)

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
        """Make an empty catalogue."""
        return Catalogue()

    def adapt(self, states: UserStates, events: EventBatch) -> tuple[UserStates, Feedback]:
        """Fold events into the states; one feedback record per event, for its item."""
        return fold_users(states, events, int.from_bytes(self.version, "little"))

    def adapt_items(
        self, items: ItemStates, index: npt.NDArray[np.integer], feedback: Feedback
    ) -> ItemStates:
        """Fold record r of the feedback into item index[r], for all r in order."""
        return fold_items(items, index, feedback)

    def module_scores(
        self, states: UserStates, catalogue: Catalogue, candidates: Int32s
    ) -> Float32s:
        """All features of candidates int32[n, c] (positions): float32[n, c, len(gate.NAMES)]."""
        features = np.empty((*candidates.shape, FEATURES), dtype=np.float32)
        ranking.describe(
            states.columns,
            catalogue.shelves,
            catalogue.scratch(),
            np.array(candidates, dtype=np.int32),
            self.settings.repeats,
            features,
        )
        return features

    def learn_gate(
        self, gate: Gate, before: UserStates, events: EventBatch, catalogue: Catalogue, seed: int
    ) -> Gate:
        """One step per positive event, given the states before the events.

        The i-th event draws by seed + i, so that a batch equals its events one by one.
        """
        columns = event_columns(events)
        users = before.with_room(np.bincount(columns.user, minlength=len(before)))
        after = gate.copy()
        gate_step.learn(
            users.columns,
            columns,
            catalogue.shelves,
            catalogue.scratch(),
            catalogue.leaders(gate.static_weights()),
            after.columns,
            self.settings.repeats,
            np.uint64(seed % 2**64),
        )
        return after

    def recommend(self, states: UserStates, gate: Gate, catalogue: Catalogue, k: int) -> Lists:
        """The k best items for each user, best first; without events, what suits everyone."""
        lists = empty_lists(len(states), k)
        ranking.recommend(
            states.columns,
            catalogue.shelves,
            catalogue.scratch(),
            catalogue.leaders(gate.static_weights()),
            gate.columns,
            self.settings.repeats,
            lists,
        )
        return lists

    def fit(self, log: Log) -> Self:
        """Start partitions from the gate that the log's events leave behind."""
        return type(self)(self.settings, replay(self, log).gate)

    def save(self, path: Path) -> None:
        """Write settings and start as an .npz without pickled objects."""
        with path.open("wb") as file:
            np.savez(
                file,
                format=np.array(_FORMAT),
                settings=np.array(self._settings_json),
                gate=np.frombuffer(self._start.pack(), dtype=np.uint8),
            )

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote.

        Raises
        ------
        CodecError
            If the file is no mixture of this format.
        OSError
            If it cannot be read.

        """
        try:
            with np.load(path, allow_pickle=False) as file:
                format_, settings = int(file["format"]), json.loads(str(file["settings"]))
                gate = file["gate"].tobytes()
        except (zipfile.BadZipFile, KeyError, ValueError) as exc:
            raise CodecError(f"{path} is no saved mixture") from exc
        if format_ != _FORMAT:
            raise CodecError(f"{path} has format {format_}; this version reads {_FORMAT}")
        settings["features"] = tuple(settings["features"])
        return cls(replace(MixtureSettings(), **settings), Gate.unpack(gate))
