"""All learners by name: the counters alone and their mixture."""

from models import neighbours, popularity, repeats, transitions
from models.learner import Learner
from models.mixture import Mixture, MixtureSettings


def learners(*, repeated: bool = False) -> dict[str, Learner]:
    """Each learner once; `repeated` where lists may hold what the user has had."""
    modules = {
        "popularity": popularity.NAMES,
        "transitions": transitions.NAMES,
        "neighbours": neighbours.NAMES,
        "repeats": repeats.NAMES,
    }
    single: dict[str, Learner] = {
        name: Mixture(MixtureSettings(repeated, features)) for name, features in modules.items()
    }
    return {**single, "mixture": Mixture(MixtureSettings(repeated))}
