"""GRU4Rec: a gated recurrent unit over a user's last items.

(Hidasi, Karatzoglou 2018, with softmax as the loss; vectors shared by input and output.)
"""

from typing import Final

from torch import Tensor, nn

from models.evaluation.baselines.next_item import WIDTH
from models.evaluation.baselines.sequential import Sequential, Trial

_HIDDEN: Final = 128


class _Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.unit = nn.GRU(WIDTH, _HIDDEN, batch_first=True)
        self.out = nn.Linear(_HIDDEN, WIDTH)

    def forward(self, entered: Tensor) -> Tensor:
        """[b, t, WIDTH] of [b, t, WIDTH]."""
        hidden: Tensor = self.out(self.unit(entered)[0])
        return hidden


class GRU4Rec(Sequential):
    """Recurrent network."""

    name = "gru4rec"
    trials = (Trial(0.3, 4e-3), Trial(0.5, 4e-3))

    def encoder(self, dropout: float) -> nn.Module:  # noqa: ARG002  # one layer has none inside
        """One layer."""
        return _Recurrent()
