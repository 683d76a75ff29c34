"""A meta-learner among learners that predict event after event: it starts from users' profiles."""

from dataclasses import replace

import numpy as np
import pytest
from support.histories import history

pytest.importorskip("torch", reason="needs the extra: pip install 'headwater[train]'")

from models.content import Content
from models.dataset import Dataset
from models.errors import LearnerError
from models.evaluation.contest import Context
from models.evaluation.contestants import contestant
from models.evaluation.excerpts import until
from models.evaluation.prequential import Outcome, Protocol, plan, run
from models.meta.item_mean import ItemMean

NAME = "models.meta.bayes:Bayes"
FEW = {NAME: {"size": 3, "rounds": 6, "epochs": 2}}
USERS, EVENTS, ITEMS = 60, 20, 40


class Narrow(ItemMean):
    """It predicts for one item too few."""

    def predict(self, weights, vectors):
        """Leave the last one out."""
        return super().predict(weights, vectors)[:, :-1]


@pytest.fixture(scope="module")
def data() -> Dataset:
    """One user after the other rates items; those of two groups like even or odd ones."""
    draw = np.random.default_rng(0)
    item = np.concatenate([draw.permutation(ITEMS)[:EVENTS] for _ in range(USERS)])
    user = np.repeat(np.arange(USERS), EVENTS)
    liked = item % 2 == user % 2
    rated = history(user.tolist(), item.tolist(), positive=liked.tolist())
    profiles = tuple({"group": f"g{number % 2}"} for number in range(USERS))
    return replace(rated, profiles=profiles, value=np.where(liked, 5, 1).astype(np.float32))


def first_places(data: Dataset) -> float:
    """How many items stand above what users like first, before any event: the mean."""
    laid_out = plan(data, Protocol(warm_up=0.7))
    outcome: Outcome = run(
        contestant(NAME, Context(settings=FEW)), laid_out, lambda _what, _done, _of: None
    )
    return float(outcome.better[laid_out.history == 0].mean())


def test_users_start_from_their_profiles(data: Dataset) -> None:
    """Who likes what is known of the group before the first event, and of no user without one."""
    with_profiles = first_places(data)
    without = first_places(replace(data, profiles=(None,) * USERS))
    assert with_profiles < without - 3
    late = tuple(None if number < 42 else profile for number, profile in enumerate(data.profiles))
    assert first_places(replace(data, profiles=late)) == without


def test_what_comes_after_training_is_not_looked_at(data: Dataset) -> None:
    """Neither events nor contents of items that were announced, or first acted on, later."""
    contents = tuple(Content(title=f"t{number}") for number in range(ITEMS))
    announced = data.announced.copy()
    announced[0], announced[1] = data.time[0], data.time[-1]
    few = until(replace(data, contents=contents, announced=announced), 3)
    assert len(few) == 3
    known = {0, *data.item[:3].tolist()}
    assert {number for number, content in enumerate(few.contents) if content} == known


def test_a_wrong_shape_is_told_in_one_sentence(data: Dataset) -> None:
    """As in user-cold."""
    own = contestant(f"{__name__}:Narrow", Context())
    with pytest.raises(LearnerError, match=r"Narrow\.predict must give"):
        run(own, plan(data, Protocol(warm_up=0.7)), lambda _what, _done, _of: None)
