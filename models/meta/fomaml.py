"""First-order MAML: the start learns as if the steps' gradients did not depend on it.

Finn, Abbeel, Levine: Model-Agnostic Meta-Learning for Fast Adaptation of Deep Networks (2017).

Tried (see EpisodicSettings), mean MAE: damping 20 .8215, 40 .8207; one step .8222; half as many
epochs .8239.
"""

from models.meta.gradient import GradientLearner, GradientSettings


class Fomaml(GradientLearner):
    """All weights move; no second derivatives."""

    name = "fomaml"
    defaults = GradientSettings(steps=3, rate=0.35, damping=40.0, first_order=True)
