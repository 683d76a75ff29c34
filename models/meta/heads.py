"""Gradient steps of a linear head in closed form: what adapts by them needs no torch.

With z_j = b_j + offset + x_j . taste for n events, a step of rate a is

    offset <- offset - a sum_j g(z_j, y_j) / (n + k)
    taste  <- taste  - a sum_j g(z_j, y_j) x_j / (n + k)

g is 2 (z - y) for the squared error and sigmoid(z) - y for the cross-entropy. The damping k makes a
step on few events a small one. Arrays of numpy and tensors of torch are taken alike.
"""

import math
from typing import Any, Final, Literal, TypeAlias

Loss: TypeAlias = Literal["squared", "cross-entropy"]

_FARTHEST: Final = 30.0
"""Logits are cut here: their sigmoids are 0 or 1 in single precision."""


def expit(logit: Any) -> Any:
    """The sigmoid."""
    return 1.0 / (1.0 + math.e ** (-logit.clip(-_FARTHEST, _FARTHEST)))


def slope(loss: Loss, value: Any, target: Any) -> Any:
    """How the loss of each event changes with its value."""
    return 2.0 * (value - target) if loss == "squared" else expit(value) - target


def stepped(
    head: tuple[Any, Any],
    hidden: Any,
    base: Any,
    target: Any,
    mask: Any,
    rates: Any,
    damping: Any,
    loss: Loss = "squared",
) -> tuple[Any, Any]:
    """Offset [..., 1] and taste [..., h] after steps on events.

    hidden: [..., L, h]; base, target, mask: [..., L], the mask 0 at padding; rates: [steps, 1], or
    [steps, 1 + h] for a rate of each weight.
    """
    offset, taste = head
    pull = mask.sum(-1)[..., None] + damping
    for rate in rates:
        value = base + offset + (hidden @ taste[..., None])[..., 0]
        given = slope(loss, value, target) * mask
        change = (given[..., None, :] @ hidden)[..., 0, :]
        offset = offset - rate[:1] * given.sum(-1)[..., None] / pull
        taste = taste - (rate[1:] if len(rate) > 1 else rate) * change / pull
    return offset, taste
