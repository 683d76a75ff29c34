"""RowStore: one set of tests on memory and on a real RocksDB."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import rocksdict
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.claim import CLAIM_KEY
from stream.errors import StateError
from stream.tables import LocalRows, MemoryRows, RocksRows, RowStore

Open = Callable[[], LocalRows]


@pytest.fixture(params=["memory", "rocksdb"])
def local(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LocalRows]:
    """The local rows of partition 0 in either store."""
    if request.param == "memory":
        yield MemoryRows()
        return
    db = rocksdict.Rdict(str(tmp_path / "rows.db"), rocksdict.Options(raw_mode=True))
    yield RocksRows(db)
    db.close()


@pytest.fixture
def store(local: LocalRows) -> RowStore:
    """A store that owns partition 0."""
    return recovered(local)


def recovered(local: LocalRows) -> RowStore:
    """A store that owns partition 0 of these rows."""
    rows = RowStore("users", "user-rows", 1, lambda _: local)
    rows.own([0])
    return rows


def test_sizes_follow_what_is_written(local: LocalRows) -> None:
    """Of the partitions that are owned; RocksDB counts its own bookkeeping too."""
    store = recovered(local)
    local.write([(b"r1", b"x" * 1000), (b"r2", b"y")], 1)
    rows, used = store.size()
    assert rows in {2, 3}
    assert used >= 1005
    local.write([(b"r2", None), (b"r1", b"z")], 3)
    if isinstance(local, MemoryRows):
        assert store.size() == (1, 3)
    store.own([])
    assert store.size() == (0, 0)


class TestReads:
    def test_nothing_at_first(self, store: RowStore) -> None:
        """Unknown keys give None, in the place of their key."""
        assert store.get_many(0, [b"r1", b"r2"]) == [None, None]
        assert store.get_many(0, []) == []
        assert list(store.scan(0)) == []

    def test_a_row_is_read_as_soon_as_it_is_on_its_way(self, store: RowStore) -> None:
        """The overlay answers before the changelog does; the local store knows nothing yet."""
        store.hold(0, [(b"r1", b"new")], "run")
        assert store.get_many(0, [b"r2", b"r1"]) == [None, b"new"]
        assert store.offset(0) is None

    def test_a_partition_that_is_not_owned_reads_as_empty(self, local: LocalRows) -> None:
        """A run of an older epoch may still be folding; its work will be dropped."""
        local.write([(b"r1", b"old")], 0)
        store = RowStore("users", "user-rows", 1, lambda _: local)
        assert store.get(0, b"r1") is None
        assert list(store.scan(0)) == []


class TestWrites:
    def test_acknowledged_rows_and_their_offset_arrive_together(
        self, store: RowStore, local: LocalRows
    ) -> None:
        """The local store holds the rows and the changelog offset of the last one."""
        rows = [(b"r1", b"a"), (b"r2", b"b")]
        store.hold(0, rows, "run")
        store.applied(0, rows, 5, "run")
        assert local.get_many([b"r1", b"r2"]) == [b"a", b"b"]
        assert local.offset() == 6

    def test_a_newer_row_stays_in_the_overlay(self, store: RowStore, local: LocalRows) -> None:
        """The acknowledgement of an older row does not uncover it again."""
        store.hold(0, [(b"r1", b"old")], "first")
        store.hold(0, [(b"r1", b"new")], "second")
        store.applied(0, [(b"r1", b"old")], 0, "first")
        assert store.get(0, b"r1") == b"new"
        assert local.get_many([b"r1"]) == [b"old"]

    def test_null_deletes(self, store: RowStore) -> None:
        """On its way and after the acknowledgement."""
        store.hold(0, [(b"r1", b"a")], 1)
        store.applied(0, [(b"r1", b"a")], 0, 1)
        store.hold(0, [(b"r1", None)], 2)
        assert store.get(0, b"r1") is None
        assert list(store.scan(0)) == []
        store.applied(0, [(b"r1", None)], 1, 2)
        assert store.get(0, b"r1") is None

    def test_scan_gives_each_row_once_in_its_newest_value(self, store: RowStore) -> None:
        """Overlay over local store."""
        store.restore(0, [(b"r1", b"a"), (b"r2", b"b")], 1)
        store.hold(0, [(b"r2", b"B"), (b"r3", b"c")], "run")
        assert dict(store.scan(0)) == {b"r1": b"a", b"r2": b"B", b"r3": b"c"}

    def test_a_foreign_write_is_noticed(self, store: RowStore, local: LocalRows) -> None:
        """An acknowledged offset that does not follow the last one names partition and offsets."""
        store.restore(0, [(b"r1", b"a")], 4)
        with pytest.raises(StateError, match=r"user-rows\[0\].*offset 5.*came at 7"):
            store.applied(0, [(b"r1", b"b")], 7, "run")
        assert local.get_many([b"r1"]) == [b"a"]


class TestRecovery:
    def test_claims_are_not_rows(self, store: RowStore, local: LocalRows) -> None:
        """A claim moves the offset and leaves no row."""
        store.restore(0, [(b"r1", b"a"), (CLAIM_KEY, None)], 1)
        assert dict(store.scan(0)) == {b"r1": b"a"}
        assert local.offset() == 1

    def test_the_overlay_goes_with_the_epoch(self, store: RowStore) -> None:
        """What was on its way was perhaps never sent."""
        store.restore(0, [(b"r1", b"a")], 0)
        store.hold(0, [(b"r1", b"b")], "run")
        store.forget_overlay()
        store.own([0])
        assert store.get(0, b"r1") == b"a"

    def test_restored_rows_are_counted_once(self, store: RowStore) -> None:
        """For the line in the log."""
        store.restore(0, [(b"r1", b"a"), (b"r2", b"b")], 1)
        assert (store.restored(), store.restored()) == (2, 0)


keys = st.sampled_from([b"r1", b"r2", b"r3"])
writes = st.lists(st.tuples(keys, st.none() | st.binary(max_size=3)), min_size=1, max_size=4)


@settings(max_examples=60)
@given(plan=st.lists(st.tuples(writes, st.booleans()), max_size=8))
def test_memory_and_rocksdb_agree(
    plan: list[tuple[list[tuple[bytes, bytes | None]], bool]],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Whatever is held and acknowledged, both stores read alike and as a plain dict would."""
    path = tmp_path_factory.mktemp("db") / "rows.db"
    db = rocksdict.Rdict(str(path), rocksdict.Options(raw_mode=True))
    stores = [recovered(MemoryRows()), recovered(RocksRows(db))]
    model: dict[bytes, bytes | None] = {}
    offset = 0
    for token, (rows, acknowledged) in enumerate(plan):
        model.update(rows)
        for store in stores:
            store.hold(0, rows, token)
            if acknowledged:
                store.applied(0, rows, offset, token)
        offset += len(rows) if acknowledged else 0
    wanted = [model.get(key) for key in (b"r1", b"r2", b"r3")]
    for store in stores:
        assert store.get_many(0, [b"r1", b"r2", b"r3"]) == wanted
        assert dict(store.scan(0)) == {k: v for k, v in model.items() if v is not None}
    db.close()
