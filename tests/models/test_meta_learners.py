"""Every meta-learner holds to the contract, and to that of its own kind."""

import pytest

from models.checks import CHECKS
from models.meta import LEARNERS, learner_class


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", LEARNERS)
def test_every_learner_holds_to_the_contract(name, check):
    """Each check of the shared suite passes for each learner."""
    check(learner_class(name)())
