"""CPU microseconds that an event costs in each stage of the user hop, by the length of the run.

Beside them, measured in between, those of a fixed piece of work that has nothing of headwater: what
slows both is the machine.
"""

import asyncio
import json
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from aiokafka import ConsumerRecord
from faust.types import TP

from agents.adapt_items import fold_items
from agents.adapt_users import Arrival, UserFold, fold_users
from agents.catalogue_feed import CatalogueFeed
from agents.keys import row_key
from agents.outbox import Outbox
from agents.publish import Publisher
from agents.records import Internal, TopicCode
from agents.route import route_items, sort_events
from agents.score import lists_for
from agents.snapshot import load_learner
from bench.figures import STAGES, Figures
from bench.ground import Ground
from bench.loads import announcements
from bench.loads import events as made_events
from models.gate import Gate
from models.mixture import Mixture
from stream.egress import Egress
from stream.fence import Fence
from stream.fenced_producer import fenced_producer
from stream.metrics import Metrics
from stream.placement import Placement
from stream.rules import Rules
from stream.runs import Run
from stream.tables import MemoryBackend, RowStore

_HISTORY_RUN = 512
_SESSION = 3600.0  # no heartbeat comes here, and none is missed
_NOW_MS = 1_700_000_000_000
_BATCH_BYTES = 262_144  # as in a worker
_WORK = "work"
_WORKS = 4  # before each run: long runs are few
_NUMBERS = np.random.default_rng(1).random(2_000)


def stages(ground: Ground) -> Figures:
    """`stages_us.STAGE.SIZE`: the median over runs of that size, each of as many users.

    decode: JSON to events; fold: rows and feedback; score: the gate's lesson, which scores the
    target and its sample; top_k: the list, scores and choice in one; encode: lists and rows to
    bytes; produce: a run alone on its way, until Kafka has acknowledged all of it. `work_us.SIZE`:
    the fixed work, before each run of that size.
    """
    spent = asyncio.run(_measure(ground.beside("stages")))
    found = {}
    for size, taken in spent.items():
        found |= {f"stages_us.{stage}.{size}": taken.median(stage) for stage in STAGES}
        found[f"work_us.{size}"] = taken.median(_WORK)
    return found


@dataclass
class Spent:
    """CPU microseconds per event of each stage, one number per run."""

    each: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    @contextmanager
    def on(self, stage: str, events: int) -> Iterator[None]:
        """Measure the block under it: the thread that everything of a run happens in."""
        began = time.thread_time_ns()
        yield
        self.each[stage].append((time.thread_time_ns() - began) / 1000 / events)

    def median(self, stage: str) -> float:
        """Half of the runs took less."""
        return statistics.median(self.each[stage])


def _work() -> None:
    """Do what stages consist of, always the same: JSON, small objects, arrays, memory."""
    for number in range(20):
        text = json.dumps({"user_id": f"u{number}", "items": list(range(10)), "score": 0.25})
        json.loads(text)
    places = _NUMBERS.argsort()
    np.add.at(np.zeros(_NUMBERS.size), places, _NUMBERS)


