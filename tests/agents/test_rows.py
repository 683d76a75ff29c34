"""Rows survive their bytes, and bad bytes are refused by name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.records import Place, TopicCode
from agents.rows import ItemRow, Stamp, UserRow
from stream.errors import CodecError

int32 = st.integers(0, 2**31 - 1)
int64 = st.integers(0, 2**62)
stamps = st.builds(Stamp, int64, int32, int64)
user_rows = st.builds(
    UserRow,
    offsets=st.dictionaries(int32, int64, max_size=5),
    source=st.none() | st.builds(Place, st.sampled_from(TopicCode), int32, int64, int64),
    event_ids=st.lists(st.integers(0, 2**64 - 1), max_size=16).map(tuple),
    profile=st.binary(max_size=50),
    profile_stamp=stamps,
    payload=st.none() | st.binary(min_size=1, max_size=50),
)
item_rows = st.builds(
    ItemRow,
    item_id=st.text(min_size=1, max_size=30),
    sources=st.dictionaries(st.tuples(st.sampled_from([1, 3]), int32), int64, max_size=5),
    created_ms=int64,
    announced=st.booleans(),
    withdrawn=st.booleans(),
    available=st.booleans(),
    announcement=st.binary(max_size=50),
    announcement_stamp=stamps,
    payload=st.none() | st.binary(min_size=1, max_size=50),
)


@given(user_rows)
def test_a_user_row_survives_its_bytes(row: UserRow) -> None:
    """What was packed is what is unpacked."""
    assert UserRow.unpack(row.pack()) == row


@given(item_rows)
def test_an_item_row_survives_its_bytes(row: ItemRow) -> None:
    """What was packed is what is unpacked."""
    assert ItemRow.unpack(row.pack()) == row


@pytest.mark.parametrize("unpack", [UserRow.unpack, ItemRow.unpack])
def test_a_row_of_another_version_is_refused(unpack) -> None:  # type: ignore[no-untyped-def]
    """A row of a later layout is refused and says so."""
    with pytest.raises(CodecError, match="version 1"):
        unpack(b"\x09" + bytes(100))


@pytest.mark.parametrize("unpack", [UserRow.unpack, ItemRow.unpack])
def test_a_row_cut_short_is_refused(unpack) -> None:  # type: ignore[no-untyped-def]
    """A row that lost its end is refused, not read as something else."""
    with pytest.raises(CodecError, match="cut short"):
        unpack(b"\x01" + bytes(5))
