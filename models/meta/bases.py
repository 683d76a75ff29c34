"""Base scorers: what the gradient learners adapt, as functions of flat weights.

A user's weights are one row: first the head, an offset and one weight for each hidden number, then
the body. Of an item's vector, its value for everyone b and its place phi, a scorer makes

    value = b + offset + hidden(body, vector) . head

The functions take arrays of numpy and tensors of torch alike, of one user or, with leading
dimensions, of many.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from models.arrays import Float32s


class Base(ABC):
    """A differentiable scorer of items with `places` numbers beside their value for everyone."""

    places: int

    @property
    @abstractmethod
    def head(self) -> int:
        """How many weights the head has, the offset among them; they come first."""

    @property
    @abstractmethod
    def size(self) -> int:
        """How many weights there are in all."""

    @abstractmethod
    def initial(self, direction: Float32s, rng: np.random.Generator) -> Float32s:
        """Weights to start from: float32[size]; direction [1 + places]: offset and taste of all."""

    @abstractmethod
    def hidden(self, body: Any, vectors: Any) -> Any:
        """What the head weighs: [..., m, head - 1] of body [..., size - head] and m vectors."""

    def value(self, weights: Any, vectors: Any) -> Any:
        """Values before any link: [..., m] of weights [..., size] and vectors [..., m, p]."""
        hidden = self.hidden(weights[..., self.head :], vectors)
        return self.of_hidden(weights[..., : self.head], hidden, vectors)

    @staticmethod
    def of_hidden(head: Any, hidden: Any, vectors: Any) -> Any:
        """Values [..., m] of a head [..., h + 1] and hidden numbers [..., m, h]."""
        return vectors[..., 0] + head[..., :1] + (hidden @ head[..., 1:, None])[..., 0]


@dataclass(frozen=True, slots=True)
class Dot(Base):
    """Factorisation: the user's taste by the item's place, turned by a matrix at first 1."""

    places: int

    @property
    def head(self) -> int:
        """The offset and the taste."""
        return 1 + self.places

    @property
    def size(self) -> int:
        """The head and the matrix."""
        return self.head + self.places * self.places

    def initial(self, direction: Float32s, rng: np.random.Generator) -> Float32s:  # noqa: ARG002
        """The taste of all, and a matrix that turns nothing."""
        turn = np.eye(self.places, dtype=np.float32)
        return np.concatenate([direction, turn.ravel()]).astype(np.float32)

    def hidden(self, body: Any, vectors: Any) -> Any:
        """Places, turned."""
        turn = body.reshape(*body.shape[:-1], self.places, self.places)
        return vectors[..., 1:] @ turn


_SPREAD: Final = 0.02
"""Of the head at the start: the item's value for everyone alone counts."""


@dataclass(frozen=True, slots=True)
class Mlp(Base):
    """A layer of rectified units on the user's embedding and the item's, concatenated."""

    places: int
    embedding: int = 8
    units: int = 16

    @property
    def head(self) -> int:
        """The offset and one weight for each unit."""
        return 1 + self.units

    @property
    def size(self) -> int:
        """The head, the user's embedding, the layer's weights for both embeddings, its offsets."""
        return self.head + self.embedding + self.units * (self.embedding + self.places + 1)

    def initial(self, direction: Float32s, rng: np.random.Generator) -> Float32s:
        """A drawn layer under a head that hardly weighs it, and the offset of all."""
        layer = rng.normal(size=(self.embedding + self.places, self.units))
        parts = (
            direction[:1],
            rng.normal(size=self.units) * _SPREAD,
            rng.normal(size=self.embedding) * _SPREAD,
            layer.ravel() / np.sqrt(self.embedding + self.places),
            np.zeros(self.units),
        )
        return np.concatenate(parts).astype(np.float32)

    def hidden(self, body: Any, vectors: Any) -> Any:
        """The rectified units."""
        user, rest = body[..., : self.embedding], body[..., self.embedding :]
        layer = rest[..., : -self.units]
        layer = layer.reshape(*layer.shape[:-1], self.embedding + self.places, self.units)
        of_user = user[..., None, :] @ layer[..., : self.embedding, :]
        of_item = vectors[..., 1:] @ layer[..., self.embedding :, :]
        unit = of_user + of_item + rest[..., None, -self.units :]
        return unit * (unit > 0)
