"""Defect: Faust's count of acknowledged offsets advances too slowly, or past what is done.

Where: faust/transport/consumer.py, `_add_gap`, `ack`, `_new_offset` (1145, 1215). It keeps a list
of acknowledged offsets and a tree of "gaps": offsets that no message carries.
* A message's own offset is put into the gap before it too and then appears twice in the list, which
  breaks "consecutive": one message per commit on compacted or batched input; lag never falls.
* A gap counts as done as soon as anything behind it is, so with messages that stand for a run of
  records those of an unfinished run may be committed.
* Acknowledgements that arrive while partitions are revoked stay in the list; after the same
  partition comes back they let a commit run past unprocessed records.
Cure: runs of a partition are settled in order, so a partition needs one number: the offset after
the last settled run since its position was last set.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from faust.transport.drivers.aiokafka import Consumer
from faust.types import TP, Message
from faust.types.transports import TPorTopicSet


class SettledOffsetsConsumer(Consumer):
    """A consumer that commits up to the last run that was settled, in order, since the seek."""

    #: How often positions were set anew: what was read before cannot be settled after.
    position_epoch = 0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._settled: dict[TP, int] = {}

    def settle(self, message: Message, position_epoch: int) -> None:
        """Everything up to `message` is done; call it in the order in which messages were read."""
        if position_epoch == self.position_epoch:
            self._settled[message.tp] = message.offset + 1
        self.release(message)

    def release(self, message: Message) -> None:
        """Wait for `message` no longer, done or not."""
        message.acked = True
        self._unacked_messages.discard(message)
        waiting = self._waiting_for_ack
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """A new assignment: another worker may have committed further than this one ever did."""
        self._forget_settled()
        await super().on_partitions_assigned(assigned, generation_id)

    async def _commit_offsets(
        self, offsets: Mapping[TP, int], start_new_transaction: bool = True
    ) -> bool:
        accepted = await super()._commit_offsets(offsets, start_new_transaction)
        if accepted:
            for tp, offset in offsets.items():
                if self._settled.get(tp) == offset:
                    del self._settled[tp]
        return accepted

    async def perform_seek(self) -> None:
        """Move to the committed offsets; what was read before will be read and settled again."""
        await super().perform_seek()
        self._forget_settled()

    def _forget_settled(self) -> None:
        self.position_epoch += 1
        self._settled.clear()

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Do nothing: a run's last offset covers the holes inside and before it."""

    def _filter_tps_with_pending_acks(self, topics: TPorTopicSet | None = None) -> Iterator[TP]:
        return (tp for tp in self._settled if topics is None or tp in topics or tp.topic in topics)

    def _new_offset(self, tp: TP) -> int | None:
        return self._settled.get(tp)
