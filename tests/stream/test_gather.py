"""Gathering of small runs, with a fake count of what is in flight."""

import asyncio
from types import SimpleNamespace

from faust.types import TP

from stream.gather import Gatherer
from stream.runs import Run

HERE = TP("item-feedback", 0)


def run_of(first: int, last: int, epoch: int = 1) -> Run:
    """A run of these offsets."""
    records = [SimpleNamespace(offset=offset) for offset in range(first, last + 1)]
    return Run(HERE, records, epoch, ())


class Bench:
    """A gatherer, what it handed on and what it dropped."""

    def __init__(self, longest: float = 5.0, most: int = 100) -> None:
        self.in_flight = 0
        self.handed: list[tuple[int, int]] = []
        self.dropped: list[int] = []
        self.gatherer = Gatherer(self._handle, lambda _: self.in_flight, self._drop, longest, most)

    async def _handle(self, run: Run) -> None:
        self.handed.append((run.records[0].offset, run.offset))

    def _drop(self, run: Run) -> None:
        self.dropped.append(run.offset)

    async def during(self, *runs: Run, then: float = 0.02) -> None:
        """Put the runs, then wait `then` seconds."""
        serving = asyncio.create_task(self.gatherer.serve())
        for run in runs:
            await self.gatherer.put(run)
        await asyncio.sleep(then)
        serving.cancel()


def test_an_idle_partition_waits_for_nothing() -> None:
    """A run is handed on at once while nothing of its partition is in flight."""
    bench = Bench()
    asyncio.run(bench.during(run_of(0, 4)))
    assert bench.handed == [(0, 4)]


def test_a_partition_rests_after_a_run() -> None:
    """What comes right after a run waits for half of the longest time, and is merged."""
    bench = Bench(longest=0.2)

    async def trial() -> None:
        serving = asyncio.create_task(bench.gatherer.serve())
        for run in (run_of(0, 0), run_of(1, 1), run_of(2, 2)):
            await bench.gatherer.put(run)
            await asyncio.sleep(0.02)
        assert bench.handed == [(0, 0)]
        await asyncio.sleep(0.1)
        serving.cancel()

    asyncio.run(trial())
    assert bench.handed == [(0, 0), (1, 2)]


def test_runs_merge_while_one_is_in_flight() -> None:
    """What arrives meanwhile becomes one run, in order, when the one before is settled."""

    async def trial(bench: Bench) -> None:
        bench.in_flight = 1
        serving = asyncio.create_task(bench.gatherer.serve())
        for run in (run_of(0, 4), run_of(5, 5), run_of(6, 9)):
            await bench.gatherer.put(run)
        await asyncio.sleep(0.02)
        assert bench.handed == []
        bench.in_flight = 0
        bench.gatherer.settled()
        await asyncio.sleep(0.02)
        serving.cancel()

    bench = Bench()
    asyncio.run(trial(bench))
    assert bench.handed == [(0, 9)]


def test_nothing_waits_longer_than_allowed() -> None:
    """A run that is never settled does not hold up the next for more than the longest wait."""
    bench = Bench(longest=0.05)
    bench.in_flight = 1
    asyncio.run(bench.during(run_of(0, 4), then=0.15))
    assert bench.handed == [(0, 4)]


def test_a_merged_run_has_a_greatest_size() -> None:
    """Beyond it a second run is handed on."""
    bench = Bench(longest=0.0, most=6)
    bench.in_flight = 1
    asyncio.run(bench.during(run_of(0, 4), run_of(5, 9), run_of(10, 10)))
    assert bench.handed == [(0, 4), (5, 10)]


def test_runs_of_an_older_epoch_are_dropped() -> None:
    """They are released, not merged with newer ones."""
    bench = Bench(longest=0.05)
    bench.in_flight = 1
    asyncio.run(bench.during(run_of(0, 4, epoch=1), run_of(0, 4, epoch=2), then=0.15))
    assert bench.handed == [(0, 4)]
    assert bench.dropped == [4]
