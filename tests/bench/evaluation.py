"""How long an evaluation takes, and how much memory, on a history at random.

    python tests/bench/evaluation.py [--events 300000] [--items 10000] [--learner mixture]

Users have tastes (a few of 40 kinds of item), come in sessions, and rate; a third of the ratings is
no like. The time is that of the whole command: reading, training, predicting and learning.
"""

import argparse
import resource
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np
import polars as pl

from stream.cli import main as headwater

KINDS = 40
DAY_MS = 86_400_000
START_MS = 1_600_000_000_000


def synthetic(
    events: int, users: int, items: int, seed: int = 0
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Events and items in the wire's fields."""
    draw = np.random.default_rng(seed)
    sessions = events // 10
    session_user = (users * draw.random(sessions) ** 1.5).astype(int)
    session_start = START_MS + (365 * DAY_MS * draw.random(sessions)).astype(int)
    session = draw.integers(0, sessions, events)
    user = session_user[session]
    taste = draw.integers(0, KINDS, (users, 3))
    kind = taste[user, draw.integers(0, 3, events)]
    within = (items // KINDS * draw.random(events) ** 2.5).astype(int)
    table = pl.DataFrame(
        {
            "user_id": user,
            "item_id": within * KINDS + kind,
            "type": ["rate"] * events,
            "value": draw.choice([3.0, 4.0, 5.0], events),
            "timestamp": session_start[session] + draw.integers(0, 3_600_000, events),
        }
    )
    catalogue = pl.DataFrame(
        {
            "item_id": np.arange(items),
            "categories": [[f"kind-{item % KINDS}"] for item in range(items)],
        }
    )
    return table.unique(["user_id", "item_id"], maintain_order=True).sort("timestamp"), catalogue


def main() -> int:
    """Make the history, evaluate, and tell the cost."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--events", type=int, default=300_000)
    parser.add_argument("--users", type=int, default=20_000)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--learner", default="mixture")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("events.parquet", "items.parquet")]
        tables = synthetic(options.events, options.users, options.items)
        for table, path in zip(tables, paths, strict=True):
            table.write_parquet(path)
        began = perf_counter()
        code = headwater(
            ["evaluate", "--events", str(paths[0]), "--items", str(paths[1]),
             "--learner", options.learner]
        )  # fmt: skip
        seconds = perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF)
    print(
        f"{seconds:.0f} s by the clock, {peak.ru_utime + peak.ru_stime:.0f} s of processor,"
        f" {peak.ru_maxrss / 1e6:.2f} GB"
    )
    return code


if __name__ == "__main__":
    sys.exit(main())
