"""Scores of a trial: on validation parts alone, told on the way."""

from collections.abc import Sequence

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra: pip install 'headwater[train]'")

from support.logs import chain, dataset

from models.errors import DivergedError
from models.evaluation.contest import Context, silent
from models.evaluation.user_cold.plan import held_out, split
from models.search import objective as scoring
from models.search.objective import Cold, Prequential


def untold(_step: int, _score: float) -> None:
    """Go on."""


def rated(users: int = 30, events: int = 30):
    """Users with tastes, who rate items in turns."""
    rng = np.random.default_rng(0)
    user = np.repeat(np.arange(users), events)
    item = np.concatenate([rng.permutation(40)[:events] for _ in range(users)])
    value = 3 + (item % 2) + (user % 2) - rng.integers(0, 2, len(user))
    order = rng.permutation(len(user))
    return dataset(
        user[order].tolist(), item[order].tolist(), kind="rate",
        value=value[order].astype(float).tolist(), positive=(value[order] >= 4).tolist(),
    )  # fmt: skip


def test_the_test_part_is_never_looked_at() -> None:
    """Other events after the first part change no score; those in it do."""
    data, cut = chain(), 840
    other = chain()
    other.item[cut:] = other.item[cut:][::-1]
    scores = [
        Prequential("counters", history, 0.7, Context(), 0)({}, untold, silent)
        for history in (data, other)
    ]
    assert scores[0] == scores[1] > 0


def test_what_users_of_the_test_did_is_never_looked_at() -> None:
    """Their values may be anything; other users' may not."""
    data = rated()
    held = held_out(data, 0.3, 5)
    scores = []
    for users in (held, np.setdiff1d(np.arange(len(data.users)), held)):
        changed = rated()
        changed.value[np.isin(changed.user, users)] = 1.0
        scores += [
            Cold("item-mean-offset", history, 0.3, 5, 2)({}, untold, silent)
            for history in (data, changed)
        ]
    assert scores[0] == scores[1] == scores[2] != scores[3]
    assert set(split(data, 0.3, 5).users.tolist()) <= set(held.tolist())


def test_scores_are_told_part_by_part_and_end_at_the_whole() -> None:
    """Steps after those of the epochs; the last is all targets, ties in expectation."""
    told: list[tuple[int, float]] = []
    score = Prequential("counters", chain(), 0.7, Context(), 12)(
        {}, lambda *step: told.append(step), silent
    )
    steps = [step for step, _ in told]
    assert steps[0] == 12
    assert steps[-1] == 16
    assert told[-1][1] == pytest.approx(score, abs=0.05)


def test_draws_of_users_are_told_one_by_one() -> None:
    """As the mean so far."""
    told: Sequence[tuple[int, float]] = []
    score = Cold("item-mean", rated(), 0.2, 0, 3)({}, lambda *step: told.append(step), silent)
    assert [step for step, _ in told] == [0, 1, 2]
    assert told[-1][1] == score
    assert scoring.Cold.higher_is_better is False


def test_modules_are_what_the_mixture_is_made_of() -> None:
    """Without transitions a chain cannot be foretold; without the net none is trained."""
    told: list[int] = []
    objective = Prequential("mixture", chain(), 1.0, Context(), 12)
    alone = {"modules": ("popularity",)}
    both = {"modules": ("popularity", "transitions")}
    scores = [
        objective(settings, lambda step, _: told.append(step), silent) for settings in (alone, both)
    ]
    assert scores[0] < 0.9 * scores[1]
    assert min(told) == 12


def test_a_rate_that_makes_the_net_diverge_is_named() -> None:
    """What is not finite goes into no snapshot."""
    objective = Prequential("mixture", chain(), 1.0, Context(), 12)
    with pytest.raises(DivergedError, match="The net diverged with a rate of 1000"):
        objective({"width": 8, "hidden": 8, "epochs": 1, "rate": 1e3}, untold, silent)


def test_the_nets_epochs_are_told_too() -> None:
    """Before the parts of the validation."""
    told: list[int] = []
    settings = {"width": 8, "hidden": 8, "epochs": 2, "warm_epochs": 1}
    score = Prequential("mixture", chain(), 1.0, Context(), 12)(
        settings, lambda step, _: told.append(step), silent
    )
    assert told[:3] == [0, 1, 12]
    assert told[-1] == 16
    assert 0 <= score <= 1
