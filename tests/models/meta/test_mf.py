"""Matrix factorisation's training: what it takes, and what it refuses to call learned."""

from dataclasses import replace

import numpy as np
import pytest
from support.tasks import error, synthetic

pytest.importorskip("torch", reason="needs the extra: pip install 'headwater[train]'")

from models.errors import DivergedError
from models.meta import learner_of

NAMES = ("mf", "mf-bce")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rate", [1e5, 1e30])
def test_a_rate_that_diverges_is_named(name: str, rate: float) -> None:
    """Also where all numbers stay finite, and a clipped prediction would hide it."""
    world, tasks = synthetic(users=30)
    with pytest.raises(DivergedError, match=f"Learner {name} diverged") as told:
        learner_of(name, {"rate": rate, "steps": 200}).meta_train(world, tasks)
    assert f"the rate {rate:g}" in str(told.value)


@pytest.mark.parametrize("name", NAMES)
def test_little_to_learn_is_no_divergence(name: str) -> None:
    """Ratings all alike, two users of three events each, one step of training."""
    world, tasks = synthetic(users=30)
    alike = replace(tasks, value=np.full_like(tasks.value, 3), positive=tasks.value >= 0)
    for some, settings in (
        (alike, {}), (tasks.select(np.arange(2)).between(0, 3), {}), (tasks, {"steps": 1}),
    ):  # fmt: skip
        trained = learner_of(name, settings).meta_train(world, some)
        assert error(trained, world, tasks, 3) < 2.5


@pytest.mark.parametrize("name", NAMES)
def test_few_events_take_no_more_steps_than_were_asked_for(name: str) -> None:
    """They are one batch, not a part of one that many epochs make up for."""
    world, tasks = synthetic(users=2)
    told = []
    learner_of(name, {"steps": 50}).meta_train(
        world, tasks, progress=lambda done, of: told.append((done, of))
    )
    assert told[-1] == (50, 50)
