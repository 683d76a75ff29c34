"""Windows of events that are predicted together."""

from itertools import pairwise

import numpy as np
import pytest

from models.evaluation.windows import window_starts


@pytest.mark.parametrize(("size", "users"), [(1, 5), (4, 3), (64, 30), (64, 1)])
def test_a_window_is_short_and_never_holds_two_events_of_one_user(size: int, users: int) -> None:
    """And it is as long as that allows; together they are all events, in order."""
    user = np.random.default_rng(0).integers(0, users, 500).astype(np.int32)
    starts = window_starts(user, 100, 500, size)
    assert (starts[0], starts[-1]) == (100, 500)
    assert (np.diff(starts) > 0).all()
    for first, stop in pairwise(starts.tolist()):
        window = user[first:stop].tolist()
        assert len(set(window)) == len(window) <= size
        assert stop == 500 or len(window) == size or user[stop] in window


def test_no_events_make_no_window() -> None:
    """Only the end is left."""
    assert window_starts(np.zeros(3, dtype=np.int32), 3, 3, 64).tolist() == [3]
