"""Rows of a table: read here and now, written locally only when their changelog is acknowledged.

Contains: with the stock table the local store runs ahead of its changelog, and after a crash rows
exist that no successor ever sees (52 of 20,000 after three kills); and each write costs 190 µs. A
RowStore reads the local store under an overlay of what is on its way; the local store takes a batch
of rows and its changelog offset in one write, after the acknowledgement.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol, cast

import faust
import rocksdict
from faust.types import TP, EventT

from stream.claim import CLAIM_KEY
from stream.errors import StateError
from stream.faustfix import FAUST_LOG

Row = tuple[bytes, bytes | None]  # None deletes

# The changelog is the log: after a crash a database comes back as at its last flush, rows and
# offset together, and the rest is read again (at most 24 MB a partition). Saves 2 of 5 µs per row.
_WITHOUT_LOG = rocksdict.WriteOptions()
_WITHOUT_LOG.disable_wal = True  # type: ignore[method-assign,assignment]  # its stub is wrong

# Where Faust keeps the changelog offset of a partition, in the partition's own database.
_OFFSET_KEY = b"__faust\0offset__"


class Size(NamedTuple):
    """Rows and their bytes; RocksDB estimates both."""

    rows: int
    bytes: int


class LocalRows(Protocol):
    """The local rows of one partition, and the changelog offset up to which they hold."""

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """One value per key, None where there is none."""

    def write(self, rows: Iterable[Row], offset: int) -> None:
        """Take rows and offset, both or neither."""

    def offset(self) -> int | None:
        """The changelog offset of the last row taken; None before the first."""

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Every row."""

    def size(self) -> Size:
        """How large the partition is, at little cost."""


class MemoryRows:
    """Rows in a dict; gone with the process, then read again from the changelog."""

    def __init__(self) -> None:
        self._rows: dict[bytes, bytes] = {}
        self._bytes = 0
        self._offset: int | None = None

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """One value per key, None where there is none."""
        return [self._rows.get(key) for key in keys]

    def write(self, rows: Iterable[Row], offset: int) -> None:
        """Take rows and offset."""
        for key, value in rows:
            old = self._rows.pop(key, None)
            self._bytes -= 0 if old is None else len(key) + len(old)
            if value is not None:
                self._rows[key] = value
                self._bytes += len(key) + len(value)
        self._offset = offset

    def offset(self) -> int | None:
        """The changelog offset of the last row taken."""
        return self._offset

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Every row, as of now."""
        return iter(list(self._rows.items()))

    def size(self) -> Size:
        """Rows, and the bytes of their keys and values."""
        return Size(len(self._rows), self._bytes)


class RocksRows:
    """Rows in a RocksDB of their own, opened and closed by Faust."""

    def __init__(self, db: rocksdict.Rdict) -> None:
        self._db = db

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """One value per key, None where there is none."""
        return cast("list[bytes | None]", self._db.get(list(keys))) if keys else []

    def write(self, rows: Iterable[Row], offset: int) -> None:
        """Take rows and offset in one write batch."""
        batch = rocksdict.WriteBatch(raw_mode=True)
        for key, value in rows:
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        batch.put(_OFFSET_KEY, b"%d" % offset)
        self._db.write(batch, _WITHOUT_LOG)

    def offset(self) -> int | None:
        """The changelog offset of the last row taken."""
        stored = self._db.get(_OFFSET_KEY)
        return None if stored is None else int(stored)

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Every row, as of now."""
        pairs = cast("Iterator[tuple[bytes, bytes]]", self._db.items())
        return ((key, value) for key, value in pairs if key != _OFFSET_KEY)

    def size(self) -> Size:
        """RocksDB's estimates: rows that were overwritten lately may count twice."""
        rows, files, memory = (
            self._db.property_int_value(f"rocksdb.{name}") or 0
            for name in ("estimate-num-keys", "live-sst-files-size", "cur-size-all-mem-tables")
        )
        return Size(rows, files + memory)


