"""Variational EM for ratings y = g + b_i + c_u + phi_i . z_u + noise.

An item's w = (b, phi) ~ N(content f_i B, Q), a user's h = (c, z) ~ N(m, S). Both posteriors are
kept whole, and each side is told the other's uncertainty.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from models.arrays import Float64s, Int64s
from models.content import Sparse
from models.meta.tasks import Tasks

_EVENTS: Final = 100_000
"""Events whose squares are held at once."""
_RIDGE: Final = 5.0
_FEW: Final = 5.0
"""An item of n events counts n / (n + 5) for what its content says."""


@dataclass(slots=True)
class Fitted:
    """D = 1 + d numbers an item and a user each."""

    mean: float  # g
    item: Float64s  # [I, D]
    item_cov: Float64s  # [I, D, D]
    prior: Float64s  # [I, D], of items, from content
    content: Float64s  # [1 + F, D]; its first row is without content
    spread: Float64s  # [D, D], Q
    user: Float64s  # [n, D], posterior means
    user_mean: Float64s  # [D]
    user_cov: Float64s  # [D, D]
    noise: float


def fit(
    tasks: Tasks,
    items: int,
    features: tuple[Sparse, int],
    *,
    size: int,
    rounds: int,
    seed: int,
    progress: Callable[[int], None],
    start: Fitted | None = None,
) -> Fitted:
    """Fit to all events of the tasks, from another fit on if there is one.

    features: of each item, and how many there are.
    """
    by_user = _Grouped.of(tasks.user, tasks.item.astype(np.int64), len(tasks))
    order = np.argsort(tasks.item, kind="stable")
    by_item = _Grouped.of(tasks.item[order].astype(np.int64), tasks.user[order], items)
    mean = float(tasks.value.mean(dtype=np.float64)) if start is None else start.mean
    away = tasks.value.astype(np.float64) - mean
    content = dense(*features, items)
    state = _initial(mean, items, size, content.shape[1], seed) if start is None else replace(start)
    there = np.flatnonzero(by_item.count)
    for turn in range(rounds):
        user, user_cov = _posterior(
            by_user, away, state.item, state.item_cov, state.user_mean[None], state.user_cov,
            state.noise,
        )  # fmt: skip
        state.user = user
        if turn or start:
            state.user_mean = user.sum(axis=0) / max(len(user), 1)
            state.user_cov = _spread(user - state.user_mean, user_cov)
        state.item, state.item_cov = _posterior(
            by_item, away[order], user, user_cov, state.prior, state.spread, state.noise
        )
        weight = by_item.count / (by_item.count + _FEW)
        gram = (content * weight[:, None]).T @ content + _RIDGE * np.eye(content.shape[1])
        told: Float64s = (content * weight[:, None]).T @ state.item
        state.content = np.asarray(np.linalg.solve(gram, told), dtype=np.float64)
        state.prior = content @ state.content
        state.spread = _spread((state.item - state.prior)[there], state.item_cov[there])
        state.noise = _noise(by_user, away, (user, user_cov), (state.item, state.item_cov))
        progress(turn + 1)
    return state


def _initial(mean: float, items: int, size: int, features: int, seed: int) -> Fitted:
    """Small tastes at random, so that they may become different."""
    dim = size + 1
    taste = np.random.default_rng(seed).normal(0, 0.2, (items, size))
    return Fitted(
        mean=mean,
        item=np.concatenate([np.zeros((items, 1)), taste], axis=1),
        item_cov=np.tile(np.eye(dim) * 0.05, (items, 1, 1)),
        prior=np.zeros((items, dim)),
        content=np.zeros((features, dim)),
        spread=np.eye(dim) * 0.1,
        user=np.zeros((0, dim)),
        user_mean=np.zeros(dim),
        user_cov=np.eye(dim) * 0.5,
        noise=1.0,
    )


def dense(sparse: Sparse, features: int, items: int) -> Float64s:
    """Features of items with a leading 1: float64[I, 1 + F]."""
    table = np.zeros((items, 1 + features))
    table[:, 0] = 1.0
    row = np.repeat(np.arange(items), np.diff(sparse.start))
    table[row, 1 + sparse.feature] = sparse.weight
    return table


@dataclass(frozen=True, slots=True)
class _Grouped:
    """Events by what they are of: group g has start[g] .. start[g + 1] - 1; `other` is the rest."""

    start: Int64s
    other: Int64s
    count: Int64s

    @classmethod
    def of(cls, group: npt.NDArray[np.integer], other: Int64s, groups: int) -> "_Grouped":
        count = np.bincount(group, minlength=groups)
        return cls(np.concatenate([[0], np.cumsum(count)]), other, count)

    def parts(self) -> "list[tuple[int, int]]":
        """Groups from .. to - 1 whose events are few enough to be held squared."""
        found, first = [], 0
        while first < len(self.count):
            last = np.searchsorted(self.start, self.start[first] + _EVENTS, side="right") - 1
            found.append((first, max(int(last), first + 1)))
            first = found[-1][1]
        return found

    def sums(self, table: Float64s, first: int, stop: int) -> Float64s:
        """Sums of the table's rows, those of events start[first] .. start[stop] - 1, by group."""
        total = np.zeros((stop - first, *table.shape[1:]))
        filled = np.flatnonzero(self.count[first:stop])
        if len(filled):
            begin = self.start[first:stop][filled] - self.start[first]
            total[filled] = np.add.reduceat(table, begin, axis=0)
        return total


