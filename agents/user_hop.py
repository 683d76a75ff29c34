"""The shell of the user hop: `events` and `user-input` in, rows, feedback and lists out."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from aiokafka.structs import ConsumerRecord

from agents.bisect import fold_without_culprits
from agents.dead_letters import DeadLetter
from agents.hit_ratio import HitRatio
from agents.keys import GATE, row_key
from agents.outbox import Outbox
from agents.records import Place
from agents.route import Sorted, sort_events, sort_user_input
from agents.user_plan import Known, Outputs, Plan, Planner
from stream.app import Foundation
from stream.metrics import Metrics
from stream.placement import Placement
from stream.runs import Run, Wave
from stream.tables import RowStore


@dataclass(slots=True)
class UserHop:
    """Adapts users: folds what comes into their rows and publishes their lists."""

    foundation: Foundation
    table: RowStore
    planner: Planner
    outbox: Outbox
    metrics: Metrics
    hit_ratio: HitRatio
    _owners: Placement = field(init=False)

    def __post_init__(self) -> None:
        self._owners = Placement(self.foundation.topics.events.partitions)

    async def handle(self, run: Run) -> None:
        """Apply one run of `user-input`, whose users may be in a partition that is not theirs."""
        await self.handle_wave([run])

    async def handle_wave(self, wave: Wave) -> None:
        """Apply one wave; a user is in one run of it at most.

        The lock keeps those of `events` and `user-input` apart, which share the rows: nobody reads
        them between the reading and the handing over of new ones.
        """
        await self.planner.feed.ready.wait()
        async with self.table.lock:
            await self._apply(wave)

    async def _apply(self, wave: Wave) -> None:
        with self.metrics.stage("decode"):
            decoded = [self._sort(run) for run in wave]
        # Read before the bisection: a store that fails is no record's fault.
        known = {
            run.partition: self._known(run, one) for run, one in zip(wave, decoded, strict=True)
        }
        plan, culprits = fold_without_culprits(
            partial(self.planner.plan, known),
            [arrival for one in decoded for arrival in one.arrivals],
        )
        places = {run.partition: place for place, run in enumerate(wave)}
        for arrival, error in culprits:
            place = places[arrival.read.partition]
            record = wave[place].records[arrival.index]
            decoded[place].dead.append(self._culprit(wave[place], record, error))
        self._count(wave, decoded, plan)
        with self.metrics.stage("produce"):
            for run, one in zip(wave, decoded, strict=True):
                await self._submit(run, one, plan.outputs.get(run.partition, Outputs()))

    async def _submit(self, run: Run, decoded: Sorted, outputs: Outputs) -> None:
        sent = await self.foundation.egress.submit(
            run,
            table=self.table,
            rows=outputs.rows,
            first=self.outbox.feedback(outputs.feedback),
            others=[
                *self.outbox.lists(outputs.lists),
                *self.outbox.forwards_to_users(decoded.forwards),
                *self.outbox.dead(decoded.dead),
            ],
        )
        sent.lists_acked.add_done_callback(partial(self._observe_lag, outputs.sources))

    def _known(self, run: Run, decoded: Sorted) -> Known:
        users = list(dict.fromkeys(arrival.user_id for arrival in decoded.arrivals))
        gate, *rows = self.table.get_many(run.partition, [GATE, *map(row_key, users)])
        return Known(dict(zip(users, rows, strict=True)), gate, run.offset)

    def _sort(self, run: Run) -> Sorted:
        if run.topic == self.foundation.topics.events.name:
            return sort_events(run.records, run.partition, self._owners, self.planner.rules)
        return sort_user_input(run.records, self.planner.rules, self.planner.publisher.topics)

    def _culprit(self, run: Run, record: ConsumerRecord, error: Exception) -> DeadLetter:
        if run.topic == self.foundation.topics.events.name:
            return DeadLetter.of(record, "fold", repr(error))
        return DeadLetter.of_forwarded(record, self.planner.publisher.topics, "fold", repr(error))

    def _count(self, wave: Wave, decoded: Sequence[Sorted], plan: Plan) -> None:
        metrics = self.metrics
        metrics.batch_size.observe(sum(len(run.records) for run in wave))
        metrics.count_events(plan.applied)
        metrics.count_recommendations(plan.causes)
        metrics.count_forwarded(forward.reason for one in decoded for forward in one.forwards)
        metrics.count_dead_letters(letter.reason for one in decoded for letter in one.dead)
        metrics.redelivered.inc(plan.redelivered)
        self.planner.feed.note_listed(
            {item_id for _, item_ids in plan.shown for item_id in item_ids}
        )
        self.hit_ratio.measure(plan.trials, plan.shown, plan.gate)

    def _observe_lag(self, sources: Sequence[Place], acked: asyncio.Future[float]) -> None:
        """Measure from each event's broker time to the acknowledgement of its user's list."""
        if acked.cancelled():  # the run belonged to an older generation and was dropped
            return
        now_ms = acked.result() * 1000
        for source in sources:
            self.metrics.adaptation_lag.observe(max(0.0, (now_ms - source.broker_ms) / 1000))
