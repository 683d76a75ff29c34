"""Puts a run's outputs into record batches, one for each topic and partition that they go to."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from agents.dead_letters import DeadLetter
from agents.route import Forward
from stream.egress import Out
from stream.placement import Placement
from stream.topics import INTERNAL_BYTES, Topic, Topics

Headers = Sequence[tuple[str, bytes]]
Record = tuple[bytes | None, bytes | None, Headers]
_NO_HEADERS: Headers = ()
# Of key and value; headers and the batch take the rest.
_DEAD_LETTER_LIMIT = INTERNAL_BYTES - 8192


class Outbox:
    """Knows where keys belong in each topic that the agents write."""

    def __init__(self, topics: Topics) -> None:
        self._topics = topics
        self._items = Placement(topics.item_feedback.partitions)
        self._readers = Placement(topics.recommendations.partitions)

    def feedback(self, records: Sequence[tuple[str, bytes]]) -> list[Out]:
        """Batches for `item-feedback` of (item_id, value), each in its item's partition."""
        keys = [item_id.encode() for item_id, _ in records]
        values = (value for _, value in records)
        return _by_partition(self._topics.item_feedback, self._items, keys, values)

    def lists(self, records: Sequence[tuple[bytes, bytes]]) -> list[Out]:
        """Batches for `recommendations` of (key, value), each in its user's partition."""
        keys = [key for key, _ in records]
        values = (value for _, value in records)
        return _by_partition(self._topics.recommendations, self._readers, keys, values)

    def forwards_to_users(self, forwards: Iterable[Forward]) -> list[Out]:
        """Batches for `user-input`."""
        return _forwards(self._topics.user_input, forwards)

    def forwards_to_items(self, forwards: Iterable[Forward]) -> list[Out]:
        """Batches for `item-feedback`."""
        return _forwards(self._topics.item_feedback, forwards)

    def dead(self, letters: Iterable[DeadLetter]) -> list[Out]:
        """Batches for `dead-letters`, in the partition of the source as far as there is one."""
        topic = self._topics.dead_letters
        grouped: dict[int, list[Record]] = defaultdict(list)
        for letter in letters:
            grouped[letter.partition % topic.partitions].append(letter.record(_DEAD_LETTER_LIMIT))
        return _outs(topic, grouped)


def _by_partition(
    topic: Topic, placement: Placement, keys: Sequence[bytes], values: Iterable[bytes]
) -> list[Out]:
    grouped: dict[int, list[Record]] = defaultdict(list)
    for partition, key, value in zip(placement.partitions_of(keys), keys, values, strict=True):
        grouped[partition].append((key, value, _NO_HEADERS))
    return _outs(topic, grouped)


def _forwards(topic: Topic, forwards: Iterable[Forward]) -> list[Out]:
    grouped: dict[int, list[Record]] = defaultdict(list)
    for forward in forwards:
        grouped[forward.partition].append((forward.key, forward.value, forward.headers))
    return _outs(topic, grouped)


def _outs(topic: Topic, grouped: dict[int, list[Record]]) -> list[Out]:
    return [Out(topic.name, partition, records) for partition, records in grouped.items()]
