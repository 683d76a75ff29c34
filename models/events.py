"""The events of a run as columns, the form in which learners take them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self
from zlib import crc32

import numpy as np
import numpy.typing as npt

STANDARD_TYPES: Final = (
    "view",
    "click",
    "like",
    "dislike",
    "cart",
    "purchase",
    "rate",
    "share",
    "comment",
    "follow",
    "search",
    "impression",
)
_FIRST_ADDED: Final = 32  # codes below are kept for standard types of later versions


def type_code(event_type: str) -> int:
    """A code in 0..255: fixed for the standard types, a stable hash for added ones."""
    if event_type in STANDARD_TYPES:
        return STANDARD_TYPES.index(event_type)
    return _FIRST_ADDED + crc32(event_type.encode()) % (256 - _FIRST_ADDED)


@dataclass(frozen=True, slots=True)
class EventBatch:
    """n events in the order in which they are to be applied.

    user: int32[n], index into the states; item: uint64[n], hashes; kind: uint8[n], type codes;
    value: float32[n], nan for none; time: int64[n], ms; positive: bool[n].
    """

    user: npt.NDArray[np.int32]
    item: npt.NDArray[np.uint64]
    kind: npt.NDArray[np.uint8]
    value: npt.NDArray[np.float32]
    time: npt.NDArray[np.int64]
    positive: npt.NDArray[np.bool_]

    @classmethod
    def of(
        cls,
        user: Sequence[int] | npt.NDArray[np.integer],
        item: Sequence[int] | npt.NDArray[np.uint64],
        kind: Sequence[int] | npt.NDArray[np.uint8],
        value: Sequence[float | None] | npt.NDArray[np.floating],
        time: Sequence[int] | npt.NDArray[np.integer],
        positive: Sequence[bool] | npt.NDArray[np.bool_],
    ) -> Self:
        """Build a batch from sequences of equal length."""
        return cls(
            np.array(user, dtype=np.int32),
            np.array(item, dtype=np.uint64),
            np.array(kind, dtype=np.uint8),
            np.array(value, dtype=np.float32),
            np.array(time, dtype=np.int64),
            np.array(positive, dtype=np.bool_),
        )

    def __len__(self) -> int:
        return len(self.item)

    def select(self, index: npt.NDArray[np.intp] | slice) -> Self:
        """The events at the given indices, in that order."""
        return type(self)(
            self.user[index],
            self.item[index],
            self.kind[index],
            self.value[index],
            self.time[index],
            self.positive[index],
        )
