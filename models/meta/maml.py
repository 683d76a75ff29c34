"""MAML: a start of all weights from which a few steps lead where a user's events say.

Finn, Abbeel, Levine: Model-Agnostic Meta-Learning for Fast Adaptation of Deep Networks (2017).
Slow weights learn through the steps, second derivatives and all.

Tried (see EpisodicSettings), mean MAE: in 5 epochs damping 10 .8291, 20 .8233; in 10 epochs 20
.8222, 40 .8197, and one step .8208; the mlp, one step, .8267; cross-entropy, one step, .8285.
"""

from models.meta.gradient import GradientLearner, GradientSettings


class Maml(GradientLearner):
    """All weights move, at a learned rate a step."""

    name = "maml"
    defaults = GradientSettings(steps=3, rate=0.35, damping=40.0)
