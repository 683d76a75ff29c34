"""How many bytes a user and an item take: in the tables on disk, and in a worker's memory."""

import time
from dataclasses import replace
from pathlib import Path

from support.client import Read, latest

from agents.keys import row_id
from bench.figures import Figures
from bench.ground import Ground
from bench.loads import announcements, fill
from bench.machine import resident_bytes

# Enough that a worker has loaded all code that more of them would.
_FEW_ITEMS = 100
# A worker that has just become ready still frees what its start took.
_SETTLE_SECONDS = 1.0


def footprint(ground: Ground) -> Figures:
    """Figures of `bytes`: an item's and a user's share of the disk and of the memory.

    Memory is what a worker grows by, caches and buffers included: by all items but the first
    hundred, and by what users do. The rest are means of single records, to compare with.
    """
    sizes = ground.sizes
    aside = ground.beside("bytes", replace(sizes, users=sizes.bytes_users))
    topics, settings, few = aside.topics, aside.settings, min(_FEW_ITEMS, sizes.items // 2)
    fill(settings, topics.items.name, announcements(range(few)))
    aside.publish_events(few)
    with aside.working():
        pass  # the next start finds rows to recover, and loads all code for them
    with aside.working() as worker:
        worker.wait_ready()
        time.sleep(_SETTLE_SECONDS)
        with_few = resident_bytes(worker.pid)
        fill(settings, topics.items.name, announcements(range(few, sizes.items)))
        aside.wait_caught_up()
        with_all = resident_bytes(worker.pid)
        aside.publish_events(sizes.bytes_users * sizes.bytes_events)
        aside.wait_caught_up()
        with_users = resident_bytes(worker.pid)
    users = latest_rows(aside, topics.user_rows.name)
    items = latest_rows(aside, topics.item_vectors.name)
    return {
        "bytes.user": _disk(aside.worker.state, "users") / len(users),
        "bytes.item": _disk(aside.worker.state, "items") / len(items),
        "bytes.user_row": _mean(users),
        "bytes.item_row": _mean(items),
        "bytes.user_memory": (with_users - with_all) / len(users),
        "bytes.item_memory": (with_all - with_few) / (sizes.items - few),
        "bytes.events_of_user": sizes.bytes_events * _mean(aside.read(topics.events.name)),
        "bytes.announcement_of_item": _mean(aside.read(topics.items.name)),
    }


def latest_rows(ground: Ground, topic: str) -> list[Read]:
    """Every user's or item's newest row in a changelog."""
    rows = latest(ground.read(topic)).values()
    return [row for row in rows if row.key is not None and row_id(row.key) is not None]


def _disk(state: Path, table: str) -> int:
    """The bytes of a table's databases; their logs of what happened are no data."""
    files = [
        path
        for path in state.rglob("*")
        if path.is_file() and f"{table}-" in path.parent.name and not path.name.startswith("LOG")
    ]
    return sum(path.stat().st_blocks * 512 for path in files)


def _mean(records: list[Read]) -> float:
    sizes = [len(record.key or b"") + len(record.value or b"") for record in records]
    return sum(sizes) / len(sizes)
