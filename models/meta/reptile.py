"""Reptile: the start moves towards where steps on a user's events lead.

Nichol, Achiam, Schulman: On First-Order Meta-Learning Algorithms (2018). Rates cannot be learned
this way; they are fixed.

Tried (see EpisodicSettings), mean MAE: 5 steps at rates of .1 .8267, .2 .8246, .3 .8259, .4 .8286;
3 steps at .4 .8254; 1 step at .6 .8270.
"""

from models.meta.gradient import GradientLearner, GradientSettings


class Reptile(GradientLearner):
    """All weights move, at fixed rates."""

    name = "reptile"
    defaults = GradientSettings(steps=5, rate=0.2, rates="fixed", reptile=True, epochs=5)
