"""What a worker serves: the mixture or a meta-learner, each behind the one contract."""

from typing import Protocol

from models.gate import Gate
from models.learner import Learner


class Served(Learner, Protocol):
    """A learner whose gate the partitions keep."""

    def unpack_gate(self, payload: bytes | None) -> Gate:
        """Read a partition's gate: the initial one for None, or if it was another learner's."""
