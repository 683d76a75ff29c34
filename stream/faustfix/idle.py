"""Defect: the first message after idle minutes is logged as a hanging agent, with an essay.

Where: faust/transport/drivers/aiokafka.py, `verify_event_path` (827). It holds the age of the last
message against `stream_processing_timeout` (5 min) as soon as one waits, so that a partition in
which nothing came for longer is "hanging" at the very moment in which something comes.
Cure: only aiokafka's own part is looked at (does it fetch?). Whether work is done is told by
`headwater_consumer_lag_seconds`, which counts from the oldest record that waits, and its alert
HeadwaterStalled.
"""

from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from faust.types import TP


class IdleIsNotHangingThread(AIOKafkaConsumerThread):
    """A consumer's thread that takes no quiet partition for a hanging one."""

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Log an error if aiokafka has stopped fetching from the partition."""
        self._verify_aiokafka_event_path(now, tp)
