"""What was announced of an item, and the sparse features that a snapshot makes of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from models.arrays import Float32s, Int32s, Int64s


@dataclass(frozen=True, slots=True)
class Content:
    """What was announced of one item; each part may be missing."""

    title: str | None = None
    categories: tuple[str, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)
    embedding: tuple[float, ...] = ()


class Sparse(NamedTuple):
    """n rows of weighted features: row i has cells start[i] .. start[i + 1] - 1."""

    start: Int64s  # [n + 1]
    feature: Int32s  # [cells]
    weight: Float32s  # [cells]
