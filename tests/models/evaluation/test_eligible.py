"""Which items a list may hold at an event, and where a target stands among them."""

import numpy as np
import pytest
from support.histories import history, random_history

from models.evaluation.eligible import Eligible
from models.limits import HAD

ALL = np.ones(1, dtype=np.bool_)


def at(event: int) -> np.ndarray:
    """The window of one event."""
    return np.array([event], dtype=np.int64)


def place(eligible: Eligible, event: int, scores: list[float]) -> tuple[int, int]:
    """Better items and ties of one event's item."""
    better, ties = eligible.place(at(event), ALL, np.array([scores], dtype=np.float32))
    return int(better[0]), int(ties[0])


def test_items_are_known_from_their_first_event_or_their_announcement_on() -> None:
    """Whichever comes first; the event itself does not make its item known."""
    data = history(
        [0, 1, 2], [0, 1, 2], time=[10, 20, 30], announced=[10**9, 10**9, 20, 10], items=4
    )
    eligible = Eligible.of(data, repeats=False)
    assert eligible.known(0).tolist() == [False, False, False, True]
    assert eligible.known(1).tolist() == [True, False, True, True]
    assert eligible.known(2).tolist() == [True, True, True, True]


def test_what_the_user_has_had_is_left_out_unless_repeats_are_allowed() -> None:
    """A target that was had may not be listed; other had items do not count."""
    data = history([0, 1, 0, 0], [0, 1, 2, 0])
    strict, free = Eligible.of(data, repeats=False), Eligible.of(data, repeats=True)
    assert place(strict, 3, [1, 2, 3]) == (-1, 0)
    assert place(free, 3, [1, 2, 3]) == (2, 0)
    assert place(strict, 2, [5, 4, 3]) == (-1, 0)  # item 2 is not known yet
    data = history([0, 1, 1, 0], [0, 1, 2, 2])
    assert place(Eligible.of(data, repeats=False), 3, [9, 2, 1]) == (1, 0)


def test_nan_scores_flatter_nobody() -> None:
    """They count as the worst there is."""
    data = history([0, 0, 0, 1], [0, 1, 2, 1])
    eligible = Eligible.of(data, repeats=False)
    assert place(eligible, 3, [1, np.nan, np.nan]) == (1, 1)
    assert place(eligible, 3, [np.nan, 0, 5]) == (1, 0)


@pytest.mark.parametrize("repeats", [True, False])
def test_places_are_those_of_a_plain_count(repeats: bool) -> None:
    """On random events and scores with many ties, in windows of several users."""
    data = random_history(400, 10, 30)
    eligible = Eligible.of(data, repeats=repeats)
    draw = np.random.default_rng(0)
    for first in range(0, 390, 7):
        window = np.arange(first, first + 5)
        targets = draw.random(5) < 0.7
        scores = draw.integers(0, 5, (targets.sum(), 30)).astype(np.float32)
        better, ties = eligible.place(window, targets, scores)
        for row, event in enumerate(window[targets]):
            before = data.user[:event] == data.user[event]
            had = set() if repeats else set(data.item[:event][before].tolist())
            listed = [j for j in set(data.item[:first].tolist()) if j not in had]
            mine = data.item[event]
            if mine not in listed:
                assert better[row] == -1
                continue
            assert better[row] == sum(scores[row, j] > scores[row, mine] for j in listed)
            assert ties[row] == sum(scores[row, j] == scores[row, mine] for j in listed) - 1


def test_the_set_of_items_had_forgets_like_the_worker_s() -> None:
    """The oldest leaves when one more than HAD has come; it may be listed again."""
    item = [*range(HAD + 1), 1, 0]
    eligible = Eligible.of(history([0] * len(item), item), repeats=False)
    assert len(eligible.had(HAD)) == HAD
    assert eligible.had(HAD + 1).tolist() == list(range(1, HAD + 1))
    assert eligible.had(HAD + 2).tolist() == list(range(1, HAD + 1))  # item 1 was in it
