"""What a wave of arrivals leads to: one fold for all partitions, then each partition's own gate."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from agents.adapt_users import Arrival, UserFold, fold_users
from agents.catalogue_feed import CatalogueFeed
from agents.keys import GATE, row_key
from agents.prequential import Trial, trials_of
from agents.profiles import attributes_of
from agents.publish import Publisher
from agents.records import Place
from agents.score import ids_of, lists_for
from agents.served import Served
from models.gate import Gate
from stream.metrics import Metrics
from stream.rules import Rules
from stream.schemas import ListItem


@dataclass(slots=True)
class Known:
    """What a partition's rows say before its run: users' rows and the gate's, None where none is.

    `seed` is what the gate's lesson draws by.
    """

    rows: Mapping[str, bytes | None]
    gate: bytes | None
    seed: int


@dataclass(slots=True)
class Outputs:
    """What one run sends: rows, feedback as (item_id, value), lists as (key, value).

    `sources` are those that the lists name.
    """

    rows: list[tuple[bytes, bytes]] = field(default_factory=list)
    feedback: Sequence[tuple[str, bytes]] = ()
    lists: list[tuple[bytes, bytes]] = field(default_factory=list)
    sources: list[Place] = field(default_factory=list)


@dataclass(slots=True)
class Plan:
    """Everything that a wave leads to: what it sends, by partition, and what is to be counted.

    `shown` are the lists as (user_id, item_ids), `gate` one of those from before the wave.
    """

    outputs: dict[int, Outputs] = field(default_factory=dict)
    applied: list[str] = field(default_factory=list)
    redelivered: int = 0
    trials: list[Trial] = field(default_factory=list)
    shown: list[tuple[str, list[str]]] = field(default_factory=list)
    causes: list[str] = field(default_factory=list)
    gate: Gate | None = None


@dataclass(slots=True)
class _Share:
    """One partition's share of a wave's fold: places of users, of events, and of users to list."""

    partition: int
    users: slice
    events: slice
    listed: list[int]
    gate: Gate
    seed: int
    lists: list[list[ListItem]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Planner:
    """Folds, lets gates learn, and scores: pure but for the clock of lists and stages."""

    learner: Served
    rules: Rules
    feed: CatalogueFeed
    publisher: Publisher
    metrics: Metrics
    list_length: int

    def plan(self, known: Mapping[int, Known], arrivals: Sequence[Arrival]) -> Plan:
        """Apply arrivals of some partitions, each partition's together; a user has but one.

        Raises
        ------
        CodecError
            If a row's bytes cannot be read.

        """
        home = {arrival.user_id: arrival.read.partition for arrival in arrivals}
        rows = {user: known[partition].rows[user] for user, partition in home.items()}
        with self.metrics.stage("fold"):
            fold = fold_users(self.learner, self.rules, self.feed.catalogue, rows, arrivals)
        plan = Plan(applied=fold.applied, redelivered=fold.redelivered, trials=trials_of(fold))
        shares = self._shares(known, home, fold)
        plan.gate = shares[0].gate if shares else None
        with self.metrics.stage("score"):
            for share in shares:
                share.gate = self._learn(share, fold)
        with self.metrics.stage("topk"):
            for share in shares:
                share.lists = self._lists(share, fold)
        with self.metrics.stage("encode"):
            for share in shares:
                plan.outputs[share.partition] = self._encode(share, fold, plan)
        return plan

    def _shares(
        self, known: Mapping[int, Known], home: Mapping[str, int], fold: UserFold
    ) -> list[_Share]:
        events = _stretches(arrival.read.partition for arrival in fold.taught)
        return [
            _Share(
                partition,
                users,
                events.get(partition, slice(0, 0)),
                [place for place in range(users.start, users.stop) if place in fold.orders],
                self.learner.unpack_gate(known[partition].gate),
                known[partition].seed,
            )
            for partition, users in _stretches(home.values()).items()
        ]

    def _learn(self, share: _Share, fold: UserFold) -> Gate:
        events = fold.events.select(share.events)
        if not len(events):
            return share.gate
        return self.learner.learn_gate(
            share.gate, fold.before, events, self.feed.catalogue, share.seed
        )

    def _lists(self, share: _Share, fold: UserFold) -> list[list[ListItem]]:
        if not share.listed:
            return []
        states = fold.after.take(share.listed)
        if self.learner.reads_profiles:
            kept = [fold.rows[place].profile for place in share.listed]
            states = replace(states, profiles=attributes_of(kept))
        return lists_for(self.learner, states, share.gate, self.feed.catalogue, self.list_length)

    def _encode(self, share: _Share, fold: UserFold, plan: Plan) -> Outputs:
        outputs = Outputs(feedback=fold.feedback[share.events])
        if outputs.feedback:
            outputs.rows.append((GATE, share.gate.pack()))
        users, rows = fold.users[share.users], fold.rows[share.users]
        outputs.rows.extend(
            (row_key(user), row.pack()) for user, row in zip(users, rows, strict=True)
        )
        now_ms = time.time_ns() // 1_000_000
        for place, items in zip(share.listed, share.lists, strict=True):
            order, source = fold.orders[place], fold.rows[place].source
            if source is None:  # nothing of this user was ever applied, so there is nothing to name
                continue
            outputs.lists.append(
                self.publisher.for_user(order.user_id, items, source, order.event, now_ms)
            )
            outputs.sources.append(source)
            plan.shown.append((order.user_id, ids_of(items)))
            plan.causes.append("profile" if order.event is None else "event")
        return outputs


def _stretches(partitions: Iterable[int]) -> dict[int, slice]:
    """Where each partition's stretch lies, in what is ordered by partition."""
    found: dict[int, slice] = {}
    start = 0
    for partition, stretch in groupby(partitions):
        stop = start + sum(1 for _ in stretch)
        found[partition] = slice(start, stop)
        start = stop
    return found
