"""What is evaluated: the contestants' few verbs, and what those that score every item share.

A baseline is a subclass of ScoreContestant in a file of its own under models/evaluation/baselines:

    class Constant(ScoreContestant):
        name = "constant"

        def start(self, end): ...            # learn from events [0, end) of self.data
        def fold(self, window): ...          # take the window's events
        def scores(self, window, targets):   # for each target of the window, all items
            return np.zeros((targets.sum(), len(self.data.items)), dtype=np.float32)
        def state_bytes(self): return 0

and one line in contestants.py.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from models.arrays import Bools, Float32s, Int32s, Int64s
from models.dataset import Dataset
from models.evaluation.eligible import Eligible

Progress = Callable[[str, int, int], None]
"""Told what is being done, and how many steps of how many are done."""


class Placing(NamedTuple):
    """Where m targets stand among the items that their lists may hold."""

    better: Int64s  # [m], items with a higher score; -1: no list may hold the target
    ties: Int64s  # [m], other items with the same score


def silent(_what: str, _done: int, _of: int) -> None:
    """Tell nobody."""


def untold(_epoch: int, _rate: float) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a contestant is told beside the data.

    repeats: whether lists may hold what the user has had. partition: of each user, None for one
    partition of all. settings: by contestant, for those that have `space` and `defaults`, what is
    not as always. validated: told HR@10 on a learner's own validation part after each epoch, from
    0, where it has both.
    """

    repeats: bool = False
    seed: int = 0
    partition: Int32s | None = None
    progress: Progress = field(default=silent)
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    validated: Callable[[int, float], None] = field(default=untold)


class Contestant(Protocol):
    """A learner in the contest. A window is event indices, ascending, never two of one user.

    For each window in turn `rank` is called before `learn`. All events before a window's first
    have been learned by then.
    """

    name: str

    def fit(self, data: Dataset, end: int) -> None:
        """Learn slow weights from events [0, end), and fold these into the fast state, in order."""

    def refit(self, data: Dataset, end: int) -> None:
        """Learn slow weights anew from events [0, end), all folded already; fast state stays."""

    def rank(self, window: Int64s, targets: Bools) -> Placing:
        """Place the items of those events of the window that are targets, bool[len(window)]."""

    def learn(self, window: Int64s) -> None:
        """Fold the window's events into the fast state."""

    def state_bytes(self) -> int:
        """Bytes of all that the contestant keeps."""


class ScoreContestant(ABC):
    """A contestant that scores every item; which of them lists may hold is decided here."""

    name: str
    data: Dataset
    eligible: Eligible

    def __init__(self, context: Context) -> None:
        self.context = context

    def fit(self, data: Dataset, end: int) -> None:
        """Start from events [0, end)."""
        self.data = data
        self.eligible = Eligible.of(data, repeats=self.context.repeats)
        self.start(end)

    def refit(self, data: Dataset, end: int) -> None:  # noqa: B027  # most have no slow weights
        """Nothing, unless a subclass has slow weights."""

    def rank(self, window: Int64s, targets: Bools) -> Placing:
        """Place the targets by score."""
        better, ties = self.eligible.place(window, targets, self.scores(window, targets))
        return Placing(better, ties)

    def learn(self, window: Int64s) -> None:
        """Fold the window."""
        self.fold(window)

    @abstractmethod
    def start(self, end: int) -> None:
        """Learn slow weights from events [0, end) of the data, and fold them, in order."""

    @abstractmethod
    def fold(self, window: Int64s) -> None:
        """Take the window's events; never two of one user."""

    @abstractmethod
    def scores(self, window: Int64s, targets: Bools) -> Float32s:
        """Scores of all items for the window's targets: float32[m, I]; nan counts as -inf."""

    @abstractmethod
    def state_bytes(self) -> int:
        """Bytes of all that the contestant keeps."""
