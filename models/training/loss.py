"""The softmax loss, by hand: few passes over the scores, in blocks that stay in a core's cache."""

from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple

import torch
from torch import Tensor

_BLOCK: Final = 2**19
"""Scores of one block."""


class _Problem(NamedTuple):
    """What the loss is of; see softmax_loss."""

    query: Tensor
    leave: Tensor
    offset: Tensor
    target: Tensor
    share: Tensor
    hidden: tuple[Tensor, Tensor, Tensor] | None
    correction: Tensor | None


class _Part(NamedTuple):
    """What some rows say: their loss, and the gradients of query, leave and bias."""

    loss: float
    query: Tensor
    leave: Tensor
    bias: Tensor


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
    had[user] < earlier are left out. Two halves of the rows are worked out side by side; their
    sums do not depend on which is ready first.
    """
    offset = bias if correction is None else bias - correction
    share = weight / weight.sum()
    fixed = query.detach(), leave.detach(), offset.detach()
    problem = _Problem(fixed[0], fixed[1], fixed[2], target, share, hidden, correction)
    half = len(query) // 2
    with ThreadPoolExecutor(1, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        second = pool.submit(_rows, problem, half, len(query))
        parts = _rows(problem, 0, half), second.result()
    grads = (
        torch.cat([part.query for part in parts]),
        parts[0].leave + parts[1].leave,
        parts[0].bias + parts[1].bias,
    )
    torch.autograd.backward((query, leave, bias), grads)
    return parts[0].loss + parts[1].loss


@torch.no_grad()
def _rows(problem: _Problem, start: int, stop: int) -> _Part:
    """Work out rows start .. stop - 1."""
    leave = problem.leave
    found = torch.empty_like(problem.query[start:stop])
    to_leave, to_bias = torch.zeros_like(leave), torch.zeros_like(problem.offset)
    total, step = 0.0, max(16, _BLOCK // len(leave))
    for first in range(start, stop, step):
        rows = slice(first, min(first + step, stop))
        own, share = problem.target[rows, None], problem.share[rows]
        p = torch.softmax(_scores(problem, rows), 1)
        total -= float((p.gather(1, own)[:, 0].clamp(min=1e-30).log() * share).sum())
        p *= share[:, None]
        p.scatter_add_(1, own, -share[:, None])
        torch.mm(p, leave, out=found[rows.start - start : rows.stop - start])
        to_leave.addmm_(p.T, problem.query[rows])
        to_bias.add_(p.sum(0))
    return _Part(total, found, to_leave, to_bias)


def _scores(problem: _Problem, rows: slice) -> Tensor:
    score = torch.addmm(problem.offset, problem.query[rows], problem.leave.T)
    if problem.correction is not None:
        own = problem.target[rows, None]
        score.scatter_add_(1, own, problem.correction[own])
    if problem.hidden is not None:
        had, user, earlier = problem.hidden
        score.masked_fill_(had[user[rows]] < earlier[rows, None], -1e9)
    return score
