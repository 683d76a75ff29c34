"""Defect: a commit that the broker rejected is recorded as done, and never tried again.

Where: faust/transport/consumer.py, `_commit_offsets` (1080). Found by reading.
Cure: only what was accepted is recorded; the next commit tries the rest again.
"""

from collections.abc import Mapping

from faust.transport.drivers.aiokafka import Consumer
from faust.types import TP


class AcceptedCommitConsumer(Consumer):
    """A consumer that believes a commit when the broker has accepted it."""

    async def _commit_offsets(
        self, offsets: Mapping[TP, int], start_new_transaction: bool = True
    ) -> bool:
        del start_new_transaction  # no transactions here
        assignment = self.assignment()
        ours = {tp: offset for tp, offset in offsets.items() if tp in assignment}
        if not ours:
            return False
        await self.app.producer.flush()  # raises if a send has failed: then nothing is committed
        accepted = await self._commit(ours)
        if accepted:
            self.app.tables.on_commit(ours)
            self._committed_offset.update(ours)
            self.app.monitor.on_tp_commit(ours)
        return accepted
