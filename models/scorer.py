"""A base for learners that score items with numpy: rows, lists, ranks and files are done here."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from models import tables_file
from models.arrays import Bools, Float32s, Int32s, Int64s
from models.catalogue import Catalogue
from models.dense_lists import Ranks, empty_ranks
from models.errors import CodecError, LearnerError
from models.events import EventBatch
from models.feedback import Feedback
from models.gate import Gate
from models.item_states import ItemStates
from models.learner import Log
from models.mixture import Mixture, MixtureSettings
from models.ranking import Lists, empty_lists
from models.user_states import UserStates

Tables = Mapping[str, npt.NDArray[Any]]

_HALF: Final = np.uint64(32)


class Scorer(ABC):
    """A learner of which only `scores` is missing, and `fit` where it learns something offline.

    repeats: whether lists may hold what the user has had. learned: named arrays, what `fit` found;
    they are saved, loaded, and make the version. There is no gate to learn.
    """

    def __init__(self, *, repeats: bool = False, learned: Tables | None = None) -> None:
        self.repeats = repeats
        self.learned = dict(learned or {})
        self._rows = Mixture(MixtureSettings(repeats))

    @abstractmethod
    def scores(self, states: UserStates, catalogue: Catalogue) -> Float32s:
        """Scores of all items for n users: float32[n, catalogue.shelves.size[0]], by position."""

    def fit(self, log: Log) -> Self:  # noqa: ARG002  # for those that learn something
        """Return the learner with what a log teaches it offline: nothing, unless overridden."""
        return self

    @property
    def version(self) -> bytes:
        """8 bytes that differ when class or learned arrays do."""
        digest = blake2b(f"{type(self).__qualname__} {self.repeats}".encode(), digest_size=8)
        for name in sorted(self.learned):
            table = self.learned[name]
            digest.update(f"{name} {table.dtype.str} {table.shape}".encode() + table.tobytes())
        return digest.digest()

    @property
    def trained_until(self) -> int:
        """No time: there is no gate to teach."""
        return 0

    def initial(self, n: int) -> UserStates:
        """States of n users of whom nothing is known."""
        return self._rows.initial(n)

    def initial_gate(self) -> Gate:
        """A gate, which is never learned."""
        return self._rows.initial_gate()

    def catalogue(self) -> Catalogue:
        """Make an empty catalogue."""
        return self._rows.catalogue()

    def unpack_users(self, rows: Sequence[bytes | None]) -> UserStates:
        """Read n users' rows, None for a new user. Raises CodecError."""
        return self._rows.unpack_users(rows)

    def adapt(
        self, states: UserStates, events: EventBatch, catalogue: Catalogue
    ) -> tuple[UserStates, Feedback]:
        """Fold events into the states; one feedback record per event, for its item."""
        return self._rows.adapt(states, events, catalogue)

    def adapt_items(
        self, items: ItemStates, index: npt.NDArray[np.integer], feedback: Feedback
    ) -> ItemStates:
        """Fold record r of the feedback into item index[r], for all r; `items` are used up."""
        return self._rows.adapt_items(items, index, feedback)

    def learn_gate(
        self,
        gate: Gate,
        before: UserStates,  # noqa: ARG002  # the contract's
        events: EventBatch,  # noqa: ARG002
        catalogue: Catalogue,  # noqa: ARG002
        seed: int,  # noqa: ARG002
    ) -> Gate:
        """Return the gate as it is."""
        return gate

    def module_scores(
        self, states: UserStates, catalogue: Catalogue, candidates: Int32s
    ) -> Float32s:
        """Scores of candidates int32[n, c] (positions): float32[n, c, 1]."""
        scores = np.take_along_axis(self._checked(states, catalogue), candidates, axis=1)
        return scores[..., None]

    def recommend(
        self,
        states: UserStates,
        gate: Gate,  # noqa: ARG002  # the contract's
        catalogue: Catalogue,
        k: int,
    ) -> Lists:
        """The k best items for each user, best first; of equals the one that was known earlier."""
        lists = empty_lists(len(states), k)
        for user, (scores, allowed) in enumerate(self._allowed(states, catalogue)):
            best = np.flatnonzero(allowed)
            best = best[np.argsort(-scores[best], kind="stable")[:k]]
            lists.position[user, : len(best)], lists.position[user, len(best) :] = best, -1
            lists.score[user, : len(best)] = scores[best]
            lists.score[user, len(best) :] = -np.inf
        return lists

    def ranks(
        self,
        states: UserStates,
        gate: Gate,  # noqa: ARG002  # the contract's
        catalogue: Catalogue,
        targets: Int64s,
    ) -> Ranks:
        """Where each user's list would hold the target int64[n] (a position; -1: none)."""
        ranks = empty_ranks(len(states))
        for user, (scores, allowed) in enumerate(self._allowed(states, catalogue)):
            target = targets[user]
            listed = target >= 0 and allowed[target]
            mine = scores[target] if listed else np.inf
            ranks.among[user] = allowed.sum()
            ranks.better[user] = (scores[allowed] > mine).sum() if listed else -1
            ranks.ties[user] = (scores[allowed] == mine).sum() - 1 if listed else 0
        return ranks

    def _checked(self, states: UserStates, catalogue: Catalogue) -> Float32s:
        """The scores; nan, which is neither above nor below anything, counts as the worst.

        Raises
        ------
        LearnerError
            If they are of another shape.

        """
        scores = self.scores(states, catalogue)
        wanted = len(states), int(catalogue.shelves.size[0])
        if np.shape(scores) != wanted:
            raise LearnerError(
                f"{type(self).__qualname__}.scores must give {wanted}, users by items;"
                f" got {np.shape(scores)}."
            )
        return np.where(np.isnan(scores), -np.inf, scores).astype(np.float32)

    def _allowed(
        self, states: UserStates, catalogue: Catalogue
    ) -> Iterator[tuple[Float32s, Bools]]:
        """Each user's scores, and which items the user's list may hold."""
        size, users = int(catalogue.shelves.size[0]), states.columns
        shown = catalogue.shelves.shown[:size] > 0
        marks = (catalogue.shelves.hash[:size] >> _HALF).astype(np.uint32)
        for user, scores in enumerate(self._checked(states, catalogue)):
            start = users.had_start[user]
            had = users.had[start : start + users.had_size[user]]
            yield scores, shown if self.repeats else shown & ~np.isin(marks, had)

    def file_notes(self) -> dict[str, str]:
        """Tell what a file says beside what was learned."""
        return {"repeats": str(int(self.repeats)), "of": type(self).__qualname__}

    def save(self, path: Path) -> None:
        """Write what was learned as a safetensors file, whole or not at all. Raises OSError."""
        tables_file.write(path, self.learned, self.file_notes())

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote.

        Raises
        ------
        CodecError
            If the file is damaged or another learner's.
        OSError
            If it cannot be read.

        """
        tables, notes = tables_file.read(path)
        if notes.get("of") != cls.__qualname__:
            raise CodecError(f"{path} is of {notes.get('of')}, not of {cls.__qualname__}")
        return cls(repeats=notes["repeats"] == "1", learned=tables)