class RowStore:
    """The rows of one table, by partition; keys and values are bytes."""

    def __init__(
        self, name: str, topic: str, partitions: int, local: Callable[[int], LocalRows]
    ) -> None:
        """`local`: gives the local rows of a partition; asked anew each time, never kept."""
        self.name = name
        self.topic = topic
        self.partitions = partitions
        self._local = local
        self._owned: frozenset[int] = frozenset()
        # Per partition, per key: the value on its way and the submission that sends it.
        self._overlay: dict[int, dict[bytes, tuple[bytes | None, object]]] = {}
        self._restored: dict[int, int] = {}
        #: To hold from reading rows to submitting them, where something is awaited in between:
        #: several intakes may write to one table, and would overwrite each other's rows.
        self.lock = asyncio.Lock()

    def get_many(self, partition: int, keys: Sequence[bytes]) -> list[bytes | None]:
        """The newest value for each key, sent or still on its way; None where there is none."""
        if partition not in self._owned:
            return [None] * len(keys)  # for a run of an older epoch, whose work will be dropped
        overlay = self._overlay.get(partition)
        if not overlay:
            return self._local(partition).get_many(keys)
        stored = iter(self._local(partition).get_many([k for k in keys if k not in overlay]))
        return [overlay[key][0] if key in overlay else next(stored) for key in keys]

    def get(self, partition: int, key: bytes) -> bytes | None:
        """The newest value for one key."""
        return self.get_many(partition, [key])[0]

    def scan(self, partition: int) -> Iterator[tuple[bytes, bytes]]:
        """Every row of a partition in its newest value, in no particular order."""
        if partition not in self._owned:
            return
        overlay = dict(self._overlay.get(partition, {}))
        for key, value in self._local(partition).items():
            if key not in overlay:
                yield key, value
        for key, (newest, _) in overlay.items():
            if newest is not None:
                yield key, newest

    def size(self) -> Size:
        """All rows that are stored here, of the partitions that this worker owns."""
        sizes = [self._local(partition).size() for partition in self._owned]
        return Size(sum(size.rows for size in sizes), sum(size.bytes for size in sizes))

    def owned(self) -> frozenset[int]:
        """The partitions that this worker owns and has recovered."""
        return self._owned

    def own(self, partitions: Iterable[int]) -> None:
        """These partitions, and no others, are owned and recovered."""
        self._owned = frozenset(partitions)

    def offset(self, partition: int) -> int | None:
        """The changelog offset up to which the local rows hold; None if there are none."""
        return self._local(partition).offset()

    def hold(self, partition: int, rows: Sequence[Row], token: object) -> None:
        """Let reads see `rows`, which `token` is about to send."""
        overlay = self._overlay.setdefault(partition, {})
        overlay.update((key, (value, token)) for key, value in rows)

    def applied(self, partition: int, rows: Sequence[Row], first: int, token: object) -> None:
        """The changelog took `rows` at offsets from `first` on: write them locally.

        Raises StateError if the offset does not follow the last one: someone else writes to this
        partition, and what is here may be older than what is there.
        """
        local = self._local(partition)
        last = local.offset()
        if last is not None and first != last + 1:
            raise StateError(
                f"{self.topic}[{partition}]: expected the next row at offset {last + 1}, it came at"
                f" {first}. Another writer is at work there; this worker stops."
            )
        local.write(rows, first + len(rows) - 1)
        overlay = self._overlay.get(partition, {})
        for key, _ in rows:
            held = overlay.get(key)
            if held is not None and held[1] is token:
                del overlay[key]

    def restore(self, partition: int, rows: Sequence[Row], offset: int) -> None:
        """Take rows that were read from the changelog, the last of them at `offset`."""
        kept = [row for row in rows if row[0] != CLAIM_KEY]
        self._local(partition).write(kept, offset)
        self._restored[partition] = self._restored.get(partition, 0) + len(kept)

    def restored(self) -> int:
        """How many changelog records were read since the last call."""
        count = sum(self._restored.values())
        self._restored.clear()
        return count

    def forget_overlay(self) -> None:
        """What was on its way belongs to an older epoch."""
        self._overlay.clear()
        self._owned = frozenset()


class RowTable(faust.Table[bytes, bytes]):
    """A Faust table whose recovery writes into a RowStore."""

    logger = FAUST_LOG

    rows: RowStore

    def persisted_offset(self, tp: TP) -> int | None:
        """Where recovery may begin: after this changelog offset."""
        return self.rows.offset(tp.partition)

    def apply_changelog_batch(self, batch: Iterable[EventT[Any]]) -> None:
        """Take changelog events that came one by one."""
        for event in batch:
            message = event.message
            self.rows.restore(
                message.partition, [(message.key or b"", message.value)], message.offset
            )


class MemoryBackend:
    """Memory rows for each partition of one table, dropped when the partition goes."""

    def __init__(self) -> None:
        self._partitions: dict[int, MemoryRows] = {}

    def __call__(self, partition: int) -> MemoryRows:
        """The rows of `partition`."""
        return self._partitions.setdefault(partition, MemoryRows())

    def keep_only(self, partitions: Iterable[int]) -> None:
        """Drop the rows of all other partitions: another worker writes them now."""
        kept = set(partitions)
        for gone in set(self._partitions) - kept:
            del self._partitions[gone]


def rocks_backend(table: RowTable) -> Callable[[int], RocksRows]:
    """Gives the RocksDB of a partition, as Faust holds it open."""

    def local(partition: int) -> RocksRows:
        return RocksRows(table.data._db_for_partition(partition))  # type: ignore[attr-defined]  # noqa: SLF001

    return local


def rocks_options() -> dict[str, int]:
    """Sizes for one table's databases, each partition's in bytes; a new dict for each table.

    Faust changes the dict in place, and its default block cache may grow to 2 GiB per partition.
    """
    return {
        "block_cache_size": 16 << 20,
        "write_buffer_size": 8 << 20,
        "max_write_buffer_number": 3,
    }
