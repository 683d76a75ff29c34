"""Meta-SGD: MAML with a learned rate for each weight, so that directions are learned too.

Li, Zhou, Chen, Li: Meta-SGD: Learning to Learn Quickly for Few-Shot Learning (2017).
"""

from models.meta.gradient import GradientLearner, GradientSettings


class MetaSgd(GradientLearner):
    """All weights move, each at a learned rate of its own."""

    name = "metasgd"
    defaults = GradientSettings(steps=3, rate=0.35, rates="weight")
