"""Figures from ranks, ties, and intervals."""

import math

import numpy as np
import pytest

from models.evaluation.bootstrap import hit_rate_intervals
from models.evaluation.metrics import HISTORIES, by_history, figures
from models.evaluation.ranks import MISS, draw_ranks


def ranks(*values: int) -> np.ndarray:
    """Ranks as the figures take them."""
    return np.array(values, dtype=np.int64)


def test_figures_are_those_of_their_definitions() -> None:
    """One right answer per target: a list of k holds it or not."""
    found = figures(ranks(1, 3, 11, MISS), 10)
    assert found == pytest.approx(
        {
            "hit_rate@10": 2 / 4,
            "ndcg@10": (1 + 1 / math.log2(4)) / 4,
            "mrr@10": (1 + 1 / 3) / 4,
            "recall@10": 2 / 4,
            "precision@10": 2 / 4 / 10,
            "f1@10": 2 * (1 / 10) * 1 / (1 / 10 + 1) * 2 / 4,
        }
    )
    assert figures(ranks(1, 3, 11, MISS), 2)["hit_rate@2"] == 1 / 4


def test_no_target_has_no_figures() -> None:
    """None, not a number that looks like one."""
    assert set(figures(ranks(), 10).values()) == {None}


def test_histories_are_apart_and_together_all() -> None:
    """Each target is in one bucket, by its user's earlier events."""
    history = ranks(0, 1, 2, 3, 4, 5, 9, 10, 999)
    found = by_history(ranks(1, MISS, 1, 1, MISS, 1, 1, 1, 1), history, (10,))
    assert {name: bucket["events"] for name, bucket in found.items()} == {
        "0": 1, "1": 1, "2": 1, "3-4": 2, "5-9": 2, "10+": 2,
    }  # fmt: skip
    assert list(found) == list(HISTORIES)
    assert found["3-4"]["hit_rate@10"] == 0.5
    assert by_history(ranks(), ranks(), (10,))["0"] == {
        "hit_rate@10": None, "ndcg@10": None, "events": 0,
    }  # fmt: skip


def test_ties_are_broken_at_random_but_alike_each_time() -> None:
    """Uniform over the places that tie; another seed or row draws another one."""
    n = 40_000
    better, ties = np.full(n, 3), np.full(n, 4)
    drawn = draw_ranks(better, ties, np.arange(n), 7)
    assert np.bincount(drawn, minlength=9)[4:] == pytest.approx(np.full(5, n / 5), rel=0.05)
    assert (draw_ranks(better, ties, np.arange(n), 7) == drawn).all()
    assert (draw_ranks(better, ties, np.arange(n), 8) != drawn).mean() > 0.7
    half = draw_ranks(better[: n // 2], ties[: n // 2], np.arange(n // 2, n), 7)
    assert (half == drawn[n // 2 :]).all()
    alone = draw_ranks(better, np.zeros(n, dtype=np.int64), np.arange(n), 7)
    assert (alone == 4).all()
    assert (draw_ranks(np.full(n, -1), ties, np.arange(n), 7) == MISS).all()


def test_intervals_cover_what_users_vary_by() -> None:
    """About the standard error of a mean of users, and empty groups have none."""
    draw = np.random.default_rng(0)
    user = np.repeat(np.arange(400), 5).astype(np.int32)
    hit = draw.random(2000) < np.repeat(draw.random(400), 5)
    group = np.zeros(2000, dtype=np.int64)
    found = hit_rate_intervals(hit, user, group, 2, seed=1)
    per_user = hit.reshape(400, 5).mean(axis=1)
    error = per_user.std() / math.sqrt(400)
    assert found[0] == pytest.approx(
        [hit.mean() - 1.96 * error, hit.mean() + 1.96 * error], abs=0.3 * error
    )
    assert np.isnan(found[1]).all()
    assert (hit_rate_intervals(hit, user, group, 2, seed=1)[0] == found[0]).all()


def test_one_user_has_an_interval_of_one_point() -> None:
    """Drawing users anew cannot tell more."""
    one = np.zeros(4, dtype=np.int32)
    hit = np.array([True, False, False, True])
    assert hit_rate_intervals(hit, one, one.astype(np.int64), 1, seed=0).tolist() == [[0.5, 0.5]]
