"""Tables of items among what a meta-learner learned: made by training, read for any items."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from models.arrays import Float32s, Float64s, Hashes
from models.content import Content
from models.features import FeatureMap
from models.meta.tasks import World

NAMES: Final = ("item", "vector", "features", "content", "unknown", "range")
"""Of the tables."""
_CHUNK: Final = 4096
"""Items whose features are made at once."""


def tables(
    world: World,
    own: tuple[npt.NDArray[np.integer], Float32s | Float64s],
    features: FeatureMap,
    content: Float32s | Float64s,
    unknown: Float32s | Float64s,
) -> dict[str, npt.NDArray[Any]]:
    """The tables that `vectors` and `MetaLearner.clip` read.

    own: numbers of the items that have a vector of their own, and these [k, p]. content: [F, p],
    what each feature adds to `unknown` [p] for an item that training did not know.
    """
    numbers, rows = own
    order = np.argsort(world.hashes[numbers])
    return {
        "item": world.hashes[numbers][order],
        "vector": rows[order].astype(np.float32),
        "features": np.frombuffer(features.to_json().encode(), dtype=np.uint8).copy(),
        "content": content.astype(np.float32),
        "unknown": unknown.astype(np.float32),
        "range": np.array([world.low, world.high], dtype=np.float32),
    }


def vectors(
    learned: Mapping[str, npt.NDArray[Any]], hashes: Hashes, contents: Sequence[Content | None]
) -> Float32s:
    """Vectors of n items: float32[n, p].

    An item of the training has its own, another that of its content, without any the prior's.
    """
    known, own = learned["item"], learned["vector"]
    given = np.tile(learned["unknown"], (len(hashes), 1))
    at = np.minimum(np.searchsorted(known, hashes), max(len(known) - 1, 0))
    found = known[at] == hashes if len(known) else np.zeros(len(hashes), dtype=np.bool_)
    given[found] = own[at[found]]
    strange = [row for row in np.flatnonzero(~found).tolist() if contents[row] is not None]
    if strange:
        features = FeatureMap.from_json(learned["features"].tobytes().decode())
        for first in range(0, len(strange), _CHUNK):
            rows = strange[first : first + _CHUNK]
            sparse = features.transform([contents[row] for row in rows])
            row = np.repeat(rows, np.diff(sparse.start))
            weighted = learned["content"][sparse.feature] * sparse.weight[:, None]
            np.add.at(given, row, weighted)
    return given.astype(np.float32)
