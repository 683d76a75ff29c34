"""Users' rows: what the fold keeps, what the bytes hold."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import CodecError
from models.events import EventBatch
from models.limits import HAD, RING
from models.mixture import Mixture
from models.user_states import UserStates

EVENT = st.tuples(
    st.integers(0, 3),
    st.integers(1, 2**64 - 1),
    st.integers(0, 255),
    st.one_of(st.none(), st.floats(-1e6, 1e6, width=32)),
    st.integers(0, 2**45),
    st.booleans(),
)


def batch(events):
    """Events as columns."""
    return EventBatch.of(*(zip(*events, strict=True) if events else [[]] * 6))


def adapt(states, events):
    """What the user hop makes of states and events."""
    return Mixture().adapt(states, batch(events), Mixture().catalogue())


def plain_fold(events):
    """The fold as anyone would write it down."""
    ring, had = [], []
    for _, item, kind, value, time, liked in events:
        ring = [
            *ring,
            (item, time, str(np.float32(np.nan if value is None else value)), kind, liked),
        ]
        if item >> 32 not in had:
            had = [*had, item >> 32][-HAD:]
    return {"events": len(events), "ring": ring[-RING:], "had": had}


@given(st.lists(EVENT, max_size=160))
@settings(max_examples=60, deadline=None)
def test_the_fold_keeps_ring_set_and_count(events):
    """Ring, set and count are those of a plain fold, for each user among others."""
    states, _ = adapt(UserStates.initial(4), events)
    for user in range(4):
        facts = states.facts(user)
        del facts["version"], facts["fast"]
        assert facts == plain_fold([event for event in events if event[0] == user])


@given(st.lists(EVENT, max_size=120))
@settings(max_examples=60, deadline=None)
def test_rows_survive_their_bytes(events):
    """Unpacked rows hold what was packed, and are packed to the same bytes."""
    states, _ = adapt(UserStates.initial(4), events)
    rows = states.pack()
    again = UserStates.unpack(rows)
    assert [again.facts(user) for user in range(4)] == [states.facts(user) for user in range(4)]
    assert again.pack() == rows
    assert again.count.tolist() == states.count.tolist()


def test_a_new_user_needs_no_row():
    """None and no bytes are users of whom nothing is known, and rows stay small."""
    states = UserStates.unpack([None, b""])
    assert states.count.tolist() == [0, 0]
    assert [len(row) for row in states.pack()] == [18, 18]


def test_the_set_forgets_the_oldest():
    """Of more items than the set holds the first are forgotten, and a row stays bounded."""
    many = HAD + 10
    events = [(0, (number + 1) << 32, 0, None, number, True) for number in range(many)]
    states, _ = adapt(UserStates.initial(1), events)
    assert states.facts(0)["had"] == list(range(11, many + 1))
    assert len(states.pack()[0]) == 18 + 22 * RING + 4 * HAD


def test_a_repeated_item_is_had_once():
    """The set holds no item twice, however often it comes."""
    states, _ = adapt(UserStates.initial(1), [(0, 7 << 32, 0, None, 0, True)] * 3)
    assert states.facts(0)["had"] == [7]
    assert states.count.tolist() == [3]


@given(st.binary(min_size=1, max_size=300))
def test_any_bytes_are_a_row_or_refused(row):
    """Bytes that are no row are refused as such, never read as something else."""
    try:
        states = UserStates.unpack([row])
    except CodecError:
        return
    assert states.pack() == [row]


def test_a_damaged_row_is_refused():
    """A row cut short, one too long and one of another codec are named."""
    states, _ = adapt(UserStates.initial(1), [(0, 7 << 32, 0, None, 0, True)])
    row = states.pack()[0]
    for broken in (row[:-1], row + b"\0", b"\xff" + row[1:], row[:9]):
        with pytest.raises(CodecError):
            UserStates.unpack([row, broken])


def test_profiles_go_with_their_users():
    """Through choosing, folding and making room; states without any have none."""
    states = UserStates(UserStates.initial(2).columns, ({"age": 30}, None))
    assert states.take([1, 0, 0]).profiles == (None, {"age": 30}, {"age": 30})
    after, _ = adapt(states, [(0, 1, 1, None, 0, True)])
    assert after.profiles == states.with_room(np.ones(2, np.int64)).profiles == states.profiles
    assert UserStates.initial(2).take([1]).profiles == ()
