"""Item ids as 64-bit hashes, the form in which rows and records name items."""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
import numpy.typing as npt


def item_hash(item_id: str) -> int:
    """BLAKE2b of the id's UTF-8 in 8 bytes, little endian; never 0, which marks an empty slot."""
    return int.from_bytes(blake2b(item_id.encode(), digest_size=8).digest(), "little") or 1


def item_hashes(item_ids: Sequence[str]) -> npt.NDArray[np.uint64]:
    """Hashes of n ids: uint64[n]."""
    return np.array([item_hash(item_id) for item_id in item_ids], dtype=np.uint64)