async def _measure(ground: Ground) -> dict[int, Spent]:
    sizes = ground.sizes
    bench = Workbench(ground)
    bench.announce()
    records = bench.records(sizes.stage_history)
    for at in range(0, len(records), _HISTORY_RUN):
        bench.learn(records[at : at + _HISTORY_RUN])
    await bench.start()
    found = {}
    for size in sizes.run_sizes:
        await bench.apply(bench.records(size), Spent())  # not measured: the first is slow
        spent = found[size] = Spent()
        for _ in range(max(3, sizes.stage_events // size)):
            await bench.apply(bench.records(size), spent)
    await bench.stop()
    return found


class Workbench:
    """The user hop step by step, as agents.user_hop takes them, on rows in memory."""

    def __init__(self, ground: Ground) -> None:
        settings, self._topics, self._sizes = ground.settings, ground.topics, ground.sizes
        self._length = settings.list_length
        self._learner: Mixture = load_learner(settings)
        self._rules = Rules.of(settings)
        self._feed = CatalogueFeed(settings, ground.topics.item_vectors, self._learner, Metrics())
        self._gate: Gate = self._learner.initial_gate()
        self._users: dict[str, bytes | None] = {}
        self._items: dict[str, bytes | None] = {}
        self._outbox = Outbox(ground.topics)
        version = self._learner.version.hex()
        self._publisher = Publisher({TopicCode.EVENTS: ground.topics.events.name}, version)
        self._fence = Fence(_SESSION)
        self._failed: list[BaseException] = []
        self._egress = Egress(
            self._fence, settle=_ignore, release=_ignore, fail=self._failed.append
        )
        self._broker, self._linger = settings.broker, settings.linger_ms
        rows = self._topics.user_rows
        self._producer = fenced_producer(self._fence, self._fence.lose, {rows.name})
        self._table = RowStore("users", rows.name, rows.partitions, MemoryBackend())
        self._made = 0

    async def start(self) -> None:
        """Connect the producer."""
        self._fence.joined()
        self._started = self._producer(
            bootstrap_servers=self._broker,
            linger_ms=self._linger,
            max_batch_size=_BATCH_BYTES,
            max_request_size=16 * _BATCH_BYTES,
        )
        await self._started.start()
        self._egress.start(self._started)

    async def stop(self) -> None:
        """Disconnect; raises what a send failed with."""
        await self._started.stop()
        if self._failed:
            raise self._failed[0]

    def records(self, count: int) -> list[ConsumerRecord]:
        """The next so many events, as a fetch gives them, of one partition and as many users."""
        made = made_events(count, self._sizes.users, self._sizes.items, self._made)
        first, self._made = self._made, self._made + count
        return [
            _record(self._topics.events.name, first + place, key, value)
            for place, (key, value) in enumerate(made)
        ]

    def learn(self, records: Sequence[ConsumerRecord]) -> None:
        """Apply a run to both hops without measuring it or sending anything."""
        fold = self._fold(sort_events(records, 0, Placement(1), self._rules).arrivals)
        self._keep(fold)
        self._learn_items([(item, Internal.unpack(value)) for item, value in fold.feedback])

    def announce(self) -> None:
        """Make all items known."""
        made = announcements(range(self._sizes.items))
        topic = self._topics.items.name
        records = [_record(topic, place, key, value) for place, (key, value) in enumerate(made)]
        forwards = route_items(records, Placement(1), self._rules).forwards
        self._learn_items(
            [((one.key or b"").decode(), Internal.unpack(one.value)) for one in forwards]
        )

    def _learn_items(self, feedback: Sequence[tuple[str, Internal]]) -> None:
        rows = {item: self._items.get(item) for item, _ in feedback}
        items = fold_items(self._learner, rows, feedback).rows
        self._items |= items
        topic = self._topics.item_vectors.name
        self._feed.apply([_record(topic, 0, row_key(item), row) for item, row in items.items()])

    async def apply(self, records: Sequence[ConsumerRecord], spent: Spent) -> None:
        """Take a run through all stages."""
        n = len(records)
        for _ in range(_WORKS):
            with spent.on(_WORK, 1):
                _work()
        with spent.on("decode", n):
            arrivals = sort_events(records, 0, Placement(1), self._rules).arrivals
        with spent.on("fold", n):
            fold = self._fold(arrivals)
        catalogue, seed = self._feed.catalogue, records[-1].offset
        with spent.on("score", n):
            self._gate = self._learner.learn_gate(
                self._gate, fold.before, fold.events, catalogue, seed
            )
        with spent.on("top_k", n):
            after = fold.after.take(list(fold.orders))
            lists = lists_for(self._learner, after, self._gate, catalogue, self._length)
        with spent.on("encode", n):
            published = [
                self._publisher.for_user(
                    order.user_id, items, fold.rows[place].source, order.event, _NOW_MS
                )
                for (place, order), items in zip(fold.orders.items(), lists, strict=True)
            ]
            rows = self._keep(fold)
        run = Run(TP(self._topics.events.name, 0), records, self._fence.epoch, ())
        with spent.on("produce", n):
            sent = await self._egress.submit(
                run,
                table=self._table,
                rows=rows,
                first=self._outbox.feedback(fold.feedback),
                others=self._outbox.lists(published),
            )
            await sent.settled

    def _fold(self, arrivals: Sequence[Arrival]) -> UserFold:
        rows = {arrival.user_id: self._users.get(arrival.user_id) for arrival in arrivals}
        return fold_users(self._learner, self._rules, self._feed.catalogue, rows, arrivals)

    def _keep(self, fold: UserFold) -> list[tuple[bytes, bytes]]:
        """Pack the users' rows and keep them."""
        packed = {user: row.pack() for user, row in zip(fold.users, fold.rows, strict=True)}
        self._users |= packed
        return [(row_key(user), row) for user, row in packed.items()]


def _record(topic: str, offset: int, key: bytes, value: bytes) -> ConsumerRecord:
    return ConsumerRecord(topic, 0, offset, _NOW_MS, 1, key, value, None, 0, 0, ())


def _ignore(_run: Run) -> None:
    """Nobody waits for this run's offset."""
