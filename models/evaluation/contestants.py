"""All contestants by name; each is imported when it is asked for."""

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Final, cast

from models.errors import MissingLibraryError

if TYPE_CHECKING:  # they come with numba, which only an evaluation needs
    from models.evaluation.contest import Contestant, Context

DEFAULT: Final = ("mixture", "counters", "popularity", "recency", "neighbours", "transitions")
"""The headline, the same without the net, and the fast baselines."""


def _from(module: str, factory: str) -> "Callable[..., Contestant]":
    """The contestant that `factory` of models.evaluation.`module` makes of its arguments.

    It raises MissingLibraryError if that needs what is not installed.
    """

    def make(*arguments: object) -> "Contestant":
        try:
            found = getattr(import_module(f"models.evaluation.{module}"), factory)
        except ModuleNotFoundError as exc:
            raise MissingLibraryError.of(exc) from exc
        return cast("Contestant", found(*arguments))

    return make


CONTESTANTS: "Final[dict[str, Callable[[Context], Contestant]]]" = {
    "mixture": _from("mixed", "Mixed"),
    "counters": _from("by_rows", "Counters"),
    "popularity": _from("baselines.popularity", "Popularity"),
    "recency": _from("baselines.popularity", "Recency"),
    "neighbours": _from("baselines.neighbours", "Neighbours"),
    "transitions": _from("baselines.transitions", "Transitions"),
    "ials": _from("baselines.ials", "IALS"),
    "gru4rec": _from("baselines.gru4rec", "GRU4Rec"),
    "sasrec": _from("baselines.sasrec", "SASRec"),
}


def contestant(name: str, context: "Context") -> "Contestant":
    """Make one of CONTESTANTS, or a learner of one's own that is named module:Class.

    Raises
    ------
    DataError
        If there is none of one's own, or a setting is out of its range.
    MissingLibraryError
        If it needs a library that is not installed; the message names the learner.

    """
    try:
        if ":" in name:
            return _from("own", "Own")(name, context)
        return CONTESTANTS[name](context)
    except MissingLibraryError as exc:
        raise MissingLibraryError(f"Learner {name}: {exc}") from exc
