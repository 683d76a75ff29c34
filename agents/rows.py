"""Rows of both tables: what the stream's guarantees need, then the learner's own bytes."""

from dataclasses import dataclass, field
from struct import Struct, unpack_from
from struct import error as struct_error
from typing import Final, NamedTuple

from agents.records import Place, TopicCode
from stream.errors import CodecError

VERSION: Final = 1
EVENT_IDS_KEPT: Final = 16
_USER: Final = Struct("<BBBxHHiqqqiq")
_ITEM: Final = Struct("<BBHHHqqiq")
_OFFSET: Final = Struct("<iq")
_SOURCE: Final = Struct("<iiq")
_ANNOUNCED: Final = 1
_WITHDRAWN: Final = 2
_UNAVAILABLE: Final = 4


class Stamp(NamedTuple):
    """The order among announcements or profiles of one id: the largest wins."""

    broker_ms: int
    partition: int
    offset: int


NO_STAMP: Final = Stamp(-1, -1, -1)


@dataclass(slots=True)
class UserRow:
    """A user's row without the learner's part taken apart.

    `offsets` maps a partition of `events` to the last applied offset; `source` is the last applied
    record of any topic; `event_ids` are 64-bit hashes of the ids of the last events that had one,
    oldest first.
    """

    offsets: dict[int, int] = field(default_factory=dict)
    source: Place | None = None
    event_ids: tuple[int, ...] = ()
    profile: bytes = b""
    profile_stamp: Stamp = NO_STAMP
    payload: bytes | None = None

    def pack(self) -> bytes:
        """Return the row's bytes."""
        source = self.source
        offsets = self.offsets
        head = _USER.pack(
            VERSION,
            source.topic if source else 0,
            len(self.event_ids),
            len(offsets),
            len(self.profile),
            source.partition if source else 0,
            source.offset if source else 0,
            source.broker_ms if source else 0,
            *self.profile_stamp,
        )
        parts = [head]
        parts.extend(_OFFSET.pack(*item) for item in sorted(offsets.items()))
        parts.append(Struct(f"<{len(self.event_ids)}Q").pack(*self.event_ids))
        parts.append(self.profile)
        parts.append(self.payload or b"")
        return b"".join(parts)

    @classmethod
    def unpack(cls, row: bytes | None) -> "UserRow":
        """Read the bytes that `pack` wrote; None gives the row of an unknown user.

        Raises
        ------
        CodecError
            If the bytes are cut short or of another version.

        """
        if row is None:
            return cls()
        _check_version(row, "user")
        try:
            (_, topic, ids, count, profile_size, partition, offset, broker_ms, *stamp) = (
                _USER.unpack_from(row)
            )
            at = _USER.size + count * _OFFSET.size
            offsets = dict(_OFFSET.iter_unpack(row[_USER.size : at]))
            event_ids = unpack_from(f"<{ids}Q", row, at)
        except struct_error as exc:
            raise CodecError(f"a user row of {len(row)} bytes is cut short") from exc
        at += 8 * ids
        source = Place(TopicCode(topic), partition, offset, broker_ms) if topic else None
        profile = row[at : at + profile_size]
        payload = row[at + profile_size :] or None
        return cls(offsets, source, event_ids, profile, Stamp(*stamp), payload)


@dataclass(slots=True)
class ItemRow:
    """An item's row without the learner's part taken apart.

    `sources` maps (topic code, partition) of the user hop's records to the last applied offset;
    `created_ms` is the smallest broker time of all records applied, so that it is the same in
    whatever order they came; `announcement` is the packed announcement (at most 8 kB).
    """

    item_id: str
    sources: dict[tuple[int, int], int] = field(default_factory=dict)
    created_ms: int = 2**62
    announced: bool = False
    withdrawn: bool = False
    available: bool = True
    announcement: bytes = b""
    announcement_stamp: Stamp = NO_STAMP
    payload: bytes | None = None

    @property
    def listed(self) -> bool:
        """Whether the item may stand in lists."""
        return self.available and not self.withdrawn

    def pack(self) -> bytes:
        """Return the row's bytes."""
        item_id = self.item_id.encode()
        flags = (
            (_ANNOUNCED if self.announced else 0)
            | (_WITHDRAWN if self.withdrawn else 0)
            | (0 if self.available else _UNAVAILABLE)
        )
        head = _ITEM.pack(
            VERSION,
            flags,
            len(item_id),
            len(self.sources),
            len(self.announcement),
            self.created_ms,
            *self.announcement_stamp,
        )
        sources = [
            _SOURCE.pack(topic, partition, offset)
            for (topic, partition), offset in sorted(self.sources.items())
        ]
        return b"".join([head, item_id, *sources, self.announcement, self.payload or b""])

    @classmethod
    def unpack(cls, row: bytes) -> "ItemRow":
        """Read the bytes that `pack` wrote.

        Raises
        ------
        CodecError
            If the bytes are cut short or of another version.

        """
        _check_version(row, "item")
        try:
            _, flags, id_size, count, size, created_ms, *stamp = _ITEM.unpack_from(row)
            at = _ITEM.size + id_size
            item_id = row[_ITEM.size : at].decode()
            end = at + count * _SOURCE.size
            sources = {(t, p): o for t, p, o in _SOURCE.iter_unpack(row[at:end])}
        except (struct_error, UnicodeDecodeError) as exc:
            raise CodecError(f"an item row of {len(row)} bytes is cut short") from exc
        return cls(
            item_id,
            sources,
            created_ms,
            announced=bool(flags & _ANNOUNCED),
            withdrawn=bool(flags & _WITHDRAWN),
            available=not flags & _UNAVAILABLE,
            announcement=row[end : end + size],
            announcement_stamp=Stamp(*stamp),
            payload=row[end + size :] or None,
        )


def _check_version(row: bytes, whose: str) -> None:
    if row[:1] != bytes([VERSION]):
        raise CodecError(f"this release reads {whose} rows of version {VERSION}; got {row[:1]!r}")
