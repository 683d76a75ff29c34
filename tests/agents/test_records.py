"""Internal records survive their bytes, and bad bytes are refused by name."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.records import Internal, Kind, Place, TopicCode
from stream.errors import CodecError

places = st.builds(
    Place,
    st.sampled_from(TopicCode),
    st.integers(0, 2**31 - 1),
    st.integers(0, 2**63 - 1),
    st.integers(0, 2**63 - 1),
)
records = st.builds(Internal, st.sampled_from(Kind), places, st.binary(max_size=64), st.booleans())


@given(records)
def test_a_record_survives_its_bytes(record: Internal) -> None:
    """What was packed is what is unpacked."""
    assert Internal.unpack(record.pack()) == record


@given(st.binary(max_size=80))
def test_foreign_bytes_are_read_or_refused_by_name(value: bytes) -> None:
    """Whatever bytes come, they are a record or a CodecError, nothing else."""
    with suppress(CodecError):
        assert Internal.unpack(value).pack()[3:] == value[3:]


@given(records, st.integers(2, 255))
def test_another_version_is_refused(record: Internal, version: int) -> None:
    """A record of a later layout is refused and says so."""
    with pytest.raises(CodecError, match="version 1"):
        Internal.unpack(bytes([version]) + record.pack()[1:])
