"""What the demonstration asks of the learner; the command line provides it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from stream.demo.report import EventSeen, Offline

# Told the share done, 0 to 1, and a note.
Progress = Callable[[float, str], None]


# What `offline` calls its two learners.
WITH_NET, WITHOUT_NET = "offline", "offline_without_net"


class Learning(Protocol):
    """Training before the stream begins, and the stream's evaluation offline after its end."""

    def row_id(self, key: bytes) -> str | None:
        """The id that a key of `item-vectors` names; None for keys of other kinds."""

    def train(self, events: Path, items: Path, snapshot: Path, progress: Progress) -> None:
        """Train on files of events and items; write a snapshot for a worker."""

    def offline(
        self,
        events: Sequence[EventSeen],
        start: int,
        items: Path,
        snapshot: Path,
        progress: Progress,
    ) -> Offline:
        """Evaluate events[start:], in this order, with the snapshot and without."""
