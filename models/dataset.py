"""A history as columns: what training and evaluation read of files of events, items and users."""

from dataclasses import dataclass
from typing import Any, Final

from models.arrays import Bools, Bytes, Float32s, Hashes, Int32s, Int64s
from models.content import Content
from models.events import EventBatch

NEVER: Final = 2**62
"""A time that does not come, ms."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """n events in time order (equal times in the order of the file) by U users on I items.

    Only events that learners apply are here: with an item, none of searches and impressions.
    """

    users: tuple[str, ...]  # [U], ids
    items: tuple[str, ...]  # [I], ids: of the events and of the items' file
    hashes: Hashes  # [I]
    contents: tuple[Content | None, ...]  # [I], None: nothing was announced
    announced: Int64s  # [I], ms; NEVER: known from its first event on
    profiles: tuple[dict[str, Any] | None, ...]  # [U]
    row: Int64s  # [n], place in the time-ordered input, rows that were dropped counted
    user: Int32s  # [n]
    item: Int32s  # [n]
    kind: Bytes  # [n], type codes
    value: Float32s  # [n], nan: none
    time: Int64s  # [n], ms
    positive: Bools  # [n]
    notes: tuple[str, ...]  # what was dropped, sorted or mended, in sentences
    fingerprint: str  # of all of the above, alike for each format

    def __len__(self) -> int:
        return len(self.user)

    def batch(self, events: Int64s | slice) -> EventBatch:
        """Some events, their users numbered as here."""
        return EventBatch(
            self.user[events],
            self.hashes[self.item[events]],
            self.kind[events],
            self.value[events],
            self.time[events],
            self.positive[events],
        )
