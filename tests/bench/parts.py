"""The parts of a run: each measures on a round's ground and gives its figures by name."""

import asyncio
import time
from collections.abc import Callable

from support.client import wait_until

from bench import bare
from bench.echo import Echo
from bench.figures import Figures, quantiles_ms
from bench.footprint import footprint
from bench.ground import Ground
from bench.lag import open_loop
from bench.peers import peers
from bench.shell import kilobyte, load, recovery, shell
from bench.stages import stages

Part = Callable[[Ground], Figures]

_START_SECONDS = 60.0


def throughput(ground: Ground) -> Figures:
    """The full path, the shell alone and the bare loops, in events per second."""
    sizes, aside = ground.sizes, ground.beside("shell")
    settings, topics, events = aside.settings, aside.topics, sizes.shell_events
    asyncio.run(load(settings, topics, events, sizes.users))
    by_send = asyncio.run(bare.send(settings, topics, events))
    by_batch = asyncio.run(bare.send_batch(settings, topics, events))
    alone = asyncio.run(shell(settings, topics, events, kilobyte))
    return {
        "throughput.headwater": full_path(ground),
        "throughput.shell_only": alone.per_second,
        "throughput.bare_send": by_send.per_second,
        "throughput.bare_send_batch": by_batch.per_second,
        "cpu_us.shell_only": alone.cpu_us,
        "cpu_us.bare_send": by_send.cpu_us,
        "cpu_us.bare_send_batch": by_batch.cpu_us,
    }


def full_path(ground: Ground) -> float:
    """Events per second, from the first lists until the last list and the last item's row."""
    ground.prepare()
    lists, rows = ground.topics.recommendations.name, ground.topics.item_vectors.name
    starts = {topic: ground.ends(topic) for topic in (lists, rows)}
    ground.publish_events(ground.sizes.events)
    with ground.working():
        ground.wait_caught_up()
    answered = [record.time for record in ground.read(lists, starts[lists])]
    began = min(answered)
    ended = max(*answered, *(record.time for record in ground.read(rows, starts[rows])))
    return sum(time > began for time in answered) / ((ended - began) / 1000)


def lag(ground: Ground) -> Figures:
    """Milliseconds from the intended time of an event to its list, beside those of an echo."""
    ground.prepare()
    aside = ground.beside("echo")
    found: Figures = {}
    with ground.working() as worker, Echo(aside.settings, aside.folder):
        worker.wait_ready()
        aside.publish_events(1)
        first_answer(aside)
        for rate in ground.sizes.rates:
            for name, there in (("headwater", ground), ("bare", aside)):
                lags = asyncio.run(open_loop(there, rate))
                found |= {f"lag_ms.{rate}.{name}.{q}": ms for q, ms in quantiles_ms(lags).items()}
    return found


def start(ground: Ground) -> Figures:
    """Seconds from the start of a worker to its first list, with tables and catalogue to recover.

    Beside it those of a bare echo in a group. Both find one event waiting.
    """
    ground.prepare()
    aside = ground.beside("started")
    began = time.time()
    aside.publish_events(1)
    with Echo(aside.settings, aside.folder):
        by_echo = first_answer(aside) - began
    ground.publish_events(1)
    before = ground.ends(ground.topics.recommendations.name)
    began = time.time()
    with ground.working():
        by_worker = first_answer(ground, before) - began
    return {"start_seconds": by_worker, "bare_start_seconds": by_echo}


def first_answer(ground: Ground, starts: dict[int, int] | None = None) -> float:
    """Wait for the first answer past `starts`; return the broker's time of it, unix seconds."""
    topic = ground.topics.recommendations.name
    answers: list[int] = []

    def answered() -> bool:
        answers.extend(record.time for record in ground.read(topic, starts))
        return bool(answers)

    wait_until(answered, _START_SECONDS, "the first answer")
    return min(answers) / 1000


def recovered(ground: Ground) -> Figures:
    """Seconds of the recovery of a table from its changelog, beside a bare read of the same."""
    rows, aside = ground.sizes.recovery_rows, ground.beside("recovery")
    settings, topics = aside.settings, aside.topics
    seconds = asyncio.run(recovery(settings, topics, rows))
    plain = asyncio.run(bare.read(settings, topics.item_vectors, rows))
    return {
        "recovery.rows": rows,
        "recovery.seconds": seconds,
        "recovery.bare_seconds": rows / plain.per_second,
    }


#: By the names that `--only` takes; `peers` is measured only if it is asked for.
PARTS: dict[str, Part] = {
    "throughput": throughput,
    "lag": lag,
    "start": start,
    "recovery": recovered,
    "bytes": footprint,
    "stages": stages,
    "peers": peers,
}
#: What is the same in every round, and measured in the first alone.
ONCE = frozenset({"bytes"})
