"""The sequence net in torch; equations in learner.md, "Net".

x_t = (E_i + W f_i) (1 + a_v) + b_v + g_gap
h^q_t = gamma_q h^q_{t-1} + x_t s_q (1 - gamma_q^2)^1/2
query = MLP(z) + L z,  z = [h^1 … h^K, .3 log(1 + n)]
score_j = query (O_j + W_O f_j) + b_j + p log(1 + liked_j)
"""

from typing import Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.training.history import GAPS

_CHUNK: Final = 32
_DECAYS: Final = (-3.0, 0.2, 1.5, 3.0, 4.5)
"""Where the time scales start, before a sigmoid: .05 .55 .82 .95 .99."""


class Shape(NamedTuple):
    """Sizes of a net."""

    items: int
    features: int
    rows: int
    width: int
    scales: int
    hidden: int


class Features(NamedTuple):
    """Content features of some items, as `embedding_bag` takes them."""

    feature: Tensor  # int64[cells]
    weight: Tensor  # float32[cells]
    start: Tensor  # int64[items]


class Network(nn.Module):
    """All slow weights."""

    def __init__(self, shape: Shape, dropout: float = 0.3, id_dropout: float = 0.1) -> None:
        super().__init__()
        width, state = shape.width, shape.scales * shape.width + 1
        self.shape = shape
        self.dropout, self.id_dropout = dropout, id_dropout
        self.enter = nn.Parameter(torch.randn(shape.items, width) * 0.02)
        self.leave = nn.Parameter(torch.randn(shape.items, width) * 0.02)
        self.content_enter = nn.Parameter(torch.randn(shape.features, width) * 0.05)
        self.content_leave = nn.Parameter(torch.randn(shape.features, width) * 0.05)
        self.scale = nn.Parameter(torch.zeros(shape.rows, width))
        self.shift = nn.Parameter(torch.zeros(shape.rows, width))
        self.gap = nn.Parameter(torch.zeros(GAPS, width))
        self.decay = nn.Parameter(torch.tensor(_DECAYS[: shape.scales]))
        self.gain = nn.Parameter(torch.ones(shape.scales))
        self.read_in = nn.Linear(state, shape.hidden)
        self.read_out = nn.Linear(shape.hidden, width)
        self.read_linear = nn.Parameter(torch.randn(state, width) * 0.05)
        self.bias = nn.Parameter(torch.zeros(shape.items))
        self.popularity = nn.Parameter(torch.tensor(0.7))
        self.register_buffer("log_liked", torch.zeros(shape.items))
        self.log_liked: Tensor

    def content(self, features: Features, weights: Tensor) -> Tensor:
        """W f of some items: [items, d]."""
        if not len(weights):
            return weights.new_zeros(len(features.start), self.shape.width)
        return functional.embedding_bag(
            features.feature,
            weights,
            features.start,
            mode="sum",
            per_sample_weights=features.weight,
        )

    def outputs(self, items: Tensor, features: Features) -> Tensor:
        """O + W_O f of some items: [items, d]; in training some ids are left out."""
        ids = functional.embedding(items, self.leave)
        kept = self._without(ids, self.id_dropout / 2)
        return kept + self.content(features, self.content_leave)

    def biases(self, items: Tensor) -> Tensor:
        """What an item scores for everyone: [items]."""
        return self.bias[items] + self.popularity * self.log_liked[items]

    def entering(self, item: Tensor, content: Tensor, place: Tensor) -> Tensor:
        """E + W f of the items [B, T]: [B, T, d]; in training some ids are left out.

        content: the `content` of some items, of which place[B, T] counts.
        """
        ids = functional.embedding(item, self.enter)
        return self._without(ids, self.id_dropout) + functional.embedding(place, content)

    def states(self, vectors: Tensor, row: Tensor, gap: Tensor) -> Tensor:
        """States before each of T events of B users: [B, T, K, d].

        vectors: [B, T, d], E + W f of the events' items; row, gap: int64[B, T].
        """
        scale, shift = functional.embedding(row, self.scale), functional.embedding(row, self.shift)
        x = vectors * (1 + scale) + shift + functional.embedding(gap, self.gap)
        return self.sums(functional.dropout(x, self.dropout, self.training))

    def sums(self, x: Tensor) -> Tensor:
        """Decayed sums before each of T inputs [B, T, d] at K scales: [B, T, K, d].

        In chunks: products within a chunk, then what earlier chunks carry in.
        """
        users, length, width = x.shape
        chunks = -(-length // _CHUNK)
        x = functional.pad(x, (0, 0, 0, chunks * _CHUNK - length))
        x = x.reshape(users * chunks, _CHUNK, width)
        decay = torch.sigmoid(self.decay)
        scales = len(decay)
        within = _powers(decay, _CHUNK).reshape(scales * _CHUNK, _CHUNK)
        inner = torch.matmul(within, x).reshape(users, chunks, scales, _CHUNK, width)
        steps = torch.arange(_CHUNK, device=x.device)
        ends = torch.matmul(decay[:, None] ** (_CHUNK - 1 - steps), x)
        ends = ends.reshape(users, chunks, scales, width).permute(2, 1, 0, 3)
        carried = torch.matmul(
            _powers(decay**_CHUNK, chunks), ends.reshape(scales, chunks, users * width)
        )
        carried = carried.reshape(scales, chunks, users, width).permute(2, 1, 0, 3)
        total = inner + carried[:, :, :, None] * (decay[:, None] ** steps)[:, :, None]
        gain = (self.gain * torch.sqrt(1 - decay * decay))[:, None]
        total = total.permute(0, 1, 3, 2, 4).reshape(users, chunks * _CHUNK, scales, width)
        return total[:, :length] * gain

    def queries(self, states: Tensor, events: Tensor) -> Tensor:
        """Queries [m, d] of states [m, K, d] of users with that many events: float32[m]."""
        z = torch.cat([states.flatten(1), 0.3 * torch.log1p(events)[:, None]], 1)
        hidden = self.read_in(functional.dropout(z, self.dropout, self.training))
        hidden = functional.gelu(hidden, approximate="tanh")
        hidden = functional.dropout(hidden, self.dropout, self.training)
        deep: Tensor = self.read_out(hidden)
        return deep + z @ self.read_linear

    def _without(self, ids: Tensor, share: float) -> Tensor:
        if not self.training or not self.shape.features:
            return ids
        return ids * (torch.rand((*ids.shape[:-1], 1), device=ids.device) > share)


def _powers(decay: Tensor, length: int) -> Tensor:
    """decay^(t - s - 1) for s < t, else 0: [K, length, length]."""
    steps = torch.arange(length, device=decay.device)
    exponent = steps[:, None] - steps - 1
    powers = decay[:, None, None] ** exponent.clamp(min=0)
    return torch.where(exponent >= 0, powers, torch.zeros_like(powers))
