"""aiokafka's producer behind the fence: what belongs to an older membership is never sent."""

import asyncio
import functools
import logging
from collections.abc import Callable, Container
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import ProducerFenced
from aiokafka.producer.message_accumulator import BatchBuilder, MessageAccumulator, MessageBatch
from aiokafka.producer.sender import Sender

from stream.claim import ClaimedIds
from stream.fence import Dropped, Fence, Verdict
from stream.onecopy import OneCopyHandler

log = logging.getLogger("headwater.fence")

# How often a held request asks again.
_HOLD_PAUSE = 0.02


class EpochBatch(MessageBatch):  # type: ignore[misc]  # aiokafka has no types
    """A record batch that knows the membership it belongs to and reports its failure."""

    epoch = -1
    on_failure: Callable[["EpochBatch", BaseException], None]

    def expired(self) -> bool:
        """Never: a broker that is away is waited for."""
        return False

    def failure(self, exception: BaseException) -> None:
        """The batch will not be acknowledged."""
        self.on_failure(self, exception)
        super().failure(exception)
        # Whoever waits is told by callback; asyncio shall not complain that nobody asked.
        self.future.exception()
        if self._drain_waiter.done():
            self._drain_waiter.exception()


class EpochAccumulator(MessageAccumulator):  # type: ignore[misc]  # aiokafka has no types
    """Batches that wait to be sent, each of one epoch, written under the partition's own id."""

    on_failure: Callable[[EpochBatch, BaseException], None]
    fence: Fence
    #: Topics whose batches linger for company; all others leave as soon as a request may.
    patient: Container[str] = ()

    def batch_for(self, tp: TopicPartition, epoch: int) -> EpochBatch | None:
        """The batch that lingers for `tp` or a new one; None: the one before has yet to leave."""
        waiting = self._batches.get(tp)
        if not waiting:
            batch: EpochBatch = self._append_batch(self.create_builder(), tp)
            batch.epoch = epoch
            return batch
        last: EpochBatch = waiting[-1]
        if last.epoch == epoch and last.retry_count == 0 and not last._builder.closed():  # noqa: SLF001
            return last
        return None

    def last_waiting(self, tp: TopicPartition) -> EpochBatch:
        """The batch that `batch_for` found in the way."""
        batch: EpochBatch = self._batches[tp][-1]
        return batch

    def drop_older(self, epoch: int) -> None:
        """Drop what waits for its first sending and is not of `epoch`, before it takes numbers."""
        for tp, waiting in list(self._batches.items()):
            old = [batch for batch in waiting if batch.epoch != epoch and batch.retry_count == 0]
            for batch in old:
                waiting.remove(batch)
            if not waiting:
                del self._batches[tp]
            for batch in old:
                batch.failure(Dropped())

    def failed(self) -> BaseException | None:
        """Why nothing can be sent any more, if so."""
        error: BaseException | None = self._exception
        return error

    def _append_batch(self, builder: BatchBuilder, tp: TopicPartition) -> EpochBatch:
        linger = self._linger_time if tp.topic in self.patient else 0.0
        batch = EpochBatch(tp, builder, self._batch_ttl, linger)
        batch.epoch = self.fence.epoch
        batch.on_failure = self.on_failure
        self._batches[tp].append(batch)
        if not self._waiter_future.done():
            self._waiter_future.set_result(None)
        return batch

    def _pop_batch(self, tp: TopicPartition) -> EpochBatch:
        self._txn_manager.speak_for(tp)
        batch: EpochBatch = super()._pop_batch(tp)
        return batch


