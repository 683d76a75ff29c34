"""Defect: a queue that drains resumes its partition, even one that was paused for a rebalance.

Where: faust/transport/consumer.py, `on_buffer_drop`. A partition whose queue was full is put back
among the active ones when its agent asks for the next message, also when it has been paused since;
its events are then fetched before its table is recovered. Found by reading.
Cure: a paused partition stays paused; whoever paused it resumes it.
"""

from faust.transport.drivers.aiokafka import Consumer
from faust.types import TP


class PausedStaysPausedConsumer(Consumer):
    """A consumer whose queues' pressure never resumes what a rebalance has paused."""

    def on_buffer_drop(self, tp: TP) -> None:
        """The queue of `tp` has room again."""
        if tp in self._paused_partitions:
            self._buffered_partitions.discard(tp)
        else:
            super().on_buffer_drop(tp)
