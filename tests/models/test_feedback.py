"""Feedback records: what an event tells its item, and their bytes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import CodecError
from models.feedback import Feedback
from models.limits import RING
from models.mixture import Mixture
from models.samples import sample_events


def test_a_record_names_what_came_before():
    """Predecessors come newest first, with a bit for each that was liked."""
    mixture, events = Mixture(), sample_events(70, users=1)
    _, feedback = mixture.adapt(mixture.initial(1), events, mixture.catalogue())
    record = feedback.columns
    for place in (0, 3, 69):
        before = slice(max(place - RING, 0), place)
        assert record.size[place] == min(place, RING)
        assert record.earlier[place] == place
        items = record.before[place, : record.size[place]]
        assert items[::-1].tolist() == events.item[before].tolist()
        liked = [int(record.before_liked[place]) >> age & 1 for age in range(record.size[place])]
        assert liked[::-1] == events.positive[before].tolist()
    assert record.time.tolist() == events.time.tolist()
    assert feedback.item.tolist() == events.item.tolist()


def test_records_survive_their_bytes():
    """Unpacked records are packed to the same bytes, 32 and 8 for each predecessor."""
    mixture = Mixture()
    _, feedback = mixture.adapt(mixture.initial(3), sample_events(90, users=3), mixture.catalogue())
    records = feedback.pack()
    assert Feedback.unpack(records).pack() == records
    assert [len(record) for record in records] == (32 + 8 * feedback.columns.size).tolist()


def test_no_records_are_no_records():
    """An empty run makes an empty batch."""
    assert len(Feedback.unpack([])) == 0
    assert Feedback.unpack([]).pack() == []


@given(st.binary(max_size=200))
def test_any_bytes_are_a_record_or_refused(record):
    """Bytes that are no record are refused as such."""
    try:
        feedback = Feedback.unpack([record])
    except CodecError:
        return
    assert feedback.pack() == [record]


def test_a_damaged_record_is_refused():
    """A record cut short and one of another codec are named."""
    mixture = Mixture()
    _, feedback = mixture.adapt(mixture.initial(1), sample_events(9, users=1), mixture.catalogue())
    record = feedback.pack()[-1]
    for broken in (record[:-1], b"\xff" + record[1:], np.array([1]).tobytes()):
        with pytest.raises(CodecError):
            Feedback.unpack([broken])
