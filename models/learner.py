"""What every learner is: a few verbs on batches, without Kafka, clock, disk or global state."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt

from models.arrays import Float32s, Int32s, Int64s
from models.catalogue import Catalogue
from models.dense_lists import Ranks
from models.events import EventBatch
from models.feedback import Feedback
from models.gate import Gate
from models.item_states import ItemStates
from models.ranking import Lists
from models.user_states import UserStates


@dataclass(frozen=True, slots=True)
class Log:
    """A history to fit to: `runs` in order, their users numbered 0 .. users - 1."""

    users: int
    items: tuple[str, ...]
    runs: tuple[EventBatch, ...]


class Learner(Protocol):
    """What the agents call. Nothing that is passed in is changed, catalogue and scratch aside."""

    @property
    def version(self) -> bytes:
        """8 bytes that differ when what was learned offline does."""

    @property
    def trained_until(self) -> int:
        """Events at or before this time (ms) were seen offline, and teach the gate nothing."""

    def initial(self, n: int) -> UserStates:
        """States of n users of whom nothing is known."""

    def initial_gate(self) -> Gate:
        """The gate from which a partition starts."""

    def catalogue(self) -> Catalogue:
        """An empty catalogue."""

    def unpack_users(self, rows: Sequence[bytes | None]) -> UserStates:
        """Read n users' rows, None for a new user."""

    def adapt(
        self, states: UserStates, events: EventBatch, catalogue: Catalogue
    ) -> tuple[UserStates, Feedback]:
        """Fold events into the states; one feedback record per event, for its item.

        Users whom another version adapted are first made this version's, of what they remember.
        """

    def adapt_items(
        self, items: ItemStates, index: npt.NDArray[np.integer], feedback: Feedback
    ) -> ItemStates:
        """Fold record r of the feedback into item index[r], for all r; `items` are used up."""

    def module_scores(
        self, states: UserStates, catalogue: Catalogue, candidates: Int32s
    ) -> Float32s:
        """What each module's features say of candidates int32[n, c]: float32[n, c, features]."""

    def learn_gate(
        self, gate: Gate, before: UserStates, events: EventBatch, catalogue: Catalogue, seed: int
    ) -> Gate:
        """One step per positive event, given the states before the events."""

    def recommend(self, states: UserStates, gate: Gate, catalogue: Catalogue, k: int) -> Lists:
        """The k best items for each user; a user without events gets what suits everyone."""

    def ranks(self, states: UserStates, gate: Gate, catalogue: Catalogue, targets: Int64s) -> Ranks:
        """Where each user's list would hold the target, a position; -1 for none."""

    def fit(self, log: Log) -> Self:
        """The learner with what a log teaches it offline."""

    def save(self, path: Path) -> None:
        """Write the learner as one file."""

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a learner that `save` wrote."""
