"""Medians and steps at the median, by curves of how likely each step of values is."""

import numpy as np
import pytest

from models.meta.telling import learn_curves, median, step_at, steps_of

STARS = np.arange(1.0, 6.0)


def signs_of(mean):
    """As a learner has them that knows of a prediction its mean alone."""
    return np.stack([np.ones_like(mean), mean - 3], axis=-1)


def drawn(events, seed=0):
    """Means, and values as stars around them."""
    draw = np.random.default_rng(seed)
    mean = draw.uniform(1, 5, events)
    value = np.clip(np.rint(mean + draw.logistic(0, 0.5, events)), 1, 5)
    return mean, value.astype(np.float32)


@pytest.fixture(scope="module")
def curves():
    """Learned of many events."""
    mean, value = drawn(20_000)
    return learn_curves(signs_of(mean), np.ones(len(mean)), value, STARS)


def test_the_median_follows_the_mean_where_values_lie_evenly_around_it(curves):
    """And grows with it."""
    mean = np.linspace(1.6, 4.4, 9)
    found = median(signs_of(mean).astype(np.float32), curves, STARS)
    np.testing.assert_allclose(found, mean, atol=0.12)
    assert (np.diff(found) > 0).all()


def test_the_step_told_is_the_one_nearest_to_the_median(curves):
    """One curve tells both."""
    mean, _ = drawn(500, seed=1)
    signs = signs_of(mean).astype(np.float32)
    away = np.abs(step_at(signs, curves, STARS) - median(signs, curves, STARS))
    assert away.max() <= 0.5 + 1e-6


def test_half_of_the_values_lie_on_either_side_of_a_lopsided_median():
    """Exponential errors below a mean: its median lies above it."""
    draw = np.random.default_rng(2)
    value = np.clip(np.rint(5.4 - draw.exponential(1.2, 20_000)), 1, 5).astype(np.float32)
    one = np.ones((len(value), 1))
    curve = learn_curves(one, np.ones(len(value)), value, STARS)
    found = median(one[:1].astype(np.float32), curve, STARS)[0]
    spread = value + draw.uniform(-0.5, 0.5, len(value))
    assert found > value.mean() + 0.1
    assert (spread > found).mean() == pytest.approx(0.5, abs=0.01)


def test_medians_stay_within_the_steps(curves):
    """However far a mean is off."""
    signs = signs_of(np.array([-100.0, 100.0])).astype(np.float32)
    np.testing.assert_array_equal(median(signs, curves, STARS), [1.0, 5.0])
    np.testing.assert_array_equal(step_at(signs, curves, STARS), [1.0, 5.0])


def test_curves_that_cross_still_give_a_median():
    """No step is likelier to be reached than the one before it."""
    crossed = np.array([[0.0, 2.0, -1.0, -2.0]])
    one = np.ones((1, 1), dtype=np.float32)
    assert median(one, crossed, STARS)[0] == 2.5
    assert step_at(one, crossed, STARS)[0] == 3.0


def test_two_steps_have_a_median_between_them():
    """Liked or not: the likelier is told."""
    steps = np.array([0.0, 1.0])
    one = np.ones((1, 1), dtype=np.float32)
    found = [median(one, np.array([[odds]]), steps)[0] for odds in (-9.0, -1.0, 0.0, 1.0, 9.0)]
    assert found == sorted(found)
    assert found[2] == 0.5
    assert [step_at(one, np.array([[odds]]), steps)[0] for odds in (-1.0, 1.0)] == [0.0, 1.0]


def test_weights_count_as_often_as_events_would():
    """A weight of 2 is an event twice."""
    mean, value = drawn(400)
    twice = np.arange(len(mean)) % 2 == 0
    weight = np.where(twice, 2.0, 1.0)
    repeated = np.concatenate([mean, mean[twice]]), np.concatenate([value, value[twice]])
    np.testing.assert_allclose(
        learn_curves(signs_of(mean), weight, value, STARS),
        learn_curves(signs_of(repeated[0]), np.ones(len(repeated[0])), repeated[1], STARS),
        atol=1e-5,
    )


def test_steps_are_few_values():
    """Not one, not many."""
    assert steps_of(np.array([3.0, 1.0, 3.0], dtype=np.float32)).tolist() == [1.0, 3.0]
    assert steps_of(np.full(5, 3.0, dtype=np.float32)).size == 0
    assert steps_of(np.arange(30, dtype=np.float32)).size == 0
