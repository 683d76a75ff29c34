"""SASRec: self-attention over a user's last items.

(Kang, McAuley 2018, with softmax over the items as the loss in place of one negative, which is what
made it the strongest of its kind; normalised before each part. Vectors shared by input and output.)
"""

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.evaluation.baselines.next_item import WIDTH
from models.evaluation.baselines.passages import LENGTH
from models.evaluation.baselines.sequential import Sequential, Trial

_LAYERS: Final = 2
_HEADS: Final = 2


class _Layer(nn.Module):
    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.before_attention, self.before_mix = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.asked, self.found = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.mix = nn.Sequential(
            nn.Linear(WIDTH, 2 * WIDTH), nn.GELU(), nn.Linear(2 * WIDTH, WIDTH)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """[b, t, WIDTH] of [b, t, WIDTH]."""
        b, t, _ = x.shape
        parts = self.asked(self.before_attention(x)).view(b, t, 3, _HEADS, WIDTH // _HEADS)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        found = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.dropout(self.found(found.transpose(1, 2).reshape(b, t, WIDTH)))
        mixed: Tensor = x + self.dropout(self.mix(self.before_mix(x)))
        return mixed


class _Attention(nn.Module):
    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.places = nn.Parameter(0.2 * torch.randn(LENGTH, WIDTH))
        self.layers = nn.Sequential(*(_Layer(dropout) for _ in range(_LAYERS)))
        self.norm = nn.LayerNorm(WIDTH)

    def forward(self, entered: Tensor) -> Tensor:
        """[b, t, WIDTH] of [b, t, WIDTH], t <= LENGTH."""
        hidden: Tensor = self.norm(self.layers(entered + self.places[: entered.shape[1]]))
        return hidden


class SASRec(Sequential):
    """Attention network."""

    name = "sasrec"
    trials = (Trial(0.3, 8e-3), Trial(0.5, 8e-3))

    def encoder(self, dropout: float) -> nn.Module:
        """Two layers of two heads, and the places."""
        return _Attention(dropout)
