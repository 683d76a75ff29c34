"""A base for learners of users: slow vectors of items, weights of a user, and few verbs on arrays.

Slow weights are `learned`, named arrays: those of models.meta.item_tables, any others beside.
A user's weights start from `start`, follow from events by `adapt_weights`, and tell values by
`predict`. Where a worker serves such a learner, weights are made anew of the user's profile, if the
learner reads it, and ring.
"""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Final, Self

import numpy as np

from models.arrays import Float32s, Float64s, Hashes
from models.catalogue import Catalogue
from models.content import Content
from models.errors import DivergedError
from models.gate import Gate
from models.learner import Log
from models.meta import item_tables, popularity
from models.meta.asking import Verb, ask
from models.meta.described import Described, entering, of_all
from models.meta.tasks import (
    Profile,
    Support,
    Tasks,
    World,
    of_log,
    padded,
    parts,
    repeated,
    values_of,
)
from models.meta.telling import learn_curves, median, step_at, steps_of
from models.scorer import Scorer, Tables
from models.user_states import UserStates

Progress = Callable[[int, int], None]
"""Told how many steps of how many are done."""

Fold = tuple[Tasks, Float32s]
"""Users, and items' vectors [I, p] as those see them who are not trained on."""

_TELLING: Final = (0, 1, 3, 5, 10, 20)
"""First events after which how to tell values is learned …"""
_TOLD: Final = 60
"""… of up to so many later ones …"""
_TELLERS: Final = 2000
"""… of so many users."""
_USERS: Final = 64
"""Users who are scored at once."""


def silent(_done: int, _of: int) -> None:
    """Tell nobody."""


