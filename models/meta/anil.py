"""ANIL: steps move the head alone, in closed form; what it weighs is slow.

Raghu, Raghu, Bengio, Vinyals: Rapid Learning or Feature Reuse? (2020). No torch where it serves.
"""

from models.meta.gradient import GradientLearner, GradientSettings


class Anil(GradientLearner):
    """The head moves, at a learned rate a step."""

    name = "anil"
    defaults = GradientSettings(head_only=True)
