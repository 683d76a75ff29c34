"""The softmax loss, by hand: few passes over the scores, in blocks that stay in a core's cache."""

from typing import Final

import torch
from torch import Tensor

_BLOCK: Final = 2**19
"""Scores of one block."""


def softmax_loss(
    query: Tensor,
    leave: Tensor,
    bias: Tensor,
    target: Tensor,
    weight: Tensor,
    hidden: tuple[Tensor, Tensor, Tensor] | None = None,
    correction: Tensor | None = None,
) -> float:
    """Weighted mean of -log p(target), whose gradients go to query, leave and bias at once.

        p(j) ~ exp(query (leave_j) + bias_j - correction_j), the target without correction

    query: [m, d]; leave: [C, d]; bias, correction: [C]; target: int64[m], columns; weight: [m].
    hidden: int32 had[B, C], int64 user[m] and int32 earlier[m]: columns with
    had[user] < earlier are left out.
    """
    share = weight / weight.sum()
    grads = torch.empty_like(query), torch.zeros_like(leave), torch.zeros_like(bias)
    total = 0.0
    with torch.no_grad():
        offset = bias if correction is None else bias - correction
        step = max(16, _BLOCK // len(leave))
        for first in range(0, len(query), step):
            rows = slice(first, first + step)
            own = target[rows, None]
            score = torch.addmm(offset, query[rows], leave.T)
            if correction is not None:
                score.scatter_add_(1, own, correction[own])
            if hidden is not None:
                had, user, earlier = hidden
                score.masked_fill_(had[user[rows]] < earlier[rows, None], -1e9)
            p = torch.softmax(score, 1)
            total -= float((p.gather(1, own)[:, 0].clamp(min=1e-30).log() * share[rows]).sum())
            p *= share[rows, None]
            p.scatter_add_(1, own, -share[rows, None])
            torch.mm(p, leave, out=grads[0][rows])
            grads[1].addmm_(p.T, query[rows])
            grads[2].add_(p.sum(0))
    torch.autograd.backward((query, leave, bias), grads)
    return total
