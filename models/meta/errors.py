"""What can go wrong in meta-training."""

from models.errors import DataError


class DivergedError(DataError):
    """Weights that are no longer finite; the message names the learner and the rate."""
