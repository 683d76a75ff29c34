"""First-order MAML: the start learns as if the steps' gradients did not depend on it.

Finn, Abbeel, Levine: Model-Agnostic Meta-Learning for Fast Adaptation of Deep Networks (2017).
"""

from models.meta.gradient import GradientLearner, GradientSettings


class Fomaml(GradientLearner):
    """All weights move; no second derivatives."""

    name = "fomaml"
    defaults = GradientSettings(steps=3, rate=0.35, first_order=True)
