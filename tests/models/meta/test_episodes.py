"""Episodes hold a user's own events, few to adapt by and the next ones to judge by."""

import numpy as np
from support.tasks import synthetic

from models.meta.episodes import LONG, QUERY, SUPPORT, draw


def test_an_episode_is_a_stretch_of_the_users_events():
    """The query follows the support, in order, and neither holds another user's events."""
    _, tasks = synthetic(users=10)
    users = np.array([3, 7, 7])
    for seed in range(20):
        found = draw(tasks, users, np.random.default_rng(seed))
        for row, user in enumerate(users):
            mine = tasks.item[tasks.start[user] : tasks.start[user + 1]].tolist()
            support, query = found.support, found.query
            own = [*support.item[row, support.there[row]], *query.item[row, query.there[row]]]
            first = mine.index(own[0])
            assert own == mine[first : first + len(own)]
            assert query.there[row].any()


def test_sizes_are_all_as_likely():
    """0 to SUPPORT events adapt, a twenty-first each; half begin with the first event."""
    _, tasks = synthetic(users=1, events=50)
    found = draw(tasks, np.zeros(4000, dtype=np.int64), np.random.default_rng(0))
    sizes = np.bincount(found.support.there.sum(1), minlength=SUPPORT + 1)
    assert len(sizes) == SUPPORT + 1
    assert sizes.min() > 4000 / (SUPPORT + 1) / 2
    begun = (found.support.item[:, 0] == tasks.item[0])[found.support.there[:, 0]].mean()
    assert 0.4 < begun < 0.65


def test_a_user_of_one_event_is_judged_by_it():
    """Nothing is left to adapt by."""
    _, tasks = synthetic(users=3)
    found = draw(tasks.between(0, 1), np.arange(3), np.random.default_rng(0))
    assert not found.support.there.any()
    assert found.query.there.sum() == 3
    assert found.query.there.shape == (3, QUERY)


def test_long_episodes_leave_enough_to_judge_by():
    """Up to three quarters of a user's events adapt, however long an episode may be."""
    _, tasks = synthetic(users=1, events=60)
    found = draw(tasks, np.zeros(500, dtype=np.int64), np.random.default_rng(0), LONG)
    sizes = found.support.there.sum(1)
    assert SUPPORT < sizes.max() <= 45
    assert sizes.min() < SUPPORT
    assert found.query.there.sum(1).min() >= 15
