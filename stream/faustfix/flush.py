"""Defect: a producer's flush returns while messages are unsent, and says nothing of failed ones.

Where: faust/transport/producer.py, `flush` and `flush_atmost`. It waits for an *empty* buffer, so
that commits starve under load; gives up after 100 ms without a send; and ignores sends that failed.
Measured: offsets committed with 58 changelog messages unsent; 200 of 200 failed writes committed.
Cure: a barrier in the buffer behind everything queued so far; a failed send fails every flush.
"""

import asyncio
from typing import Any, cast

from faust.exceptions import ProducerSendError
from faust.transport.drivers.aiokafka import Producer
from faust.types.tuples import FutureMessage

from stream.faustfix import FAUST_LOG


class FlushProducer(Producer):
    """A producer whose flush returns when all that was handed over before is acknowledged."""

    logger = FAUST_LOG
    first_failure: BaseException | None = None
    _sending = 0

    async def send(self, *args: Any, **kwargs: Any) -> Any:
        """Hand one message to aiokafka; a failure, now or later, is remembered for `flush`."""
        # Counts what has left the buffer and waits inside aiokafka for room in a batch.
        self._sending += 1
        try:
            future = await super().send(*args, **kwargs)
        except Exception as error:
            self.note_failure(error)
            raise
        finally:
            self._sending -= 1
        cast("asyncio.Future[Any]", future).add_done_callback(self._done)
        return future

    def note_failure(self, error: BaseException) -> None:
        """Remember the first send that failed."""
        self.first_failure = self.first_failure or error

    async def flush(self) -> None:
        """Return when everything handed over so far is acknowledged.

        Raises ProducerSendError if any send of this producer has failed: nothing that depends on
        it may be committed.
        """
        if self.buffer.size or self._sending:
            barrier = _Barrier()
            self.buffer.pending.put_nowait(barrier)
            await barrier.reached.wait()
        if self._producer is not None:
            await self._producer.flush()
        await asyncio.sleep(0)  # lets the callbacks of the last acknowledgements run
        if self.first_failure is not None:
            raise ProducerSendError(f"undelivered: {self.first_failure!r}")

    def _done(self, future: "asyncio.Future[Any]") -> None:
        if future.cancelled():
            self.note_failure(ProducerSendError("a send was cancelled"))
        elif (error := future.exception()) is not None:
            self.note_failure(error)


class _Barrier:
    """Sits in the buffer as a message does; its turn comes when all before it have had theirs."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        # The buffer calls fut.message.channel.publish_message(fut): all three are this object.
        self.message = self
        self.channel = self

    async def publish_message(self, _message: FutureMessage, *, wait: bool = False) -> None:
        del wait
        self.reached.set()
