"""Lists for the users of a run, from their states, the gate and the catalogue of the moment."""

from collections.abc import Sequence

from agents.served import Served
from models.catalogue import Catalogue
from models.gate import Gate
from models.user_states import UserStates
from stream.schemas import ListItem


def lists_for(
    learner: Served, states: UserStates, gate: Gate, catalogue: Catalogue, length: int
) -> list[list[ListItem]]:
    """Return a list of at most `length` items for each of the states, best first.

    A list is shorter where the user has had nearly everything.
    """
    lists = learner.recommend(states, gate, catalogue, length)
    flat = lists.position.ravel()
    ids = catalogue.ids(flat)
    scores = lists.score.ravel().tolist()
    items = [
        ListItem(item_id, score) if item_id else None
        for item_id, score in zip(ids, scores, strict=True)
    ]
    return [
        [item for item in items[start : start + length] if item is not None]
        for start in range(0, len(items), length)
    ]


def ids_of(items: Sequence[ListItem]) -> list[str]:
    """Return the ids of a list, best first."""
    return [item.item_id for item in items]
