"""Defect: after recovery partitions are resumed first and moved to their offsets afterwards.

Where: faust/tables/recovery.py, `on_recovery_completed` (lines 650-659), and `_resume_streams`, its
twin for apps without tables. Events that are fetched in
between are thrown away when the queues are cleared. Measured: 7-21 of 12,000 events gone at a
rebalance, and commits stuck for ever.
Cure: the same steps, with the seek before the resumption.
"""

import asyncio

from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from mode.services import WaitArgT
from mode.utils.times import Seconds

from stream.faustfix import FAUST_LOG


class SeekFirstRecovery(Recovery):
    """Recovery that moves partitions to their committed offsets before it lets them flow."""

    logger = FAUST_LOG

    async def on_recovery_completed(self, generation_id: int = 0) -> None:
        """Finish a recovery; a newer generation ends it at once, without letting anything flow."""
        await self.app.on_rebalance_complete.send()
        self._set_recovery_ended()
        await self._tell_tables()
        if self.app.consumer_generation_id != generation_id:
            return
        assignment = self.app.consumer.assignment()
        if assignment:
            await self._wait(self.app.consumer.perform_seek())
        self.completed.set()
        self.app.flow_control.resume()
        self.app.consumer.resume_partitions(
            {tp for tp in assignment if not self._is_changelog_tp(tp)}
        )
        self.app.consumer.resume_flow()
        await self.app._fetcher.maybe_start()  # type: ignore[attr-defined]  # noqa: SLF001
        self.tables.on_actives_ready()
        if not self.app.assignor.assigned_standbys():
            self.tables.on_standbys_ready()
        self.app.on_rebalance_end()

    async def _resume_streams(self, generation_id: int = 0) -> None:
        """The same for an app without tables."""
        await self.on_recovery_completed(generation_id)

    async def _tell_tables(self) -> None:
        told = [
            asyncio.ensure_future(
                table.on_recovery_completed(
                    self.actives_for_table[table], self.standbys_for_table[table]
                )
            )
            for table in self.tables.values()
        ]
        if told:
            await asyncio.wait(told)

    async def _wait(  # Faust's signature
        self,
        coro: WaitArgT,
        timeout: Seconds | None = None,  # noqa: ASYNC109
    ) -> None:
        """Wait for a step as long as it takes: a broker that is away is waited for."""
        del timeout
        await super()._wait(coro)


class SeekFirstTableManager(TableManager):
    """A table manager with that recovery."""

    logger = FAUST_LOG

    async def on_start(self) -> None:
        """Start recovery at once: Faust sleeps a second here, for tables that are declared late."""
        await self._update_channels()
        await self.recovery.start()

    @property
    def recovery(self) -> Recovery:
        """The recovery service, made at first use."""
        if self._recovery is None:
            self._recovery = SeekFirstRecovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery
