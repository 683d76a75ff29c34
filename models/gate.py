"""The gate: how much each module's feature counts, by how much is known of the user.

    s_j = sum_m (w_m + d_bm) f_mj / sigma_m

with buckets b of 0, 1-4, 5-19 and 20+ earlier events and sigma the features' running deviation over
random items. It starts with equal weights. (learner.md, "Gate".)
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from models import popularity, walk
from models.arrays import Float32s, Float64s
from models.compiled import helper
from models.errors import CodecError

CODEC: Final = 1
NET: Final = popularity.FEATURES + walk.FEATURES
"""Place of what the net says of an item: its logit, less the mean over all items."""
TASTE: Final = NET + 1
"""Place of how an item suits the user's taste, less the mean over all items."""
FEATURES: Final = TASTE + 1
NAMES: Final = (*popularity.NAMES, *walk.NAMES, "net", "taste")
BUCKETS: Final = 4

_FIRST: Final = (0, 1, 5, 20)
_START: Final = 0.3
"""Weight of each feature, in deviations, before anything is learned."""
_TIE: Final = 1e-3
"""Weight of an item's likes where the learner has no popularity of its own: for ties alone."""
_LEAST_SIGMA: Final = 1e-3


class GateColumns(NamedTuple):
    """A gate's weights and what its steps need."""

    learns: Float64s  # [FEATURES], 1: the weight is learned, 0: it stays
    weight: Float64s  # [FEATURES]
    offset: Float64s  # [BUCKETS, FEATURES]
    square: Float64s  # [FEATURES], sum of squared gradients
    offset_square: Float64s  # [BUCKETS, FEATURES]
    mean: Float64s  # [FEATURES], over random items
    variance: Float64s  # [FEATURES]
    steps: Float64s  # [1]
    bucket_steps: Float64s  # [BUCKETS]


def _columns() -> GateColumns:
    return GateColumns(
        learns=np.ones(FEATURES),
        weight=np.full(FEATURES, _START),
        offset=np.zeros((BUCKETS, FEATURES)),
        square=np.ones(FEATURES),
        offset_square=np.ones((BUCKETS, FEATURES)),
        mean=np.zeros(FEATURES),
        variance=np.ones(FEATURES),
        steps=np.ones(1),
        bucket_steps=np.ones(BUCKETS),
    )


EXAMPLE: Final = _columns()


@helper
def bucket_of(events: int) -> int:
    """The bucket of a user who has had that many events."""
    bucket = 0
    for place in range(1, BUCKETS):
        if events >= _FIRST[place]:
            bucket = place
    return bucket


@helper
def sigma(gate: GateColumns, feature: int) -> float:
    """The feature's deviation."""
    return float(np.sqrt(gate.variance[feature]) + _LEAST_SIGMA)


@helper
def effective(gate: GateColumns, bucket: int, weight: Float32s) -> None:
    """Fill in the weights of unscaled features for users of a bucket: float32[FEATURES]."""
    for place in range(FEATURES):
        both = gate.weight[place] + gate.offset[bucket, place]
        weight[place] = both / sigma(gate, place)


@dataclass(frozen=True, slots=True)
class Gate:
    """A gate as it was after some step; steps give new ones."""

    columns: GateColumns

    @classmethod
    def initial(cls, names: Collection[str] = NAMES) -> Self:
        """Equal weights on the named features, none on others."""
        columns = _columns()
        columns.learns[:] = [name in names for name in NAMES]
        columns.weight[:] = np.where(columns.learns > 0, _START, 0.0)
        if not columns.learns[popularity.LIKED]:
            columns.weight[popularity.LIKED] = _TIE
        return cls(columns)

    @classmethod
    def of(cls, tables: Mapping[str, npt.NDArray[Any]]) -> Self:
        """Build a gate of its columns by name.

        Raises
        ------
        CodecError
            If a column has another shape, or holds what is no finite number.

        """
        columns = _columns()
        for name, column in columns._asdict().items():
            if tables[name].shape != column.shape:
                raise CodecError(
                    f"a gate's {name} has the shape {column.shape}; got {tables[name].shape}"
                )
            if not np.isfinite(tables[name]).all():
                raise CodecError(f"the gate's {name} has numbers that are not finite")
            column[:] = tables[name]
        return cls(columns)

    def copy(self) -> Self:
        """Return the same gate in columns of its own."""
        return type(self)(GateColumns(*(column.copy() for column in self.columns)))

    def static_weights(self) -> Float32s:
        """Weights of the features that are alike for everyone: float32[BUCKETS, …]."""
        columns = self.columns
        deviation = np.sqrt(columns.variance) + _LEAST_SIGMA
        weight = (columns.weight + columns.offset) / deviation
        return weight[:, : popularity.FEATURES].astype(np.float32)

    def pack(self) -> bytes:
        """About 1.8 kB: codec u8, a hash of the features' names (8 bytes), the columns as f64."""
        flat = np.concatenate([column.ravel() for column in self.columns])
        return bytes((CODEC,)) + _NAMES_HASH + flat.astype("<f8").tobytes()

    @classmethod
    def unpack(cls, payload: bytes) -> Self:
        """Read a gate.

        Raises
        ------
        CodecError
            If it is of another codec version or for other features.

        """
        columns = _columns()
        header = bytes((CODEC,)) + _NAMES_HASH
        length = len(header) + 8 * sum(column.size for column in columns)
        if not payload.startswith(header) or len(payload) != length:
            raise CodecError(f"a gate of codec {CODEC} for these features has {length} bytes")
        flat, place = np.frombuffer(payload, dtype="<f8", offset=len(header)), 0
        for column in columns:
            column.reshape(-1)[:] = flat[place : place + column.size]
            place += column.size
        return cls(columns)


_NAMES_HASH: Final = blake2b("/".join(NAMES).encode(), digest_size=8).digest()
