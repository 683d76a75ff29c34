"""Runs into waves: nothing lost, nothing reordered, never too long."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import cast

from aiokafka import ConsumerRecord
from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from stream.runs import Run, waves

MOST = 10


def run_of(partition: int, size: int) -> Run:
    """A run of so many records."""
    records = [SimpleNamespace(offset=offset) for offset in range(size)]
    return Run(TP("events", partition), cast("Sequence[ConsumerRecord]", records), 1, ())


@given(st.lists(st.integers(1, 35), max_size=6))
def test_waves_hold_all_runs_in_order_and_a_partition_once(fetched: list[int]) -> None:
    """Partitions of any size, cut into runs as the intake cuts them."""
    runs = [
        run_of(partition, min(MOST, size - at))
        for partition, size in enumerate(fetched)
        for at in range(0, size, MOST)
    ]
    found = list(waves(runs, MOST))
    assert [run for wave in found for run in wave] == runs
    for wave in found:
        assert sum(len(run.records) for run in wave) <= MOST
        assert len({run.partition for run in wave}) == len(wave)


def test_small_runs_make_one_wave() -> None:
    """A run of each partition, as at a low rate."""
    runs = [run_of(partition, 2) for partition in range(4)]
    assert list(waves(runs, MOST)) == [runs]
