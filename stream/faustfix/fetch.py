"""Defect: a fetch in flight across a rebalance takes records of every partition, and loses them.

Where: faust/transport/consumer.py, `_wait_next_records`/`_getmany`: Faust hands aiokafka its live
set of active partitions. A rebalance empties that set while the fetch waits, and aiokafka
(fetcher.py, `if partitions and …`) takes an empty set for "all partitions". Measured: 19 events
dropped while their position moved on.
Cure: a view of the set that never looks empty and contains nothing once the epoch has moved on;
what was fetched for an older epoch is discarded, and read again after the seek that follows.
"""

from typing import Any

from faust.transport.drivers.aiokafka import Consumer
from faust.types import TP


class EpochFetchConsumer(Consumer):
    """A consumer whose fetches belong to one epoch: a stretch without rebalance, seek or stop."""

    fetch_epoch = 0

    def stop_flow(self) -> None:
        """Block consumption: fetches in flight become void."""
        self.fetch_epoch += 1
        super().stop_flow()

    async def perform_seek(self) -> None:
        """Move to the committed offsets: what was fetched before or meanwhile is void."""
        self.fetch_epoch += 1
        await super().perform_seek()
        self.fetch_epoch += 1

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Partitions go: fetches in flight become void."""
        self.fetch_epoch += 1
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Partitions come: fetches in flight become void."""
        self.fetch_epoch += 1
        await super().on_partitions_assigned(assigned, generation_id)

    async def _getmany(  # Faust's signature
        self,
        active_partitions: set[TP] | None,
        timeout: float,  # noqa: ASYNC109
    ) -> Any:
        if active_partitions is None:  # client-only apps read everything
            return await super()._getmany(None, timeout)
        view = FetchView(self)
        records = await super()._getmany(view, timeout)  # type: ignore[arg-type]  # set-like
        return records if view.current() else {}


class FetchView:
    """What a fetch may take, decided (in the consumer's thread) at the moment it takes it."""

    def __init__(self, consumer: EpochFetchConsumer) -> None:
        self._consumer = consumer
        self._epoch = consumer.fetch_epoch

    def current(self) -> bool:
        """Whether the epoch of this fetch still lasts."""
        return self._consumer.fetch_epoch == self._epoch

    def __bool__(self) -> bool:
        return True  # aiokafka reads an empty set as "all partitions"

    def __contains__(self, tp: object) -> bool:
        consumer = self._consumer
        return (
            self.current()
            and consumer.flow_active
            and tp in consumer._active_partitions  # noqa: SLF001
            and tp not in consumer._paused_partitions  # noqa: SLF001
        )
