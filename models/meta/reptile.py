"""Reptile: the start moves towards where steps on a user's events lead.

Nichol, Achiam, Schulman: On First-Order Meta-Learning Algorithms (2018). Rates cannot be learned
this way; they are fixed.
"""

from models.meta.gradient import GradientLearner, GradientSettings


class Reptile(GradientLearner):
    """All weights move, at fixed rates."""

    name = "reptile"
    defaults = GradientSettings(steps=5, rate=0.3, rates="fixed", reptile=True)
