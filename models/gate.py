"""The gate: how much each module's feature counts, by how much is known of the user.

    s_j = sum_m (w_m + d_bm) f_mj / sigma_m

with buckets b of 0, 1-4, 5-19 and 20+ earlier events and sigma the features' running deviation over
random items. (learner.md, "Gate".)
"""

from dataclasses import dataclass
from typing import Final, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from models import popularity, walk
from models.compiled import helper
from models.errors import CodecError

CODEC: Final = 1
FEATURES: Final = popularity.FEATURES + walk.FEATURES
NAMES: Final = popularity.NAMES + walk.NAMES
BUCKETS: Final = 4
_FIRST: Final = (0, 1, 5, 20)


@helper
def bucket_of(count):  # type: ignore[no-untyped-def]
    """The bucket of a user who has had `count` events."""
    bucket = 0
    for place in range(1, BUCKETS):
        if count >= _FIRST[place]:
            bucket = place
    return bucket


class GateColumns(NamedTuple):
    """A gate's weights and what its steps need."""

    weight: npt.NDArray[np.float64]  # [FEATURES]
    offset: npt.NDArray[np.float64]  # [BUCKETS, FEATURES]
    square: npt.NDArray[np.float64]  # [FEATURES], sum of squared gradients
    offset_square: npt.NDArray[np.float64]  # [BUCKETS, FEATURES]
    mean: npt.NDArray[np.float64]  # [FEATURES]
    variance: npt.NDArray[np.float64]  # [FEATURES]
    steps: npt.NDArray[np.float64]  # [1 + BUCKETS]


def empty_gate() -> GateColumns:
    return GateColumns(
        weight=np.full(FEATURES, 0.3),
        offset=np.zeros((BUCKETS, FEATURES)),
        square=np.ones(FEATURES),
        offset_square=np.ones((BUCKETS, FEATURES)),
        mean=np.zeros(FEATURES),
        variance=np.ones(FEATURES),
        steps=np.ones(1 + BUCKETS),
    )


EXAMPLE: Final = empty_gate()


@helper
def effective(gate, bucket, weight):  # type: ignore[no-untyped-def]
    """Fill in the weights of unscaled features for users of a bucket: float32[FEATURES]."""
    for place in range(FEATURES):
        sigma = np.sqrt(gate.variance[place]) + 1e-3
        weight[place] = (gate.weight[place] + gate.offset[bucket, place]) / sigma


@dataclass(frozen=True, slots=True)
class Gate:
    """A gate as it was after some step; steps give new ones."""

    columns: GateColumns

    def pack(self) -> bytes:
        """About 2 kB: codec u8, features u8, then the columns as f64."""
        flat = np.concatenate([column.ravel() for column in self.columns])
        return bytes((CODEC, FEATURES)) + flat.astype("<f8").tobytes()

    @classmethod
    def unpack(cls, payload: bytes) -> Self:
        """Read a gate.

        Raises
        ------
        CodecError
            If it is of another codec version or for other features.

        """
        columns = empty_gate()
        length = 2 + 8 * sum(column.size for column in columns)
        if len(payload) != length or payload[0] != CODEC or payload[1] != FEATURES:
            raise CodecError(f"a gate has codec {CODEC} and {length} bytes; got {len(payload)}")
        flat, place = np.frombuffer(payload, dtype="<f8", offset=2), 0
        for column in columns:
            column.flat = flat[place : place + column.size]
            place += column.size
        return cls(columns)
