"""The shell of the user hop: a run of `events` or `user-input` in, rows, feedback and lists out."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from aiokafka.structs import ConsumerRecord

from agents.adapt_users import Arrival, UserFold, fold_users
from agents.bisect import fold_without_culprits
from agents.catalogue_feed import CatalogueFeed
from agents.dead_letters import DeadLetter
from agents.hit_ratio import HitRatio
from agents.keys import GATE, row_key
from agents.outbox import Outbox
from agents.prequential import Trial, trials_of
from agents.publish import Publisher
from agents.records import Place
from agents.route import Sorted, sort_events, sort_user_input
from agents.score import ids_of, lists_for
from agents.served import Served
from models.gate import Gate
from stream.app import Foundation
from stream.intake import Run
from stream.metrics import Metrics
from stream.placement import Placement
from stream.schemas import ListItem, Rules
from stream.tables import RowStore


@dataclass(slots=True)
class Plan:
    """Everything that a run leads to.

    Rows, feedback as (item_id, value), lists as (key, value), and `shown`: as (user_id, item_ids).
    """

    rows: list[tuple[bytes, bytes]] = field(default_factory=list)
    feedback: list[tuple[str, bytes]] = field(default_factory=list)
    lists: list[tuple[bytes, bytes]] = field(default_factory=list)
    sources: list[Place] = field(default_factory=list)
    applied: list[str] = field(default_factory=list)
    redelivered: int = 0
    trials: list[Trial] = field(default_factory=list)
    shown: list[tuple[str, list[str]]] = field(default_factory=list)
    gate: Gate | None = None
    causes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class UserHop:
    """Adapts users: folds each run into their rows and publishes their lists."""

    foundation: Foundation
    table: RowStore
    learner: Served
    rules: Rules
    feed: CatalogueFeed
    outbox: Outbox
    publisher: Publisher
    metrics: Metrics
    hit_ratio: HitRatio
    _owners: Placement = field(init=False)

    def __post_init__(self) -> None:
        self._owners = Placement(self.foundation.topics.events.partitions)

    async def handle(self, run: Run) -> None:
        """Apply one run.

        The lock keeps the runs of `events` and `user-input` apart, which share the rows of a
        partition: nobody reads them between the reading and the handing over of new ones.
        """
        await self.feed.ready.wait()
        async with self.table.lock(run.partition):
            await self._apply(run)

    async def _apply(self, run: Run) -> None:
        with self.metrics.stage("decode"):
            sorted_run = self._sort(run)
        # Read before the bisection: a store that fails is no record's fault.
        users = list(dict.fromkeys(arrival.user_id for arrival in sorted_run.arrivals))
        values = self.table.get_many(run.partition, [GATE, *map(row_key, users)])
        rows = dict(zip(users, values[1:], strict=True))
        plan, culprits = fold_without_culprits(
            partial(self._plan, rows, values[0], run.offset), sorted_run.arrivals
        )
        for arrival, error in culprits:
            record = run.records[arrival.index]
            sorted_run.dead.append(self._culprit(run, record, error))
        self._count(run, sorted_run, plan)
        with self.metrics.stage("produce"):
            sent = await self.foundation.egress.submit(
                run,
                table=self.table,
                rows=plan.rows,
                first=self.outbox.feedback(plan.feedback),
                others=[
                    *self.outbox.lists(plan.lists),
                    *self.outbox.forwards_to_users(sorted_run.forwards),
                    *self.outbox.dead(sorted_run.dead),
                ],
            )
        sent.lists_acked.add_done_callback(partial(self._observe_lag, plan.sources))

    def _sort(self, run: Run) -> Sorted:
        if run.topic == self.foundation.topics.events.name:
            return sort_events(run.records, run.partition, self._owners, self.rules)
        return sort_user_input(run.records, self.rules, self.publisher.topics)

    def _culprit(self, run: Run, record: ConsumerRecord, error: Exception) -> DeadLetter:
        if run.topic == self.foundation.topics.events.name:
            return DeadLetter.of(record, "fold", repr(error))
        return DeadLetter.of_forwarded(record, self.publisher.topics, "fold", repr(error))

    def _plan(
        self,
        known: Mapping[str, bytes | None],
        gate_row: bytes | None,
        seed: int,
        arrivals: Sequence[Arrival],
    ) -> Plan:
        """Fold, let the gate learn, and score: pure but for the clock of lists and stages."""
        rows = {arrival.user_id: known[arrival.user_id] for arrival in arrivals}
        with self.metrics.stage("fold"):
            fold = fold_users(self.learner, self.rules, self.feed.catalogue, rows, arrivals)
        gate = self.learner.unpack_gate(gate_row)
        plan = Plan(feedback=fold.feedback, applied=fold.applied, redelivered=fold.redelivered)
        plan.trials = trials_of(fold)
        plan.gate = gate
        with self.metrics.stage("score"):
            if len(fold.events):
                gate = self.learner.learn_gate(
                    gate, fold.before, fold.events, self.feed.catalogue, seed
                )
                plan.rows.append((GATE, gate.pack()))
        with self.metrics.stage("topk"):
            lists = self._lists(fold, gate)
        with self.metrics.stage("encode"):
            self._add_lists(plan, fold, lists)
            plan.rows.extend(
                (row_key(user), row.pack()) for user, row in zip(fold.users, fold.rows, strict=True)
            )
        return plan

    def _lists(self, fold: UserFold, gate: Gate) -> list[list[ListItem]]:
        """Score and rank, for each order in turn."""
        if not fold.orders:
            return []
        length = self.foundation.settings.list_length
        states = fold.after.take(list(fold.orders))
        return lists_for(self.learner, states, gate, self.feed.catalogue, length)

    def _add_lists(self, plan: Plan, fold: UserFold, lists: Sequence[Sequence[ListItem]]) -> None:
        now_ms = time.time_ns() // 1_000_000
        for place, items in zip(fold.orders, lists, strict=True):
            order, source = fold.orders[place], fold.rows[place].source
            if source is None:  # nothing of this user was ever applied, so there is nothing to name
                continue
            plan.lists.append(
                self.publisher.for_user(order.user_id, items, source, order.event, now_ms)
            )
            plan.shown.append((order.user_id, ids_of(items)))
            plan.sources.append(source)
            plan.causes.append("profile" if order.event is None else "event")

    def _count(self, run: Run, sorted_run: Sorted, plan: Plan) -> None:
        metrics = self.metrics
        metrics.batch_size.observe(len(run.records))
        metrics.count_events(plan.applied)
        metrics.count_recommendations(plan.causes)
        metrics.count_forwarded(forward.reason for forward in sorted_run.forwards)
        metrics.count_dead_letters(letter.reason for letter in sorted_run.dead)
        metrics.redelivered.inc(plan.redelivered)
        self.feed.note_listed({item_id for _, item_ids in plan.shown for item_id in item_ids})
        self.hit_ratio.measure(plan.trials, plan.shown, plan.gate)

    def _observe_lag(self, sources: Sequence[Place], acked: asyncio.Future[float]) -> None:
        """Measure from each event's broker time to the acknowledgement of its user's list."""
        if acked.cancelled():  # the run belonged to an older generation and was dropped
            return
        now_ms = acked.result() * 1000
        for source in sources:
            self.metrics.adaptation_lag.observe(max(0.0, (now_ms - source.broker_ms) / 1000))
