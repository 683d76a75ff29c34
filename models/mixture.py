"""The mixture: all counters, weighed by a gate that learns online."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models import gate_step, popularity, ranking
from models.catalogue import Catalogue
from models.events import EventBatch
from models.feedback import Feedback
from models.gate import BUCKETS, FEATURES, Gate, empty_gate
from models.item_fold import fold_items
from models.item_states import ItemStates
from models.user_fold import event_columns, fold_users
from models.user_states import UserStates


@dataclass(frozen=True, slots=True)
class MixtureSettings:
    repeats: bool = False
    rates: tuple[float, ...] = (0.01, 0.0005, 0.06)


class Lists(NamedTuple):
    """n lists of up to k items, best first."""

    position: npt.NDArray[np.int32]  # [n, k], -1: none
    score: npt.NDArray[np.float32]  # [n, k]


class Mixture:
    def __init__(self, settings: MixtureSettings = MixtureSettings()) -> None:
        self.settings = settings
        self.version = b"counters"

    def initial(self, n: int) -> UserStates:
        return UserStates.initial(n)

    def catalogue(self) -> Catalogue:
        return Catalogue()

    def adapt(self, states: UserStates, events: EventBatch) -> tuple[UserStates, Feedback]:
        return fold_users(states, events, int.from_bytes(self.version, "little"))

    def adapt_items(
        self, items: ItemStates, index: npt.NDArray[np.integer], feedback: Feedback
    ) -> ItemStates:
        return fold_items(items, index, feedback)

    def initial_gate(self) -> Gate:
        return Gate(empty_gate())

    def unpack_gate(self, payload: bytes | None) -> Gate:
        return Gate.unpack(payload) if payload else self.initial_gate()

    def learn_gate(self, gate, before, events, catalogue, seed):
        new = Gate.unpack(gate.pack())
        columns = event_columns(events)
        users = before.with_room(np.bincount(columns.user, minlength=len(before)))
        gate_step.learn(
            users.columns,
            columns,
            catalogue.shelves,
            catalogue.scratch(),
            catalogue.leaders(gate),
            new.columns,
            self.settings.repeats,
            np.uint64(seed),
            np.array(self.settings.rates),
        )
        return new

    def recommend(self, states, gate, catalogue, k):
        position = np.empty((len(states), k), dtype=np.int32)
        score = np.empty((len(states), k), dtype=np.float32)
        ranking.recommend(
            states.columns,
            catalogue.shelves,
            catalogue.scratch(),
            catalogue.leaders(gate),
            gate.columns,
            self.settings.repeats,
            position,
            score,
        )
        return Lists(position, score)
