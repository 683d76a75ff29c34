"""How far the workers of a group are behind, on both hops, by their committed offsets."""

from collections.abc import Sequence
from typing import Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from stream.connect import admin_client, consumer
from stream.settings import Settings
from stream.topics import Topics, describe


class Backlog:
    """Counts records that stand in topics and are not yet committed by settings.group."""

    def __init__(self, settings: Settings) -> None:
        topics = Topics(settings)
        # What a user's event passes on its way, both hops.
        self.topics: Sequence[str] = [
            topics.events.name,
            topics.user_input.name,
            topics.item_feedback.name,
        ]
        self._settings = settings
        self._admin: AIOKafkaAdminClient | None = None
        self._consumer: AIOKafkaConsumer | None = None
        self._partitions: list[TopicPartition] = []

    async def __aenter__(self) -> Self:
        """Connect; topics that do not exist count as empty. Raises BrokerUnreachable."""
        self._admin = await admin_client(self._settings)
        self._consumer = await consumer(self._settings)
        self._partitions = [
            TopicPartition(there.name, number)
            for there in (await describe(self._settings)).values()
            if there.name in self.topics
            for number in range(there.partitions)
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Disconnect."""
        if self._admin is not None:
            await self._admin.close()
        if self._consumer is not None:
            await self._consumer.stop()

    async def count(self) -> int:
        """Records not yet committed, in all; -1 while Kafka cannot say (ask again later)."""
        if self._admin is None or self._consumer is None:
            return -1
        try:
            done = await self._admin.list_consumer_group_offsets(self._settings.group)
            first = await self._consumer.beginning_offsets(self._partitions)
            end = await self._consumer.end_offsets(self._partitions)
        except KafkaError:
            return -1
        return sum(
            end[place] - max(first[place], done[place].offset if place in done else 0)
            for place in self._partitions
        )
