"""The mixture's modules: groups of the gate's features that come and go together."""

from collections.abc import Collection, Mapping
from typing import Final

from models import neighbours, popularity, repeats, transitions
from models.errors import DataError
from models.gate import NAMES

NET: Final = "net"
TASTE: Final = "taste"
REPEATS: Final = "repeats"

_RATE: Final = popularity.NAMES[popularity.RATE]
_GROUPS: Final = {
    "popularity": tuple(name for name in popularity.NAMES if name != _RATE),
    "liking": (_RATE,),
    "transitions": transitions.NAMES,
    "neighbours": neighbours.NAMES,
    REPEATS: repeats.NAMES,
}
MODULES: Final[Mapping[str, tuple[str, ...]]] = _GROUPS | {
    name: (name,) for name in NAMES if not any(name in group for group in _GROUPS.values())
}
"""Names of gate.NAMES by module; what belongs to no group, as the net, is a module of its own."""


def features_of(modules: Collection[str]) -> tuple[str, ...]:
    """The features of the named modules, in the gate's order.

    Raises
    ------
    DataError
        If there is no such module.

    """
    if unknown := [name for name in modules if name not in MODULES]:
        raise DataError(f"modules are {', '.join(MODULES)}; got {', '.join(unknown)}.")
    chosen = {name for module in modules for name in MODULES[module]}
    return tuple(name for name in NAMES if name in chosen)
