"""Meta-SGD: MAML with a learned rate for each weight, so that directions are learned too.

Li, Zhou, Chen, Li: Meta-SGD: Learning to Learn Quickly for Few-Shot Learning (2017).

Tried (see EpisodicSettings), mean MAE: 1, 3 and 5 steps .8202, .8185 (.8175 in 10 epochs, .8204 in
15) and .8179; with folds .8167.
"""

from models.meta.gradient import GradientLearner, GradientSettings


class MetaSgd(GradientLearner):
    """All weights move, each at a learned rate of its own."""

    name = "metasgd"
    defaults = GradientSettings(steps=3, rate=0.35, rates="weight")
