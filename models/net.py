"""The sequence net as it is served: arrays, without torch.

A user's fast weights h^q, one vector for each of K time scales, take each event on an item i by

    x = (E_i + W f_i) (1 + a_v) + b_v + g_gap
    h^q <- gamma_q h^q + x s_q sqrt(1 - gamma_q^2)

with f the item's content features, v what happened and gap the time since the user's event before.
Of them and the number n of the user's events a small read-out makes a query, which scores items j:

    z = [h^1 .. h^K, .3 log(1 + n)]
    query = GELU(z A + a) B + b + z C
    logit_j = query . (O_j + W_O f_j) + b_j

(learner.md, "Net".) Beside them the fast weights hold what a user's ratings say of the user's
taste, a module of its own (see models.taste), which shares the net's snapshot and item vectors.
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from models.arrays import Float32s, Hashes, Int32s, Int64s
from models.content import Content, Sparse
from models.errors import CodecError
from models.read_out import ReadOut, fill_queries
from models.taste import dimensions, features_of, fill_tastes

HISTORY: Final = 0.3
"""Of log(1 + n) in the read-out."""

_CHUNK: Final = 1024
"""Items whose content is multiplied at once: some 10 MB at 40 features each."""


class NetWeights(NamedTuple):
    """What training leaves of the net: d numbers per vector, K time scales, I items, F features.

    Items are named by hash, in ascending order. Row 0 of the value tables is for events of kinds
    that training never saw, and is zero.
    """

    item: Hashes  # [I]
    enter: Float32s  # [I, d], E
    leave: Float32s  # [I, d], O
    bias: Float32s  # [I], with popularity in training
    content_enter: Float32s  # [F, d], W
    content_leave: Float32s  # [F, d], W_O
    kind_first: Int32s  # [256], first row of a kind of event in the value tables, 0: unknown
    kind_edges: Float32s  # [256, 4], value v has row first + 1 + (edges < v).sum()
    value_scale: Float32s  # [V, d], a
    value_shift: Float32s  # [V, d], b
    gap: Float32s  # [12, d]
    decay: Float32s  # [K], gamma
    gain: Float32s  # [K], s
    read_in: Float32s  # [K * d + 1, H]
    read_in_bias: Float32s  # [H]
    read_out: Float32s  # [H, d]
    read_out_bias: Float32s  # [d]
    read_linear: Float32s  # [K * d + 1, d]
    taste: Float32s  # [I, s], see models.taste
    taste_start: Float32s  # [t]
    taste_range: Float32s  # [2]


_SHAPES: Final = (
    "I", "Id", "Id", "I", "Fd", "Fd", "T", "Te", "Vd", "Vd", "gd", "K", "K",
    "ZH", "H", "Hd", "d", "Zd", "Is", "t", "r",
)  # fmt: skip
"""Lengths of each field by letter; the same letter is the same length."""

_GAPS: Final = 12
_FIXED: Final = {"T": 256, "e": 4, "g": _GAPS, "r": 2}
_WIDEST: Final = 2**16 - 1
"""Fast weights that a user's row can hold."""


class Features(Protocol):
    """What makes features of contents, see models.features."""

    @property
    def size(self) -> int:
        """How many features there are, F."""

    def transform(self, contents: Sequence[Content | None]) -> Sparse:
        """Features of n contents; none for None."""

    def to_json(self) -> str:
        """Return all of it as text."""


class Inputs(NamedTuple):
    """What the fold of an event into fast weights reads of the net; all empty without one."""

    kind_first: Int32s  # [256]
    kind_edges: Float32s  # [256, 4]
    scale: Float32s  # [V, d], 1 + a
    shift: Float32s  # [V, d]
    gap: Float32s  # [12, d]
    decay: Float32s  # [K]
    gain: Float32s  # [K], s sqrt(1 - gamma^2)
    value_range: Float32s  # [2], of ratings that tell a user's taste


def no_inputs() -> Inputs:
    """Build the inputs of a learner without a net."""
    table = np.empty((0, 0), dtype=np.float32)
    scales = np.empty(0, dtype=np.float32)
    kinds = np.zeros(256, dtype=np.int32)
    return Inputs(kinds, table, table, table, table, scales, scales, np.zeros(2, dtype=np.float32))