class MetaLearner(Scorer):
    """What the learners of this package share; a subclass is `meta_train` and four verbs.

    n users, m items each, L events each, p numbers of an item's vector, w of a user's weights.
    """

    name: str

    @abstractmethod
    def meta_train(
        self, world: World, tasks: Tasks, *, seed: int = 0, progress: Progress = silent
    ) -> Self:
        """The learner with slow weights learned of these tasks; the same seed gives the same.

        Raises
        ------
        DataError
            If nothing can be learned of them.
        DivergedError
            If the rate led the weights away.
        MissingLibraryError
            If it needs a library that is not installed.

        """

    @abstractmethod
    def start(self, profiles: Sequence[Profile]) -> Float32s:
        """Users' weights before any event: float32[n, w]; values never seen shift nothing."""

    @abstractmethod
    def adapt_weights(self, weights: Float32s, support: Support) -> Float32s:
        """The weights after the support's events; those of users without any as they were."""

    @abstractmethod
    def predict(self, weights: Float32s, vectors: Float32s) -> Float32s:
        """Values float32[n, m], not clipped, of items by vectors [n, m, p], or [m, p] for all."""

    @property
    def reads_profiles(self) -> bool:
        """Whether what `start` gives depends on profiles."""
        return False

    def signs(self, weights: Float32s, vectors: Float32s) -> Float32s:
        """What tells how likely steps of values are (see models.meta.telling): float32[n, m, f]."""
        low, high = self.learned["range"]
        away = self.clip(self.predict(weights, vectors)) - (low + high) / 2
        scaled = away / ((high - low) / 4 or 1.0)
        return np.stack([np.ones_like(scaled), scaled], axis=-1).astype(np.float32)

    def middle(self, weights: Float32s, vectors: Float32s) -> Float32s:
        """What is predicted where the absolute error counts, of the same shapes."""
        return self.clip(self.predict(weights, vectors))

    def median(self, weights: Float32s, vectors: Float32s) -> Float32s:
        """The median of what may come, by curves of the steps of values, of the same shapes."""
        if not self._steps:
            return self.clip(self.predict(weights, vectors))
        return median(self.signs(weights, vectors), self.learned["curves"], self.learned["steps"])

    def told(self, weights: Float32s, vectors: Float32s) -> Float32s:
        """The step of values at the median, of the same shapes."""
        if not self._steps:
            return self.clip(self.predict(weights, vectors))
        return step_at(self.signs(weights, vectors), self.learned["curves"], self.learned["steps"])

    @property
    def _steps(self) -> int:
        """How many steps values come in, if it was learned that they do."""
        return len(self.learned.get("steps", ()))

    def rank_scores(self, weights: Float32s, vectors: Float32s) -> Float32s:
        """Scores that lists are made by, popularity aside, of the same shapes."""
        return self.predict(weights, vectors)

    def item_vectors(self, hashes: Hashes, contents: Sequence[Content | None]) -> Float32s:
        """Vectors of n items: float32[n, p].

        An item of the training has its own, another that of its content, without any the prior's.
        """
        return item_tables.vectors(self.learned, hashes, contents)

    def clip(self, values: Float32s) -> Float32s:
        """Values within the range that training has seen."""
        low, high = self.learned["range"]
        return np.clip(values, low, high)

    def completed(self, world: World, tasks: Tasks) -> Self:
        """The learner with what is learned of any: how to tell values, and lists' popularity."""
        vectors = self.item_vectors(world.hashes, world.contents)
        return self.with_telling(tasks, vectors).with_popularity(world, tasks)

    def with_telling(self, tasks: Tasks, vectors: Float32s) -> Self:
        """The learner with curves of the steps, of these tasks if training left none."""
        return self if "steps" in self.learned else self.learn_telling([(tasks, vectors)])

    def learn_telling(self, folds: Sequence[Fold]) -> Self:
        """The learner with curves of the steps, of users and items as these see them."""
        steps = steps_of(np.concatenate([tasks.value for tasks, _ in folds]))
        tables = {**self.learned, "steps": steps}
        if len(steps):
            some = [_some(fold, -(-_TELLERS // len(folds))) for fold in folds]
            found = [self.by_few(self.signs, *fold, _TELLING) for fold in some]
            signs, value, weight = (np.concatenate(columns) for columns in zip(*found, strict=True))
            tables["curves"] = learn_curves(signs.astype(np.float64), weight, value, steps)
        return type(self)(repeats=self.repeats, learned=tables)

    def with_popularity(self, world: World, tasks: Tasks) -> Self:
        """The learner whose lists count popularity as much as these tasks' lists would."""
        vectors = self.item_vectors(world.hashes, world.contents)
        enough = np.flatnonzero(tasks.size > popularity.SUPPORT)
        drawn = np.linspace(0, len(enough) - 1, min(popularity.USERS, len(enough)))
        some = tasks.select(enough[drawn.astype(np.int64)])
        support = some.between(0, popularity.SUPPORT)
        query = some.between(popularity.SUPPORT, popularity.SUPPORT + popularity.QUERY)
        scores = self.rank_scores(self.weights_after(support, vectors), vectors)
        popular = popularity.log_liked(tasks, len(world))
        weight = popularity.learn_weight(scores, support, query, popular)
        order = np.argsort(world.hashes)
        tables = {"popular_item": world.hashes[order], "popular": weight * popular[order]}
        return type(self)(repeats=self.repeats, learned={**self.learned, **tables})

    def popularity(self, hashes: Hashes) -> Float32s:
        """What popularity adds to the scores of n items: float32[n], 0 for unknown ones."""
        added = np.zeros(len(hashes), dtype=np.float32)
        known = self.learned.get("popular_item")
        if known is not None and len(known):
            at = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
            found = known[at] == hashes
            added[found] = self.learned["popular"][at[found]]
        return added

    def by_few(
        self, verb: Verb, tasks: Tasks, vectors: Float32s, supports: Sequence[int]
    ) -> tuple[Float32s, Float32s, Float64s]:
        """What a verb says of each user's up to 60 events after so many first ones.

        And their values, and how much each counts, so that users count alike.
        """
        found, value, weight = [], [], []
        for k in supports:
            some = tasks.select(np.flatnonzero(tasks.size > k))
            later = some.between(k, k + _TOLD)
            weights = self.weights_after(some.between(0, k), vectors)
            found.append(ask(verb, weights, later, vectors))
            value.append(later.value)
            weight.append(1 / later.size[later.user])
        return np.concatenate(found), np.concatenate(value), np.concatenate(weight)

    def weights_after(self, tasks: Tasks, vectors: Float32s) -> Float32s:
        """Weights of all tasks' users after all of their events: float32[n, w].

        vectors: float32[I, p], of the world's items.
        """
        return self.adapted(self.start(tasks.profiles), tasks, vectors)

    def adapted(self, weights: Float32s, tasks: Tasks, vectors: Float32s) -> Float32s:
        """The weights after all of the tasks' events: float32[n, w]."""
        after = np.empty_like(weights)
        for users in parts(tasks.size, vectors.shape[1]):
            support = padded(tasks.select(users), vectors)
            clipped = support._replace(value=self.clip(support.value) * support.mask)
            after[users] = self.adapt_weights(weights[users], clipped)
        return after

    def with_learned(self, tables: Tables, what: str) -> Self:
        """The learner with other slow weights; `what` names the rate that they were learned with.

        Raises
        ------
        DivergedError
            If a number of them is not finite.

        """
        for name, table in tables.items():
            if table.dtype.kind == "f" and not np.isfinite(table).all():
                raise DivergedError(
                    f"Learner {self.name} diverged: its {name} is not finite after training with"
                    f" {what}."
                )
        return type(self)(repeats=self.repeats, learned=tables)

    def check_libraries(self) -> None:  # most need none
        """Look whether all that adapting needs is installed.

        Raises
        ------
        MissingLibraryError
            If a library is not.

        """

    def warm(self) -> None:
        """Adapt one user to one event, so that no list waits for what a first call loads."""
        vector = np.zeros((1, 1, len(self.learned["unknown"])), dtype=np.float32)
        value, time = self.clip(vector[..., 0]), np.zeros((1, 1), dtype=np.int64)
        self.adapt_weights(self.start([None]), Support(vector, value, time, time[0] + 1))

    def file_notes(self) -> dict[str, str]:
        """Tell the learner's name, by which a worker finds its class."""
        return {**super().file_notes(), "learner": self.name}

    def unpack_gate(self, payload: bytes | None) -> Gate:
        """Read a partition's gate, of which nothing here depends."""
        return self._rows.unpack_gate(payload)

    def fit(self, log: Log) -> Self:
        """Learn slow weights of a log's users."""
        world, tasks = of_log(log)
        return self.meta_train(world, tasks).with_popularity(world, tasks)

    def catalogue(self) -> Catalogue:
        """Make an empty catalogue, with this learner's vectors of its items."""
        if not self.learned:
            return super().catalogue()
        return Described(len(self.learned["unknown"]), self.item_vectors, self.popularity)

    def scores(self, states: UserStates, catalogue: Catalogue) -> Float32s:
        """Scores of all items by profiles and rings; all alike before anything was learned."""
        size = int(catalogue.shelves.size[0])
        scores = np.zeros((len(states), size), dtype=np.float32)
        if not self.learned:
            return scores
        vectors, popular = of_all(catalogue)
        for first in range(0, len(states), _USERS):
            some = states.take(range(first, min(first + _USERS, len(states))))
            weights = self.weights_of(some, catalogue)
            scores[first : first + _USERS] = self.rank_scores(weights, vectors[:size])
        return scores + popular[:size]

    def weights_of(self, states: UserStates, catalogue: Catalogue) -> Float32s:
        """Users' weights by what their profiles and rings hold: float32[n, w]."""
        users = states.columns
        size = users.ring_size.astype(np.int64)
        length = int(size.max(initial=0))
        there = np.arange(length) < size[:, None]
        value = np.zeros((len(states), length), dtype=np.float32)
        liked = users.ring_liked[:, :length][there] > 0
        told = self.clip(users.ring_value[:, :length][there])  # infinite ones, too; not nan
        value[there] = self.clip(values_of(told, liked))
        time = np.where(there, users.ring_time[:, :length], 0)
        own = entering(catalogue, users.ring_item[:, :length][there])
        vector = np.zeros((*there.shape, own.shape[1]), dtype=np.float32)
        vector[there] = own
        weights = self.start(states.profiles or [None] * len(states))
        return self.adapt_weights(weights, Support(vector, value, time, size))


def _some(fold: Fold, most: int) -> Fold:
    """At most so many of the fold's users with several events, spread over all of them."""
    tasks, vectors = fold
    users = repeated(tasks)
    drawn = np.linspace(0, len(users) - 1, min(most, len(users)))
    return tasks.select(users[drawn.astype(np.int64)]), vectors
