"""iALS: implicit alternating least squares, each user folded in anew at every prediction.

Users and items are vectors with the least sum of c (p - x . y)^2 over all pairs plus r |v|^2 over
all vectors: p = 1 and c = 1 + alpha w for what the user has had (w = 1 if positive, .3 if not;
summed over repeats), p = 0 and c = 1 for all else. The items' vectors are slow weights; a user's is
solved exactly from the user's last events, as many as the validation tenth chooses. Recent
popularity at a scale of 1e-6 orders a list's tail, and is the list of users without events.
(Hu, Koren, Volinsky 2008; by the library `implicit`, on the CPU.)
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar, Final, NamedTuple

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from models.arrays import Bools, Float32s, Int32s, Int64s
from models.by_user import ByUser
from models.dataset import Dataset
from models.errors import DataError
from models.evaluation.baselines.measures import TAIL, tail, weights_of
from models.evaluation.baselines.validation import choose, frozen_hits, validation_start
from models.evaluation.contest import Context, ScoreContestant
from models.search.space import Float, Int, Space

_UNLIKED: Final = 0.3
_MOST_TARGETS: Final = 2_000
"""Predicted for each of the settings, about."""


class Weights(NamedTuple):
    """What the vectors are trained with."""

    factors: int
    regularization: float
    alpha: float


class Settings(NamedTuple):
    """What the validation tenth chooses; depth: how many of a user's last events are folded in."""

    weights: Weights
    depth: int


_USUAL: Final = Settings(Weights(64, 10.0, 1.0), depth=20)
GRID: Final = (
    _USUAL,
    *(Settings(_USUAL.weights, depth) for depth in (10, 50, 1_000)),
    *(
        Settings(Weights(*weights), _USUAL.depth)
        for weights in ((128, 10.0, 1.0), (64, 1.0, 1.0), (64, 10.0, 15.0))
    ),
)
"""One thing changed at a time; the first one unless another is clearly better."""


class IALS(ScoreContestant):
    """Items near the vector that explains what the user has had."""

    name = "ials"
    grid: Sequence[Settings] = GRID
    chosen: Settings
    space: ClassVar[Space] = {
        "factors": Int(16, 256, log=True),
        "regularization": Float(0.1, 100.0, log=True),
        "alpha": Float(0.1, 50.0, log=True),
        "depth": Int(5, 1_000, log=True),
    }

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        usual = self.grid[0]
        self.defaults = {**usual.weights._asdict(), "depth": usual.depth}
        if told := context.settings.get(self.name):
            both = {**self.defaults, **told}
            if wrong := [name for name, value in both.items() if value <= 0]:
                raise DataError(f"{wrong[0]} must be above 0; got {both[wrong[0]]}.")
            depth = both.pop("depth")
            self.grid = (Settings(Weights(**both), depth),)

    def start(self, end: int) -> None:
        """Choose the settings on the last tenth, then train on all of it."""
        self._history = ByUser(self.data, len(self.data))
        self._tail = tail(len(self.data.items))
        self._tail.add(self.data, np.arange(validation_start(end)))
        self.chosen = self._choose(end)
        self._vectors = self._train(self.chosen.weights, end)

    def refit(self, data: Dataset, end: int) -> None:  # noqa: ARG002  # the data it has
        """Train anew."""
        self._vectors = self._train(self.chosen.weights, end)

    def fold(self, window: Int64s) -> None:
        """Count the events; the users' vectors are solved when they are asked for."""
        self._tail.add(self.data, window)

    def scores(self, window: Int64s, targets: Bools) -> Float32s:
        """Products with the users' vectors as they are now."""
        return self._scores(self._vectors, self.chosen, window[targets])

    def state_bytes(self) -> int:
        """Bytes of the items' vectors and counts and the users' last events."""
        longest = min(self.chosen.depth, int(np.bincount(self.data.user, minlength=1).max()))
        events = np.dtype(np.int32).itemsize * longest * len(self.data.users)
        return int(self._vectors.item_factors.nbytes) + self._tail.nbytes + events

    def _choose(self, end: int) -> Settings:
        """Train with each settings before the tenth, and predict the tenth."""
        cut = validation_start(end)
        trained: dict[Weights, Any] = {}
        found = []
        for weights, depth in self.grid:
            if weights not in trained:
                trained[weights] = self._train(weights, cut)
            score = partial(self._scores, trained[weights], Settings(weights, depth))
            found.append(frozen_hits(self.eligible, end, _MOST_TARGETS, score))
            self.context.progress(f"choosing {self.name}", len(found), len(self.grid))
        self._tail.add(self.data, np.arange(cut, end))
        return self.grid[choose(np.stack(found))]

    def _train(self, weights: Weights, end: int) -> Any:
        events = np.arange(end)
        had = self._had(events, self.data.user[:end], len(self.data.users), weights.alpha)
        with threadpool_limits(1, "blas"):  # implicit has threads of its own
            model = AlternatingLeastSquares(
                factors=weights.factors,
                regularization=weights.regularization,
                random_state=self.context.seed,
            )
            model.fit(had, show_progress=False)
        model.num_threads = 1  # a window is too little for more
        return model

    def _scores(self, model: Any, settings: Settings, events: Int64s) -> Float32s:
        longest = int(self._history.count(events).max(initial=0))
        past = self._history.before(events, min(settings.depth, longest))
        rows = np.nonzero(past >= 0)[0].astype(np.int32)
        had = self._had(past[past >= 0], rows, len(events), settings.weights.alpha)
        with threadpool_limits(1, "blas"):
            users = model.recalculate_user(np.arange(len(events)), had)
        scores: Float32s = users @ model.item_factors.T
        scores += TAIL * self._tail.sums()
        return scores

    def _had(self, events: Int64s, rows: Int32s, users: int, alpha: float) -> csr_matrix:
        """Confidences of what was had in the events, one row per user."""
        weights = weights_of(self.data, events, _UNLIKED)
        cells = (weights, (rows, self.data.item[events]))
        had = csr_matrix(cells, shape=(users, len(self.data.items)), dtype=np.float32)
        had.sum_duplicates()
        had.data = 1.0 + np.float32(alpha) * had.data
        return had
