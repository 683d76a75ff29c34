"""The shell of the item hop: a run of `item-feedback` in, rows for `item-vectors` out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from aiokafka.structs import ConsumerRecord

from agents.adapt_items import fold_items
from agents.bisect import fold_without_culprits
from agents.dead_letters import DeadLetter
from agents.keys import row_key
from agents.outbox import Outbox
from agents.records import Internal
from agents.served import Served
from stream.app import Foundation
from stream.errors import CodecError
from stream.metrics import Metrics
from stream.runs import Run
from stream.tables import RowStore


@dataclass(slots=True)
class Plan:
    """The rows that a run leads to, as (key, value)."""

    rows: list[tuple[bytes, bytes]] = field(default_factory=list)
    redelivered: int = 0


@dataclass(slots=True)
class ItemHop:
    """Adapts items: folds each run of feedback and announcements into their rows."""

    foundation: Foundation
    table: RowStore
    learner: Served
    outbox: Outbox
    metrics: Metrics

    async def handle(self, run: Run) -> None:
        """Apply one run; nothing waits between reading the rows and handing over the new ones."""
        arrivals, dead = read_feedback(run.records)
        # Read before the bisection: a store that fails is no record's fault.
        items = list(dict.fromkeys(item_id for _, item_id, _ in arrivals))
        values = self.table.get_many(run.partition, [row_key(item_id) for item_id in items])
        rows = dict(zip(items, values, strict=True))
        plan, culprits = fold_without_culprits(partial(self._plan, rows), arrivals)
        dead += [
            DeadLetter.of(run.records[index], "fold", repr(error))
            for (index, _, _), error in culprits
        ]
        self.metrics.redelivered.inc(plan.redelivered)
        self.metrics.count_dead_letters(letter.reason for letter in dead)
        await self.foundation.egress.submit(
            run, table=self.table, rows=plan.rows, others=self.outbox.dead(dead)
        )

    def _plan(
        self,
        known: Mapping[str, bytes | None],
        arrivals: Sequence[tuple[int, str, Internal]],
    ) -> Plan:
        rows = {item_id: known[item_id] for _, item_id, _ in arrivals}
        records = [(item_id, record) for _, item_id, record in arrivals]
        fold = fold_items(self.learner, rows, records)
        return Plan(
            [(row_key(item_id), row) for item_id, row in fold.rows.items()], fold.redelivered
        )


def read_feedback(
    records: Sequence[ConsumerRecord],
) -> tuple[list[tuple[int, str, Internal]], list[DeadLetter]]:
    """Return (index, item_id, record) for what can be read, and the rest as dead letters."""
    arrivals: list[tuple[int, str, Internal]] = []
    dead: list[DeadLetter] = []
    for index, record in enumerate(records):
        try:
            if not record.key:
                raise CodecError("a record of item-feedback has its item's id as key; got none")
            item_id = record.key.decode()
            arrivals.append((index, item_id, Internal.unpack(record.value or b"")))
        except (CodecError, UnicodeDecodeError) as exc:
            dead.append(DeadLetter.of(record, "schema", str(exc)))
    return arrivals, dead
