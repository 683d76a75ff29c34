"""The item hop as a pure fold: (rows, feedback and announcements) to rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from agents.announcements import unpack_announcement
from agents.records import Internal, Kind
from agents.rows import ItemRow, Stamp
from agents.served import Served
from models.feedback import Feedback
from models.item_states import ItemStates


@dataclass(slots=True)
class ItemFold:
    """The rows that a run changed or sends again, in order of first appearance."""

    rows: dict[str, bytes]
    redelivered: int


def fold_items(
    learner: Served, rows: Mapping[str, bytes | None], arrivals: Sequence[tuple[str, Internal]]
) -> ItemFold:
    """Fold a run of `item-feedback` records, as (item_id, record), into their items' rows.

    A record at or below its row's offset for its source (topic and partition of the user hop)
    changes nothing. Of announcements the one with the largest (broker time, partition, offset)
    wins.

    Raises
    ------
    CodecError
        If the bytes of a row or of a record cannot be read.

    """
    items = list(rows)
    place_of = {item: place for place, item in enumerate(items)}
    unpacked = [_row(item, rows[item]) for item in items]
    index: list[int] = []
    bodies: list[bytes] = []
    redelivered = 0
    for item_id, record in arrivals:
        row = unpacked[place_of[item_id]]
        row.created_ms = min(row.created_ms, record.place.broker_ms)
        if record.kind is not Kind.ADAPTATION:
            _announce(row, record)
        elif _admit(row, record):
            index.append(place_of[item_id])
            bodies.append(record.body)
        else:
            redelivered += 1
    states = ItemStates.unpack([row.payload for row in unpacked])
    after = learner.adapt_items(states, np.array(index, dtype=np.int32), Feedback.unpack(bodies))
    for row, payload in zip(unpacked, after.pack(), strict=True):
        row.payload = payload
    return ItemFold({row.item_id: row.pack() for row in unpacked}, redelivered)


def _row(item_id: str, row: bytes | None) -> ItemRow:
    return ItemRow(item_id) if row is None else ItemRow.unpack(row)


def _admit(row: ItemRow, record: Internal) -> bool:
    """Move the row's offset for the record's source; False if the record was applied before."""
    source = (int(record.place.topic), record.place.partition)
    if record.place.offset <= row.sources.get(source, -1):
        return False
    row.sources[source] = record.place.offset
    return True


def _announce(row: ItemRow, record: Internal) -> None:
    """Take an announcement or a withdrawal unless a later one is known."""
    place = record.place
    stamp = Stamp(place.broker_ms, place.partition, place.offset)
    if stamp <= row.announcement_stamp:
        return
    row.announcement_stamp = stamp
    row.withdrawn = record.kind is Kind.WITHDRAWAL
    row.announced = not row.withdrawn
    row.available = unpack_announcement(record.body).available
    row.announcement = record.body
