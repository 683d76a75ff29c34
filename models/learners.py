"""All learners by name: the counters alone, their mixture, and that with a net."""

from models import neighbours, popularity, repeats, transitions
from models.gate import NAMES, NET
from models.learner import Learner
from models.mixture import Mixture, MixtureSettings
from models.samples import sample_net


def learners(*, repeated: bool = False) -> dict[str, Learner]:
    """Each learner once; `repeated` where lists may hold what the user has had.

    The nets are those of models.samples, which nobody trained.
    """
    modules = {
        "popularity": popularity.NAMES,
        "transitions": transitions.NAMES,
        "neighbours": neighbours.NAMES,
        "repeats": repeats.NAMES,
    }
    single: dict[str, Learner] = {
        name: Mixture(MixtureSettings(repeated, features)) for name, features in modules.items()
    }
    net = sample_net()
    return {
        **single,
        "net": Mixture(MixtureSettings(repeated, (NAMES[NET],)), net=net),
        "mixture": Mixture(MixtureSettings(repeated)),
        "mixture with a net": Mixture(MixtureSettings(repeated), net=net),
    }
