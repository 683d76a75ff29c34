"""What the evaluation found: as JSON that other programs read, and as a file of ranks."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import IO, Any

import numpy as np

from models.arrays import Int64s
from models.dataset import Dataset
from models.evaluation.bootstrap import hit_rate_intervals
from models.evaluation.metrics import LENGTH, by_history, figures, hits
from models.evaluation.prequential import Outcome, Plan
from models.evaluation.ranks import MISS


@dataclass(frozen=True, slots=True)
class Standing:
    """A contestant's outcome with ties broken: rank int64[m], 1 is best, MISS: not listable."""

    outcome: Outcome
    rank: Int64s

    @property
    def name(self) -> str:
        """The contestant's."""
        return self.outcome.name


def document(
    plan: Plan,
    standings: Sequence[Standing],
    settings: Mapping[str, Any],
    ks: Sequence[int],
    seed: int,
    failed: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Any]:
    """Everything that was found, as JSON has it; a figure of no target is null.

    failed: why, of learners that were not gone through.
    """
    data = plan.data
    return {
        "protocol": "prequential",
        "data": described(data),
        "settings": {
            **settings,
            "targets": len(plan.targets),
            "targets_in_same_second": plan.same_second,
            "notes": list(data.notes),
        },
        "learners": {
            standing.outcome.name: _learner(plan, standing, ks, seed) for standing in standings
        },
        "failed": dict(failed),
    }


def described(data: Dataset) -> dict[str, Any]:
    """Which data it was, and how much."""
    return {
        "fingerprint": data.fingerprint,
        "events": len(data),
        "users": len(data.users),
        "items": len(data.items),
    }


def _learner(plan: Plan, standing: Standing, ks: Sequence[int], seed: int) -> dict[str, Any]:
    rank, outcome = standing.rank, standing.outcome
    quality: dict[str, float | None] = {}
    for k in ks:
        quality |= figures(rank, k)
    interval = hit_rate_intervals(
        hits(rank, LENGTH),
        plan.data.user[plan.targets],
        np.zeros(len(rank), np.int64),
        1,
        seed=seed,
    )
    learned = len(plan.data) - plan.start
    return {
        **quality,
        "events": len(rank),
        "by_history": by_history(rank, plan.history, ks),
        "interval": interval[0].tolist(),
        "train_seconds": outcome.train_seconds,
        "adapt_microseconds": outcome.learn_seconds / learned * 1e6,
        "score_microseconds": outcome.rank_seconds / len(rank) * 1e6,
        "state_bytes": outcome.state_bytes,
    }


def write_ranks(file: IO[bytes], plan: Plan, standings: Iterable[Standing]) -> None:
    """Write ranks as Parquet: one row per predicted event and learner. Raises OSError.

    Columns: learner, row (of the time-ordered input, from 0), user_id, item_id, timestamp (ms),
    history, rank (null: no list may hold the item).
    """
    import pyarrow as pa  # noqa: PLC0415  # 0.2 s at the start of every command otherwise
    import pyarrow.parquet as pq  # noqa: PLC0415  # the same

    schema = pa.schema(
        [
            ("learner", pa.string()), ("row", pa.int64()), ("user_id", pa.string()),
            ("item_id", pa.string()), ("timestamp", pa.int64()), ("history", pa.int64()),
            ("rank", pa.int64()),
        ]
    )  # fmt: skip
    data, events = plan.data, plan.targets
    with pq.ParquetWriter(file, schema) as writer:
        for standing in standings:
            rank = standing.rank
            columns = [
                pa.array([standing.outcome.name]).take(pa.array(np.zeros(len(rank), np.int64))),
                pa.array(data.row[events]),
                pa.array(data.users).take(pa.array(data.user[events])),
                pa.array(data.items).take(pa.array(data.item[events])),
                pa.array(data.time[events]),
                pa.array(plan.history),
                pa.array(rank, mask=rank == MISS),
            ]
            writer.write_table(pa.table(columns, schema=schema))