class Net:
    """A trained net with the features that its content maps were trained for.

    Raises
    ------
    CodecError
        If the weights' shapes do not fit one another, or the features.

    """

    def __init__(self, weights: NetWeights, features: Features) -> None:
        lengths = _check(weights)
        if lengths["F"] != features.size:
            raise CodecError(f"the net is for {lengths['F']} features; there are {features.size}")
        self.weights = _owned(weights)
        self.features = features
        self.size = lengths["d"]
        """d, numbers per vector."""
        self._summed = lengths["d"] * lengths["K"]
        self.width = self._summed + lengths["t"]
        """Fast weights of a user: the h^q, then what tells the user's taste."""
        self._dim = dimensions(lengths["t"], lengths["s"])
        self.tastes = max(self._dim - 1, 0)
        """Numbers of a user's taste, 0 if the net knows of none."""
        self.adding = lengths["s"]
        """Numbers by which an item adds to what tells a user's taste."""
        square = np.square(self.weights.decay)
        self.inputs = Inputs(
            kind_first=self.weights.kind_first,
            kind_edges=self.weights.kind_edges,
            scale=np.float32(1.0) + self.weights.value_scale,
            shift=self.weights.value_shift,
            gap=self.weights.gap,
            decay=self.weights.decay,
            gain=self.weights.gain * np.sqrt(np.float32(1.0) - square),
            value_range=self.weights.taste_range,
        )

        self._read_out = ReadOut(
            self.weights.read_in,
            self.weights.read_in_bias,
            self.weights.read_out,
            self.weights.read_out_bias,
            self.weights.read_linear,
        )

    def digest(self) -> bytes:
        """8 bytes that differ when weights or features do."""
        content = blake2b(self.features.to_json().encode(), digest_size=8)
        for table in _tables(self.weights):
            content.update(table.tobytes())
        return content.digest()

    def vectors(
        self, hashes: Hashes, contents: Sequence[Content | None]
    ) -> tuple[Float32s, Float32s, Float32s]:
        """What n items enter and leave by, and their biases: float32[n, d + s], [n, d + d'], [n].

        d' is `tastes`. An item that training did not know has its content alone, and zeros without
        any.
        """
        weights, n, size = self.weights, len(hashes), self.size
        enter = np.zeros((n, size + weights.taste.shape[1]), dtype=np.float32)
        leave = np.zeros((n, size + self.tastes), dtype=np.float32)
        bias = np.zeros(n, dtype=np.float32)
        if len(weights.item):
            at = np.minimum(np.searchsorted(weights.item, hashes), len(weights.item) - 1)
            known = np.flatnonzero(weights.item[at] == hashes)
            at = at[known]
            enter[known, :size], leave[known, :size] = weights.enter[at], weights.leave[at]
            bias[known] = weights.bias[at]
            if self.tastes:
                enter[known, size:] = weights.taste[at]
                leave[known, size:] = features_of(weights.taste[at], self._dim)
        described = np.array([row for row, one in enumerate(contents) if one], dtype=np.int64)
        for first in range(0, len(described), _CHUNK):
            rows = described[first : first + _CHUNK]
            sparse = self.features.transform([contents[row] for row in rows])
            row = np.repeat(rows, np.diff(sparse.start))
            for into, table in ((enter, weights.content_enter), (leave, weights.content_leave)):
                np.add.at(into[:, :size], row, table[sparse.feature] * sparse.weight[:, None])
        return enter, leave, bias

    def queries(self, inputs: Float32s) -> Float32s:
        """What n users look for, float32[n, d + d'], of float32[n, width + 1]: the query and taste.

        Given are fast weights and .3 log(1 + n).
        """
        own = np.concatenate((inputs[:, : self._summed], inputs[:, -1:]), axis=1)
        query = np.empty((len(inputs), self.size), dtype=np.float32)
        fill_queries(self._read_out, own, query)
        if not self.tastes:
            return query
        taste = np.empty((len(inputs), self.tastes), dtype=np.float32)
        sums = np.ascontiguousarray(inputs[:, self._summed : -1])
        fill_tastes(self.weights.taste_start, sums, taste)
        return np.concatenate((query, taste), axis=1)

    def read_out(self, fast: Float32s, events: Int64s) -> Float32s:
        """The same of n users' fast weights float32[n, width] and numbers of events."""
        inputs = np.empty((len(fast), self.width + 1), dtype=np.float32)
        inputs[:, :-1] = fast
        inputs[:, -1] = HISTORY * np.log1p(events)
        return self.queries(inputs)


def _check(weights: NetWeights) -> dict[str, int]:
    """Lengths by letter of _SHAPES.

    Raises
    ------
    CodecError
        If an array has other dimensions or another type, or two lengths do not fit.

    """
    lengths = dict(_FIXED)
    for name, table, letters in zip(NetWeights._fields, _tables(weights), _SHAPES, strict=True):
        kind = {"item": np.uint64, "kind_first": np.int32}.get(name, np.float32)
        if table.dtype != kind or table.ndim != len(letters):
            raise CodecError(
                f"the net's {name} is {table.dtype} of {table.ndim} dimensions;"
                f" required is {np.dtype(kind)} of {len(letters)}"
            )
        for letter, length in zip(letters, table.shape, strict=True):
            if lengths.setdefault(letter, length) != length:
                raise CodecError(
                    f"the net's {name} has shape {table.shape}, where {lengths[letter]}"
                    f" was required instead of {length}"
                )
    _check_values(weights, lengths)
    return lengths


def _check_values(weights: NetWeights, lengths: dict[str, int]) -> None:
    """Raise CodecError where shapes fit but what they hold does not."""
    width = lengths["K"] * lengths["d"]
    if not 0 < width <= _WIDEST - lengths["t"]:
        raise CodecError(f"a user's fast weights number 1 to {_WIDEST}; the net has {width}")
    if dimensions(lengths["t"], lengths["s"]) < 0:
        raise CodecError(
            f"the net's tastes have {lengths['t']} sums, to which an item adds by {lengths['s']}"
            " numbers: these do not fit"
        )
    if lengths["Z"] != width + 1:
        raise CodecError(
            f"the net's read-out takes {lengths['Z']} numbers; required is {width + 1}"
        )
    if (weights.item[1:] <= weights.item[:-1]).any():
        raise CodecError("the net's items are not in ascending order of their hashes")
    edges = np.isfinite(weights.kind_edges).sum(axis=1)
    last = weights.kind_first + np.where(edges > 0, 1 + edges, 0)
    if weights.kind_first.min() < 0 or last.max() >= lengths["V"]:
        raise CodecError(f"a kind of event has value rows beyond the net's {lengths['V']}")
    for name, table in zip(NetWeights._fields, _tables(weights), strict=True):
        if name != "kind_edges" and not np.isfinite(table).all():
            raise CodecError(f"the net's {name} has numbers that are not finite")


def _owned(weights: NetWeights) -> NetWeights:
    """Contiguous arrays that may be written, as kernels take them."""
    return NetWeights(*(np.array(table, order="C") for table in _tables(weights)))


def _tables(weights: NetWeights) -> tuple[npt.NDArray[Any], ...]:
    return weights
