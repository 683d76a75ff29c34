"""MAML: a start of all weights from which a few steps lead where a user's events say.

Finn, Abbeel, Levine: Model-Agnostic Meta-Learning for Fast Adaptation of Deep Networks (2017).
Slow weights learn through the steps, second derivatives and all.

Tried (see EpisodicSettings), mean MAE: damping 10 .8291, 20 .8222, 40 .8197; one step .8208; half
as many epochs .8233; the mlp .8267; cross-entropy .8285.
"""

from models.meta.gradient import GradientLearner, GradientSettings


class Maml(GradientLearner):
    """All weights move, at a learned rate a step."""

    name = "maml"
    defaults = GradientSettings(steps=3, rate=0.35, damping=40.0)
