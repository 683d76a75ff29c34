"""The inner loop in torch: gradient steps of a base scorer's weights, many users at once."""

from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor
from torch.func import grad, vmap
from torch.nn import functional

from models.meta.bases import Base
from models.meta.heads import Loss

Given: TypeAlias = tuple[Tensor, Tensor, Tensor]
"""Events of n users: vectors [n, L, p], values and mask [n, L], 0 at padding."""


def errors(loss: Loss, value: Tensor, target: Tensor) -> Tensor:
    """The loss of each event."""
    if loss == "squared":
        return (value - target).square()
    return functional.binary_cross_entropy_with_logits(value, target, reduction="none")


@dataclass(frozen=True, slots=True)
class Inner:
    """Steps on a user's events, of which the first `count` weights are moved.

    first_order: slow weights learn as if the gradients did not depend on them.
    """

    base: Base
    loss: Loss
    count: int
    first_order: bool = False

    def adapted(
        self,
        weights: Tensor,
        events: Given,
        rates: Tensor,
        damping: Tensor,
    ) -> Tensor:
        """Weights [n, w] after steps on events.

        rates: [steps, 1], or [steps, count]. The loss is summed over a user's events and divided
        by their number plus the damping: a step on few events is a small one.
        """

        def one(weights: Tensor, vector: Tensor, value: Tensor, mask: Tensor) -> Tensor:
            moved, kept = weights[: self.count], weights[self.count :]
            pull = mask.sum() + damping

            def loss(moved: Tensor) -> Tensor:
                found = self.base.value(torch.cat([moved, kept]), vector)
                return (errors(self.loss, found, value) * mask).sum() / pull

            for rate in rates:
                slope = grad(loss)(moved)
                moved = moved - rate * (slope.detach() if self.first_order else slope)
            return torch.cat([moved, kept])

        after: Tensor = vmap(one)(weights, *events)
        return after
