"""The sequence net as it is served: arrays, without torch; equations in learner.md."""

from typing import NamedTuple

from models.arrays import Float32s, Hashes, Int32s


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