class FencedSender(Sender):  # type: ignore[misc]  # aiokafka has no types
    """A sender whose produce requests pass the fence."""

    fence: Fence
    #: Why this worker may send nothing any more: a send failed for good, all later ones fail too.
    poison: BaseException | None = None

    async def _send_produce_req(
        self, node_id: int, batches: dict[TopicPartition, EpochBatch]
    ) -> None:
        held = False
        while True:
            verdicts = {tp: self._judge(batch) for tp, batch in batches.items()}
            self._drop(batches, [tp for tp, v in verdicts.items() if v is Verdict.DROP])
            if not batches:
                self._in_flight.discard(node_id)
                return
            if Verdict.HOLD not in verdicts.values():
                break
            if not held:
                held = True
                log.warning(
                    "Holding what would be written: the group was last heard of %.1f s ago.",
                    self.fence.silent_for,
                )
            await asyncio.sleep(_HOLD_PAUSE)
        await OneCopyHandler(self, batches).do(node_id)
        self._in_flight.discard(node_id)
        self._muted_partitions.difference_update(batches)

    def _judge(self, batch: EpochBatch) -> Verdict:
        return Verdict.DROP if self.poison is not None else self.fence.judge(batch.epoch)

    def _drop(
        self, batches: dict[TopicPartition, EpochBatch], dropped: list[TopicPartition]
    ) -> None:
        for tp in dropped:
            batch = batches.pop(tp)
            self._muted_partitions.discard(tp)
            log.info(
                "Dropped %d records for %s[%d] of an older membership.",
                batch.record_count,
                tp.topic,
                tp.partition,
            )
            batch.failure(self.poison or Dropped())
        if dropped:
            # Their sequence numbers are used up; the next ones would be out of order.
            self._txn_manager.renew()


class FencedProducer(AIOKafkaProducer):  # type: ignore[misc]  # aiokafka has no types
    """An idempotent producer behind the fence."""

    def __init__(
        self,
        fence: Fence,
        on_fenced: Callable[[], None],
        patient: Container[str] = (),
        **options: Any,
    ) -> None:
        """`on_fenced`: called when the broker refuses a write of the present epoch.

        `patient`: the topics for whose records `linger_ms` holds.
        """
        super().__init__(**options, enable_idempotence=True, acks="all")
        self._fence = fence
        self._on_fenced = on_fenced
        stock: MessageAccumulator = vars(self)["_message_accumulator"]
        backoff: float = vars(self)["_sender"]._retry_backoff  # noqa: SLF001
        self._txn_manager = ClaimedIds()
        self._message_accumulator = EpochAccumulator(
            self._metadata,
            stock._batch_size,  # noqa: SLF001
            stock._compression_type,  # noqa: SLF001
            stock._batch_ttl,  # noqa: SLF001
            txn_manager=self._txn_manager,
            loop=self._loop,
            linger_ms=options["linger_ms"],
        )
        self._message_accumulator.fence = fence
        self._message_accumulator.patient = patient
        self._message_accumulator.on_failure = self._failed
        self._sender = FencedSender(
            self.client,
            acks=-1,
            txn_manager=self._txn_manager,
            message_accumulator=self._message_accumulator,
            retry_backoff_ms=backoff * 1000,
            request_timeout_ms=self._request_timeout_ms,
        )
        self._sender.fence = fence

    @property
    def accumulator(self) -> EpochAccumulator:
        """Where batches wait."""
        accumulator: EpochAccumulator = self._message_accumulator
        return accumulator

    @property
    def ids(self) -> ClaimedIds:
        """The ids under which batches are written."""
        ids: ClaimedIds = self._txn_manager
        return ids

    def _failed(self, batch: EpochBatch, error: BaseException) -> None:
        if isinstance(error, ProducerFenced):
            log.warning(
                "The broker refused %d records for %s[%d]: another worker has claimed them.",
                batch.record_count,
                batch.tp.topic,
                batch.tp.partition,
            )
            if batch.epoch == self._fence.epoch:
                self._fence.lose()
                self._on_fenced()
        elif not isinstance(error, Dropped) and self._sender.poison is None:
            self._sender.poison = error


def fenced_producer(
    fence: Fence, on_fenced: Callable[[], None], patient: Container[str] = ()
) -> Callable[..., FencedProducer]:
    """What makes a FencedProducer out of aiokafka's own options."""
    return functools.partial(FencedProducer, fence, on_fenced, patient)
