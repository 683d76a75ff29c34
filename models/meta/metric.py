"""Prototypes in a learned space: of what a user liked, and of what not.

    psi_i = phi_i T                                       an item's place in the space
    l_j   = (1 + s(a (y_j - b_j - c) + a' (y_j - t))) / 2    how much event j was liked, s a sigmoid
    P+    = (k p+ + sum_j w_j l_j psi_j) / (k + sum_j w_j l_j),   P- by 1 - l_j alike
    value = b_i + c + g (far(psi_i, P-) - far(psi_i, P+))

far is the squared Euclidean distance, or 1 less the cosine. An event that lies far from the
prototype of its kind, since it is noise or the odd one out, is weighted down: w_j = 1 / (1 + r e_j)
with e_j its distance over the mean of all, and the prototypes are made anew. c, p+ and p- are all
users' before any event; c is the shrunk mean of what ratings differ from b, weighted by w too.

Arrays of numpy and tensors of torch are taken alike.
"""

from typing import Any, Final, Literal, NamedTuple, TypeAlias

Metric: TypeAlias = Literal["euclidean", "cosine"]

_ROUNDS: Final = 2
"""How often events are weighted anew."""
_TINY: Final = 1e-6


class Space(NamedTuple):
    """What is learned of the space; single numbers are arrays of one."""

    turn: Any  # [d, e], T
    offset_pull: Any  # events at no offset
    pull: Any  # k, events at p+ and p-
    own_slope: Any  # a, of what differs from b + c
    slope: Any  # a'
    middle: Any  # t
    reach: Any  # r
    gain: Any  # g


class Mine(NamedTuple):
    """A user's: offset [..., 1], liked and disliked [..., e]."""

    offset: Any
    liked: Any
    disliked: Any


def places(metric: Metric, space: Space, vectors: Any) -> Any:
    """Places [..., e] of items' vectors [..., 1 + d], of length 1 where the cosine counts."""
    place = vectors[..., 1:] @ space.turn
    return place if metric == "euclidean" else _unit(place)


def far(metric: Metric, place: Any, prototype: Any) -> Any:
    """Distances [..., m] of places [..., m, e] from a prototype [..., e]."""
    if metric == "cosine":
        return 1.0 - (place @ _unit(prototype)[..., None])[..., 0]
    away = place - prototype[..., None, :]
    return (away * away).sum(-1)


def value(metric: Metric, space: Space, mine: Mine, vectors: Any) -> Any:
    """Values [..., m] of m items by vectors [..., m, 1 + d]."""
    place = places(metric, space, vectors)
    nearer = far(metric, place, mine.disliked) - far(metric, place, mine.liked)
    return vectors[..., 0] + mine.offset + space.gain * nearer


def found(
    metric: Metric,
    space: Space,
    prior: Mine,
    events: tuple[Any, Any, Any],
    *,
    weighted: bool,
) -> Mine:
    """Prototypes after events: vectors [..., L, 1 + d], values and mask [..., L], 0 at padding."""
    place = places(metric, space, events[0])
    mine, liked = _made(space, prior, place, events, events[2])
    for _ in range(_ROUNDS * weighted):
        trust = _trust(metric, mine, place, liked, (space.reach, events[2]))
        mine, liked = _made(space, prior, place, events, events[2] * trust)
    return mine


def _made(
    space: Space, prior: Mine, place: Any, events: tuple[Any, Any, Any], weight: Any
) -> tuple[Mine, Any]:
    """Prototypes of weighted events, and how much each event was liked."""
    away = events[1] - events[0][..., 0]
    more = (weight * (away - prior.offset)).sum(-1)[..., None]
    offset = prior.offset + more / (weight.sum(-1)[..., None] + space.offset_pull)
    liked = _liking(space, away - offset, events[1])
    mine = Mine(
        offset,
        _centre(space, prior.liked, place, weight * liked),
        _centre(space, prior.disliked, place, weight * (1.0 - liked)),
    )
    return mine, liked


def _liking(space: Space, away: Any, told: Any) -> Any:
    drive = space.own_slope * away + space.slope * (told - space.middle)
    return 0.5 + 0.5 * drive / (1.0 + drive * drive) ** 0.5


def _centre(space: Space, prior: Any, place: Any, weight: Any) -> Any:
    total = (weight[..., None, :] @ place)[..., 0, :]
    return (space.pull * prior + total) / (space.pull + weight.sum(-1)[..., None])


def _trust(metric: Metric, mine: Mine, place: Any, liked: Any, given: tuple[Any, Any]) -> Any:
    """How much each event counts: less, the farther it is from the prototype of its kind."""
    reach, mask = given
    own = liked * far(metric, place, mine.liked)
    own = own + (1.0 - liked) * far(metric, place, mine.disliked)
    count = mask.sum(-1)[..., None]
    mean = (own * mask).sum(-1)[..., None] / (count + _TINY)
    return 1.0 / (1.0 + reach * own / (mean + _TINY))


def _unit(vector: Any) -> Any:
    return vector / ((vector * vector).sum(-1)[..., None] + _TINY) ** 0.5
