"""A learner of one's own: the template's works, and a wrong shape is told in a sentence."""

import inspect
import sys
import textwrap
from types import ModuleType

import numpy as np
import pytest
from support.tasks import error, synthetic

import models.meta
from models.errors import LearnerError
from models.meta import LEARNERS, learner_of
from models.meta.item_mean import ItemMean
from models.meta.shapes import check_shapes


class Own(ItemMean):
    """A learner of one's own."""

    name = "own"


def given(method, wrong):
    """Make a class of Own of which one method gives something else."""
    return type("Own", (Own,), {method: lambda _self, *_, **__: wrong})


@pytest.mark.parametrize(
    ("method", "wrong", "told"),
    [
        ("meta_train", None, "Own.meta_train must give a learner; got None."),
        ("item_vectors", np.zeros((2, 1)), r"item_vectors must give \(\d, any number\).*\(2, 1\)"),
        ("start", np.zeros((3, 1)), r"Own.start must give \(2, any number\), users by weights;"),
        ("start", [0.0, 0.0], r"start must give .*; got \(2,\)\."),
        ("adapt_weights", np.zeros((2, 5)), r"adapt_weights must give \(2, 1\), .*; got \(2, 5\)"),
        ("predict", np.zeros((2, 99)), r"Own.predict must give \(2, \d\), users by items;"),
        ("predict", None, r"predict must give .*; got \(\)\."),
        ("rank_scores", np.zeros((2, 99)), r"Own.rank_scores must give \(2, \d\), users by items;"),
    ],
)
def test_a_wrong_shape_is_told(method, wrong, told):
    """With the learner, the method, what must be and what came."""
    world, tasks = synthetic(users=10)
    learner = given(method, wrong)()
    trained = learner.meta_train(world, tasks)
    with pytest.raises(LearnerError, match=told):
        check_shapes(learner, trained, world, tasks)


@pytest.mark.parametrize("name", [name for name in LEARNERS if "mean" in name])
def test_right_shapes_pass(name):
    """As in each evaluation of LEARNERS, of one user with one event too."""
    world, tasks = synthetic(users=10)
    learner = learner_of(name, {})
    trained = learner.meta_train(world, tasks)
    check_shapes(learner, trained, world, tasks)
    check_shapes(learner, trained, world, tasks.select(np.arange(1)).between(0, 1))


def test_the_template_of_the_package_works():
    """What a reader copies from the docstring: it passes the checks, and adapts."""
    text = inspect.cleandoc(models.meta.__doc__ or "")
    code = text[text.index('    """An item\'s mean') : text.index("Then `headwater evaluate")]
    module = ModuleType("own_meta_template")
    sys.modules[module.__name__] = module
    exec(compile(textwrap.dedent(code), "own_meta_template.py", "exec"), module.__dict__)
    world, tasks = synthetic()
    learner = learner_of("own_meta_template:Shift", {})
    trained = learner.meta_train(world, tasks)
    check_shapes(learner, trained, world, tasks)
    assert error(trained, world, tasks, 10) < error(trained, world, tasks, 0)


def test_missing_tables_are_told():
    """Those of items, which the base reads."""
    world, tasks = synthetic(users=10)
    learner = Own()
    tables = learner.meta_train(world, tasks).learned
    bare = Own(learned={name: tables[name] for name in ("item", "vector", "range")})
    with pytest.raises(LearnerError, match="features, content, unknown came not"):
        check_shapes(learner, bare, world, tasks)
