"""ANIL: steps move the head alone, in closed form; what it weighs is slow.

Raghu, Raghu, Bengio, Vinyals: Rapid Learning or Feature Reuse? (2020). No torch where it serves.

Tried (see EpisodicSettings), mean MAE: damping 5 .8255, 10 .8235, 20 .8227, 40 .8231 in 5 epochs;
2, 3 and 5 steps .8232, .8238 and .8251; 10 epochs .8211, 20 .8212; half the outer rate .8229; the
mlp .8263; cross-entropy .8291.
"""

from models.meta.gradient import GradientLearner, GradientSettings


class Anil(GradientLearner):
    """The head moves, at a learned rate a step."""

    name = "anil"
    defaults = GradientSettings(head_only=True)
