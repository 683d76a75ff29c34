"""What a worker serves: the mixture or a meta-learner, each behind the one contract."""

from typing import Protocol

from models.gate import Gate
from models.learner import Learner


class Served(Learner, Protocol):
    """A learner whose gate the partitions keep, and for which they may read users' profiles."""

    @property
    def reads_profiles(self) -> bool:
        """Whether lists depend on the states' profiles, so that it pays to fill them in."""

    def unpack_gate(self, payload: bytes | None) -> Gate:
        """Read a partition's gate: the initial one for None, or if it was another learner's."""
