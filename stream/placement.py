"""Which partition a key belongs to: murmur2, as Kafka's own Java client and aiokafka place it."""

from collections.abc import Sequence

from aiokafka.partitioner import murmur2

# Hashing costs microseconds in pure Python; a worker sees its active users again and again.
_CACHE_KEYS = 100_000


def partition_of(key: bytes, n: int) -> int:
    """The partition, 0 to n - 1, where `key` belongs among `n` (Kafka's default partitioner)."""
    return _positive_hash(key) % n


class Placement:
    """Places many keys at once among `n` partitions, remembering the latest 100,000 hashes."""

    def __init__(self, n: int) -> None:
        self.n = n
        self._known: dict[bytes, int] = {}

    def partitions_of(self, keys: Sequence[bytes]) -> list[int]:
        """One partition per key, in order."""
        known = self._known
        if len(known) > _CACHE_KEYS:
            known.clear()
        placed = []
        for key in keys:
            partition = known.get(key)
            if partition is None:
                partition = known[key] = _positive_hash(key) % self.n
            placed.append(partition)
        return placed


def _positive_hash(key: bytes) -> int:
    hashed: int = murmur2(key)
    return hashed & 0x7FFFFFFF
