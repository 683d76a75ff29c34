"""A catalogue whose items have a meta-learner's vectors."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias, cast

import numpy as np

from models.arrays import Float32s, Hashes
from models.catalogue import Catalogue
from models.content import Content
from models.places import look_up
from models.vectors import Vectors

if TYPE_CHECKING:
    from models.net import Net

ItemVectors: TypeAlias = Callable[[Hashes, Sequence[Content | None]], Float32s]
Popularity: TypeAlias = Callable[[Hashes], Float32s]


class _Bridge:
    """Gives a catalogue what it asks a net for: vectors of items by hash and content."""

    def __init__(self, size: int, item_vectors: ItemVectors, popularity: Popularity) -> None:
        self.size = size
        self.adding = self.tastes = 0
        self._item_vectors, self._popularity = item_vectors, popularity

    def vectors(
        self, hashes: Hashes, contents: Sequence[Content | None]
    ) -> tuple[Float32s, Float32s, Float32s]:
        """What items enter by, nothing that a query would find, and their popularity."""
        vectors = self._item_vectors(hashes, contents)
        return vectors, np.zeros_like(vectors), self._popularity(hashes)


class Described(Catalogue):
    """A catalogue whose vectors are a MetaLearner's; for the rows it is one without a net."""

    def __init__(self, size: int, item_vectors: ItemVectors, popularity: Popularity) -> None:
        """`size`: numbers of a vector."""
        super().__init__(cast("Net", _Bridge(size, item_vectors, popularity)))

    @property
    def net(self) -> None:
        """There is none."""
        return


def of_all(catalogue: Catalogue) -> tuple[Float32s, Float32s]:
    """Vectors of all items and what popularity adds to their scores, by position.

    Raises
    ------
    ValueError
        If the catalogue is another learner's.

    """
    vectors = _vectors(catalogue)
    return vectors.enter, vectors.bias


def entering(catalogue: Catalogue, hashes: Hashes) -> Float32s:
    """Vectors of items by hash. Raises ValueError as `of_all` does."""
    place = np.empty(len(hashes), dtype=np.int64)
    look_up(catalogue.shelves.places, np.ascontiguousarray(hashes), place)
    return _vectors(catalogue).entering(place, hashes)


def _vectors(catalogue: Catalogue) -> Vectors:
    if catalogue.vectors is None:
        raise ValueError("the catalogue must come from this learner, after it was trained")
    return catalogue.vectors
