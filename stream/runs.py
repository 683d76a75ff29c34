"""Runs and waves: the units in which records come out of Kafka and go to agents."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import faust
from aiokafka import ConsumerRecord
from faust.types import TP, Message
from faust.types.tuples import ConsumerMessage


class RunMessage(ConsumerMessage):
    """A Faust message that stands for a run of records; that of a wave's first run carries it.

    Contains: Faust acknowledges a message that it skips (in a rebalance). Whatever Faust
    acknowledges is ignored, only the consumer's `settle` counts.
    """

    __slots__ = ("position_epoch",)

    position_epoch: int  # the consumer's, when this was read

    def ack(self, consumer: Any, n: int = 1) -> bool:
        """Ignore Faust's acknowledgements: also a message that it skipped gets one."""
        del consumer, n
        return False


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """What one fetch brought for one partition: the unit of sending and committing."""

    tp: TP
    records: Sequence[ConsumerRecord]
    #: The fence's epoch that was read before the records were fetched.
    epoch: int
    #: Faust's messages for these records, in order.
    messages: tuple[RunMessage, ...]

    @property
    def topic(self) -> str:
        """The topic's full name."""
        return self.tp.topic

    @property
    def partition(self) -> int:
        """The partition's number."""
        return self.tp.partition

    @property
    def offset(self) -> int:
        """The offset of the last record."""
        offset: int = self.records[-1].offset
        return offset


Wave = Sequence[Run]
"""What one fetch brought for one topic, a run for each partition: the unit of folding."""

Handler = Callable[[Run], Awaitable[None]]
WaveHandler = Callable[[Wave], Awaitable[None]]


def waves(runs: Iterable[Run], most: int) -> Iterator[Wave]:
    """Put runs of one topic, none longer than `most`, into waves of at most `most` records.

    A partition has one run in a wave at most, if all of its runs but the last have `most` records.
    """
    wave: list[Run] = []
    size = 0
    for run in runs:
        if wave and size + len(run.records) > most:
            yield wave
            wave, size = [], 0
        wave.append(run)
        size += len(run.records)
    if wave:
        yield wave


class WaveSchema(faust.Schema[Any, Any]):
    """Hands an agent the wave itself; decoding is the agent's."""

    def compile(self, app: Any, **_: object) -> Callable[..., Awaitable[Any]]:
        """What Faust calls for each message."""

        async def decode(message: Message, *, propagate: bool = False) -> Any:
            del propagate
            return app.create_event(None, message.value, (), message)

        return decode
