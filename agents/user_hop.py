"""The shell of the user hop: a run of `events` or `user-input` in, rows, feedback and lists out."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from agents.adapt_users import Arrival, UserFold, fold_users
from agents.bisect import fold_without_culprits
from agents.catalogue_feed import CatalogueFeed
from agents.dead_letters import DeadLetter
from agents.keys import GATE, row_key
from agents.outbox import Outbox
from agents.publish import Publisher
from agents.records import Place
from agents.route import Sorted, sort_events, sort_user_input
from agents.score import ids_of, lists_for
from models.gate import Gate
from models.mixture import Mixture
from stream.app import Foundation
from stream.intake import Run
from stream.metrics import Metrics
from stream.placement import Placement
from stream.schemas import Rules
from stream.tables import RowStore


@dataclass(slots=True)
class Plan:
    """Everything that a run leads to: rows for the table, feedback, and lists as (user, key, value)."""

    rows: list[tuple[bytes, bytes]] = field(default_factory=list)
    feedback: list[tuple[str, bytes]] = field(default_factory=list)
    lists: list[tuple[bytes, bytes]] = field(default_factory=list)
    sources: list[Place] = field(default_factory=list)
    applied: list[str] = field(default_factory=list)
    redelivered: int = 0
    listed: set[str] = field(default_factory=set)
    causes: list[str] = field(default_factory=list)


class UserHop:
    """Adapts users: folds each run into their rows and publishes their lists."""

    def __init__(
        self,
        foundation: Foundation,
        table: RowStore,
        learner: Mixture,
        rules: Rules,
        feed: CatalogueFeed,
        outbox: Outbox,
        publisher: Publisher,
        metrics: Metrics,
    ) -> None:
        self._foundation = foundation
        self._table = table
        self._learner = learner
        self._rules = rules
        self._feed = feed
        self._outbox = outbox
        self._publisher = publisher
        self._metrics = metrics
        self._events_topic = foundation.topics.events.name
        self._owners = Placement(foundation.topics.events.partitions)
        self._length = foundation.settings.list_length

    async def handle(self, run: Run) -> None:
        """Apply one run; nothing waits between reading the rows and handing over the new ones."""
        await self._feed.ready.wait()
        partition = run.tp.partition
        with self._metrics.stage("decode"):
            sorted_run = self._sort(run)
        plan, culprits = fold_without_culprits(
            partial(self._plan, partition, run.records[-1].offset), sorted_run.arrivals
        )
        for arrival, error in culprits:
            record = run.records[arrival.index]
            sorted_run.dead.append(DeadLetter.of(record, "fold", repr(error)))
        self._count(run, sorted_run, plan)
        with self._metrics.stage("produce"):
            sent = await self._foundation.egress.submit(
                run,
                table=self._table,
                rows=plan.rows,
                first=self._outbox.feedback(plan.feedback),
                others=[
                    *self._outbox.lists(plan.lists),
                    *self._outbox.forwards_to_users(sorted_run.forwards),
                    *self._outbox.dead(sorted_run.dead),
                ],
            )
        sent.lists_acked.add_done_callback(partial(self._observe_lag, plan.sources))

    def _sort(self, run: Run) -> Sorted:
        if run.tp.topic == self._events_topic:
            return sort_events(run.records, run.tp.partition, self._owners, self._rules)
        return sort_user_input(run.records, self._rules)

    def _plan(self, partition: int, seed: int, arrivals: Sequence[Arrival]) -> Plan:
        """Fold, let the gate learn, and score: pure but for the clock that stamps the lists."""
        if not arrivals:
            return Plan()
        users = list(dict.fromkeys(arrival.user_id for arrival in arrivals))
        keys = [row_key(user) for user in users]
        *rows, gate_row = self._table.get_many(partition, [*keys, GATE])
        with self._metrics.stage("fold"):
            fold = fold_users(
                self._learner, self._rules, dict(zip(users, rows, strict=True)), arrivals
            )
        gate = self._learner.unpack_gate(gate_row)
        plan = Plan(feedback=fold.feedback, applied=fold.applied, redelivered=fold.redelivered)
        with self._metrics.stage("score"):
            if len(fold.events):
                gate = self._learner.learn_gate(
                    gate, fold.before, fold.events, self._feed.catalogue, seed
                )
                plan.rows.append((GATE, gate.pack()))
            self._add_lists(plan, fold, gate)
        with self._metrics.stage("encode"):
            plan.rows.extend(
                (key, row.pack()) for key, row in zip(keys, fold.rows, strict=True)
            )
        return plan

    def _add_lists(self, plan: Plan, fold: UserFold, gate: Gate) -> None:
        places = list(fold.orders)
        if not places:
            return
        lists = lists_for(
            self._learner, fold.after.take(places), gate, self._feed.catalogue, self._length
        )
        now_ms = time.time_ns() // 1_000_000
        for place, items in zip(places, lists, strict=True):
            order, source = fold.orders[place], fold.rows[place].source
            if source is None:  # nothing of this user was ever applied, so there is nothing to name
                continue
            plan.lists.append(
                self._publisher.for_user(order.user_id, items, source, order.event, now_ms)
            )
            plan.listed.update(ids_of(items))
            plan.sources.append(source)
            plan.causes.append("profile" if order.event is None else "event")

    def _count(self, run: Run, sorted_run: Sorted, plan: Plan) -> None:
        metrics = self._metrics
        metrics.batch_size.observe(len(run.records))
        metrics.count_events(plan.applied)
        metrics.count_recommendations(plan.causes)
        metrics.count_forwarded(forward.reason for forward in sorted_run.forwards)
        metrics.count_dead_letters(letter.reason for letter in sorted_run.dead)
        metrics.redelivered.inc(plan.redelivered)
        self._feed.note_listed(plan.listed)

    def _observe_lag(self, sources: Sequence[Place], acked: asyncio.Future[float]) -> None:
        """Measure from each event's broker time to the acknowledgement of its user's list."""
        if acked.cancelled():  # the run belonged to an older generation and was dropped
            return
        now_ms = acked.result() * 1000
        for source in sources:
            self._metrics.adaptation_lag.observe(max(0.0, (now_ms - source.broker_ms) / 1000))
