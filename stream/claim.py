"""The broker's claim: from the moment a partition is claimed, its former owner can write no more.

Contains what no clock can: the moment between a worker's check and the broker's write. Per
changelog partition InitProducerId gives the same producer id with the next epoch; one tombstone
written under it makes the broker refuse the old epoch (ProducerFenced). No transactions are needed.
It takes 10-60 ms per assignment.
"""

import asyncio
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient, ConnectionGroup, CoordinationType
from aiokafka.errors import (
    ConcurrentTransactions,
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    KafkaError,
    NotCoordinatorError,
    for_code,
)
from aiokafka.producer.transaction_manager import PidAndEpoch, TransactionManager
from aiokafka.protocol.transaction import InitProducerIdRequest

if TYPE_CHECKING:
    from stream.fenced_producer import FencedProducer

# Keys of tables begin with a byte for their kind; this one is the claim, always a tombstone.
CLAIM_KEY = b"c"
_RETRY_PAUSE = 0.05
_TRANSACTION_TIMEOUT_MS = 60_000  # the broker wants one; no transaction is ever begun
_NO_ID = PidAndEpoch(-1, -1)
_TRANSIENT = (
    ConcurrentTransactions,
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    NotCoordinatorError,
)


class ClaimedIds(TransactionManager):  # type: ignore[misc]  # aiokafka has no types
    """Producer ids: one of its own for each claimed partition, the process's for all others."""

    def __init__(self) -> None:
        super().__init__(None, 0)  # no transactions
        self._owned: dict[TopicPartition, PidAndEpoch] = {}
        self._speaking: PidAndEpoch | None = None

    def own(self, tp: TopicPartition, identity: PidAndEpoch) -> None:
        """Write to `tp` under `identity` from now on, beginning with sequence number 0."""
        self._owned[tp] = identity
        self._sequence_numbers[tp] = 0

    def speak_for(self, tp: TopicPartition) -> None:
        """`producer_id` and `producer_epoch` are those of `tp` until the next call."""
        self._speaking = self._owned.get(tp)

    def renew(self) -> None:
        """Take a new id for the process: sequence numbers of dropped batches are gone.

        Claimed partitions keep theirs: what is dropped is of an older epoch, and the next
        assignment claims anew.
        """
        for tp in [tp for tp in self._sequence_numbers if tp not in self._owned]:
            del self._sequence_numbers[tp]
        self._pid_and_epoch = _NO_ID
        self._pid_waiter = asyncio.get_running_loop().create_future()

    @property
    def producer_id(self) -> int:
        """The producer id to put into a batch."""
        identity: PidAndEpoch = self._speaking or self._pid_and_epoch
        return int(identity.pid)

    @property
    def producer_epoch(self) -> int:
        """Its epoch."""
        identity: PidAndEpoch = self._speaking or self._pid_and_epoch
        return int(identity.epoch)


async def claim(
    producer: "FencedProducer", group: str, partitions: Iterable[TopicPartition], epoch: int
) -> None:
    """Make the broker refuse whatever a former owner of `partitions` still sends.

    To be called before recovery reads the partitions' ends. Raises Dropped or ProducerFenced if a
    newer membership has begun meanwhile, KafkaError if the broker refuses the claim for good.
    """
    await asyncio.gather(*(_claim_one(producer, group, tp, epoch) for tp in partitions))


async def _claim_one(
    producer: "FencedProducer", group: str, tp: TopicPartition, epoch: int
) -> None:
    await producer.client._wait_on_metadata(tp.topic)  # noqa: SLF001
    identity = await next_identity(producer.client, f"{group}-{tp.topic}-{tp.partition}")
    producer.accumulator.drop_older(epoch)  # or it would leave under the new identity
    producer.ids.own(tp, identity)
    while (batch := producer.accumulator.batch_for(tp, epoch)) is None:
        await producer.accumulator.last_waiting(tp).wait_drain()
    batch.append(CLAIM_KEY, None, int(time.time() * 1000))
    await asyncio.shield(batch.future)


async def next_identity(client: AIOKafkaClient, name: str) -> PidAndEpoch:
    """The producer id that belongs to `name`, with an epoch that no one has had before.

    Waits for a coordinator that is away. Raises KafkaError on a refusal that will not pass.
    """
    while True:
        try:
            node = await client.coordinator_lookup(CoordinationType.TRANSACTION, name)
            await client.ready(node, group=ConnectionGroup.COORDINATION)
            request = InitProducerIdRequest(
                transactional_id=name, transaction_timeout_ms=_TRANSACTION_TIMEOUT_MS
            )
            answer = await client.send(node, request, group=ConnectionGroup.COORDINATION)
        except KafkaError as error:
            if not error.retriable:
                raise
        else:
            if answer.error_code == 0:
                return PidAndEpoch(answer.producer_id, answer.producer_epoch)
            error_type = for_code(answer.error_code)
            if error_type not in _TRANSIENT:
                raise error_type(f"claiming {name}")
        await asyncio.sleep(_RETRY_PAUSE)