def _posterior(
    events: _Grouped,
    away: Float64s,
    other: Float64s,
    other_cov: Float64s,
    prior: Float64s,
    spread: Float64s,
    noise: float,
) -> tuple[Float64s, Float64s]:
    """Posterior means [n, D] and covariances [n, D, D] of one side, given the other's."""
    dim = other.shape[1]
    mean, cov = np.empty((len(events.count), dim)), np.empty((len(events.count), dim, dim))
    precision = np.linalg.inv(spread)
    for first, stop in events.parts():
        own = slice(events.start[first], events.start[stop])
        row, uncertain = other[events.other[own]], other_cov[events.other[own]]
        x = np.concatenate([np.ones((len(row), 1)), row[:, 1:]], axis=1)
        square = x[:, :, None] * x[:, None, :]
        square[:, 1:, 1:] += uncertain[:, 1:, 1:]
        target = x * (away[own] - row[:, 0])[:, None]
        target[:, 1:] -= uncertain[:, 0, 1:]
        given = np.broadcast_to(prior, (len(events.count), dim))[first:stop] @ precision
        cov[first:stop] = np.linalg.inv(precision + events.sums(square, first, stop) / noise)
        both = given + events.sums(target, first, stop) / noise
        mean[first:stop] = np.einsum("nij,nj->ni", cov[first:stop], both)
    return mean, cov


def _spread(away: Float64s, cov: Float64s) -> Float64s:
    """The covariance of what is known only with a covariance."""
    found: Float64s = (away.T @ away + cov.sum(axis=0)) / max(len(away), 1)
    return found + 1e-6 * np.eye(len(found))


def _noise(
    events: _Grouped,
    away: Float64s,
    user: tuple[Float64s, Float64s],
    item: tuple[Float64s, Float64s],
) -> float:
    """The mean square of what is left, given both sides' uncertainty."""
    total = 0.0
    for first, stop in events.parts():
        own = slice(events.start[first], events.start[stop])
        group = np.repeat(np.arange(first, stop), events.count[first:stop])
        h, h_cov = user[0][group], user[1][group]
        w, w_cov = item[0][events.other[own]], item[1][events.other[own]]
        left = away[own] - h[:, 0] - w[:, 0] - (h[:, 1:] * w[:, 1:]).sum(axis=1)
        one = np.ones((len(h), 1))
        x, z = np.concatenate([one, w[:, 1:]], axis=1), np.concatenate([one, h[:, 1:]], axis=1)
        total += float((left**2).sum())
        total += float(np.einsum("nij,ni,nj->", h_cov, x, x))
        total += float(np.einsum("nij,ni,nj->", w_cov, z, z))
        total += float(np.einsum("nij,nij->", h_cov[:, 1:, 1:], w_cov[:, 1:, 1:]))
    return max(total / max(len(away), 1), 1e-6)
