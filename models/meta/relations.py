"""How tasks relate: what a user's first events and profile say of which users this one is like.

    t     = t_0 + profile S + sum_j relu((phi_j, r_j, r_j phi_j) E + e) G / (n + k)
    a_c   = 1 / (1 + |t - m_c|^2), over their sum             which clusters the task is like
    start = h_0 + sum_c a_c H_c                               offset and taste to start from
    x_i   = phi_i (1 + t F)                                   what counts of an item (FiLM)

r_j is what event j differs from the item's value for everyone. Of this start the head takes steps
downhill (models.meta.heads). Arrays of numpy and tensors of torch are taken alike.
"""

from typing import Any, NamedTuple


class Relations(NamedTuple):
    """What is learned of how tasks relate; q numbers describe a task, C are the clusters."""

    place_in: Any  # [d, u], the rows of E for phi_j
    away_in: Any  # [u], for r_j
    both_in: Any  # [d, u], for r_j phi_j
    bias_in: Any  # [u]
    out: Any  # [u, q], G
    pull: Any  # [1], k
    clusters: Any  # [C, q]
    offsets: Any  # [C, 1], the first of each H_c
    tastes: Any  # [C, d], the rest
    film: Any  # [q, d]


class Modulated(NamedTuple):
    """A prior that is a user's own: offset [..., 1], taste and scale of places [..., d]."""

    offset: Any
    taste: Any
    scale: Any


def described(relations: Relations, task: Any, events: tuple[Any, Any, Any]) -> Any:
    """What is told of a task [..., q] by events: vectors [..., L, 1 + d], values, mask [..., L].

    Without events it is as it was.
    """
    vectors, value, mask = events
    place, away = vectors[..., 1:], (value - vectors[..., 0])[..., None]
    drive = place @ relations.place_in + away * relations.away_in + relations.bias_in
    drive = drive + (away * place) @ relations.both_in
    told = (mask[..., None, :] @ (drive * (drive > 0)))[..., 0, :]
    return task + (told / (mask.sum(-1)[..., None] + relations.pull)) @ relations.out


def modulated(relations: Relations, head: tuple[Any, Any], task: Any) -> Modulated:
    """The prior of tasks [..., q] on h_0, an offset [1] and a taste [d]."""
    apart = task[..., None, :] - relations.clusters
    like = 1.0 / (1.0 + (apart * apart).sum(-1))
    like = like / like.sum(-1)[..., None]
    return Modulated(
        head[0] + like @ relations.offsets,
        head[1] + like @ relations.tastes,
        1.0 + task @ relations.film,
    )


def hidden(mine: Modulated, vectors: Any) -> Any:
    """What counts of items by vectors [..., m, 1 + d]."""
    return vectors[..., 1:] * mine.scale[..., None, :]


def value(mine: Modulated, vectors: Any) -> Any:
    """Values [..., m]."""
    taste = (hidden(mine, vectors) @ mine.taste[..., None])[..., 0]
    return vectors[..., 0] + mine.offset + taste
