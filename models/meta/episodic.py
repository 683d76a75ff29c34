"""A base for learners that torch trains on episodes: settings kept, profiles read, torch asked for.

A subclass names its settings and the module of models.meta.training that learns for it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Any, ClassVar, Final, Self, TypeVar

import numpy as np

from models.arrays import Bytes, Float32s
from models.content import Content
from models.errors import DataError, MissingLibraryError
from models.features import FeatureMap
from models.meta.configured import Configured, Settings, as_bytes
from models.meta.learner import Progress, silent
from models.meta.tasks import Profile, Tasks, World
from models.search.space import Float, Int, Space

_MOST_ATTRIBUTES: Final = 256


@dataclass(frozen=True, slots=True)
class EpisodicSettings(Settings):
    """What is decided before training, of all such learners.

    Their defaults come from two splits of MovieLens-100K's training users (seed 0 of user-cold):
    150 of 754 were held out each time, and the mean MAE after 0, 1, 2, 3, 5, 10 and 20 events
    counted, of bare predictions, one seed each. Each learner's file says what was tried: without
    folds unless it says so, so that not every default was run as it stands. About 45 settings
    before these were compared on other splits, whose users are in part held out by seed 0: they
    led to a fixed damping, Huber's loss and few epochs. Learners had unlike numbers of trials.
    """

    most: ClassVar[Mapping[str, int]] = {"size": 256, "rounds": 1000, "folds": 100, "epochs": 1000}

    size: int = 8  # numbers of an item's place, and of a user's taste
    rounds: int = 12  # of EM, from which slow weights start
    folds: int = 4  # of users, each of whom sees items fitted without the fold; 1: as all do
    epochs: int = 10
    batch: int = 16  # users
    outer_rate: float = 1e-3  # of the slow weights
    weight_decay: float = 0.1
    long: float = 0.0  # share of batches in which up to 200 events adapt, not 20


SPACE: Final[Space] = {
    "size": Int(4, 32, log=True),
    "rounds": Int(4, 20),
    "epochs": Int(3, 20),
    "outer_rate": Float(1e-4, 1e-2, log=True),
    "weight_decay": Float(1e-3, 1.0, log=True),
}
"""What `headwater search` varies for all such learners."""

S = TypeVar("S", bound=EpisodicSettings)


class EpisodicLearner(Configured[S]):
    """A MetaLearner with settings S, learned by the `learn` of models.meta.training.`training`."""

    training: str
    defaults: EpisodicSettings
    space: ClassVar[Space] = SPACE

    def meta_train(
        self, world: World, tasks: Tasks, *, seed: int = 0, progress: Progress = silent
    ) -> Self:
        """Learn on episodes: few events of a user to adapt to, later ones to be told."""
        if not len(tasks.item):
            raise DataError(f"Learner {self.name} has no event to learn from.")
        learn = self._torch().learn
        tables, folds = learn(
            self.name, self.settings, (world, tasks), seed=seed, progress=progress
        )
        outer = f"an outer rate of {self.settings.outer_rate:g}: give a lower outer_rate"
        trained = self.with_learned(tables, outer)
        return trained.learn_telling([(tasks.select(users), vectors) for users, vectors in folds])

    def _torch(self) -> Any:
        """The module that needs torch.

        Raises
        ------
        MissingLibraryError
            If torch is not installed.

        """
        try:
            return import_module(f"models.meta.training.{self.training}")
        except ModuleNotFoundError as exc:
            raise MissingLibraryError.of(exc) from exc

    @cached_property
    def _attributes(self) -> FeatureMap:
        return FeatureMap.from_json(self.learned["attributes"].tobytes().decode())

    @property
    def reads_profiles(self) -> bool:
        """Whether training has seen attributes that a profile may have."""
        return "attributes" in self.learned and self._attributes.size > 0

    def shifts(self, profiles: Sequence[Profile]) -> Float32s:
        """What profiles shift the start by: [n, .]; values never seen in training, nothing."""
        shift: Float32s = attributes(self._attributes, profiles) @ self.learned["shift"]
        return shift


def learn_attributes(profiles: Sequence[Profile]) -> tuple[FeatureMap, Bytes]:
    """Take the values that profiles hold, the frequent first; and what `learned` keeps of them."""
    found = FeatureMap.learn(map(_content, profiles), most=_MOST_ATTRIBUTES)
    return found, as_bytes(found.to_json())


def attributes(features: FeatureMap, profiles: Sequence[Profile]) -> Float32s:
    """Features of n profiles: float32[n, F]."""
    sparse = features.transform([_content(profile) for profile in profiles])
    table = np.zeros((len(profiles), features.size), dtype=np.float32)
    row = np.repeat(np.arange(len(profiles)), np.diff(sparse.start))
    table[row, sparse.feature] = sparse.weight
    return table


def _content(profile: Profile) -> Content:
    return Content(attributes=profile or {})
