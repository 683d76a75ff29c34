"""What one live user has still to say; ratings of a film not yet announced are held back."""

from collections import deque
from collections.abc import Iterable

from stream.demo.data import Rating


class Agenda:
    """One user's ratings in their order; what is held back comes next once it is released."""

    def __init__(self, ratings: Iterable[Rating], held_back_item: str | None) -> None:
        kept = list(ratings)
        self._open = deque(r for r in kept if r.item_id != held_back_item)
        self._held = [r for r in kept if r.item_id == held_back_item]

    def release(self) -> None:
        """The film was announced: its ratings come before everything else that is left."""
        self._open.extendleft(reversed(self._held))
        self._held.clear()

    def next(self) -> Rating | None:
        """The next rating, which counts as said; None if there is none for now."""
        return self._open.popleft() if self._open else None

    @property
    def held_back(self) -> int:
        """How many ratings wait for the release."""
        return len(self._held)
