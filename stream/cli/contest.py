"""The protocol that predicts event after event, and how far long work is, on a screen."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from models.arrays import Int32s
from models.dataset import Dataset
from models.evaluation.contest import Context
from models.evaluation.contest import Progress as Tell
from models.evaluation.evaluate import standings
from models.evaluation.failures import Failures
from models.evaluation.prequential import Plan, Protocol, plan
from models.evaluation.report import Standing, document, write_ranks
from models.evaluation.table import table
from stream.cli.holding import Files, Found, Held
from stream.placement import Placement

_LINE_SECONDS = 10.0


def _run(data: Dataset, _files: Files, asked: Mapping[str, Any]) -> Found:
    """Let the learners predict event after event."""
    laid_out = plan(data, Protocol(asked["warm_up"], asked["refit_every"], asked["window"]))
    failures, seed = Failures(), asked["seed"]
    found = _standings(laid_out, asked, failures)
    told = document(laid_out, found, asked, asked["k"], seed, failures.reasons)
    return Found(
        told,
        lambda plots, folder: plots.draw(folder, laid_out, found, told, seed),
        lambda file: write_ranks(file, laid_out, found),
        failures.stopped,
    )


def _standings(plan: Plan, asked: Mapping[str, Any], failures: Failures) -> list[Standing]:
    with shown() as progress:
        context = Context(
            repeats=asked["repeats"] == "allow",
            seed=asked["seed"],
            partition=_partitions(plan.data, asked["partitions"]),
            progress=progress,
            settings=asked.get("learner_settings", {}),
        )
        names = asked["learners"]
        return failures.gather(names, standings(plan, names, context, failures.guard))


def _partitions(data: Dataset, count: int) -> Int32s | None:
    """Where Kafka's clients would put each user."""
    if count == 1:
        return None
    keys = [user.encode() for user in data.users]
    return np.array(Placement(count).partitions_of(keys), dtype=np.int32)


PREQUENTIAL = Held(_run, table, "models.evaluation.plots")


@contextmanager
def shown() -> Iterator[Tell]:
    """Bars on a terminal, lines elsewhere; both on standard error."""
    console = Console(stderr=True)
    if console.is_terminal:
        with _bars(console) as tell:
            yield tell
    else:
        yield Lines(lambda line: console.print(line, markup=False, highlight=False, soft_wrap=True))


@contextmanager
def _bars(console: Console) -> Iterator[Tell]:
    """One bar for each thing that takes long."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,} of {task.total:,}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as bars:
        tasks: dict[str, TaskID] = {}

        def tell(what: str, done: int, of: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=of)
            bars.update(tasks[what], completed=done, total=of)

        yield tell


class Lines:
    """A line when something long is first told of, every ten seconds, and when it is done."""

    def __init__(
        self, write: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._write, self._clock = write, clock
        self._what, self._began, self._last = "", 0.0, 0.0
        self._over = True

    def __call__(self, what: str, done: int, of: int) -> None:
        """Tell that so many steps of something are done."""
        now = self._clock()
        if what != self._what:
            self._end(now)
            self._what, self._began, self._last, self._over = what, now, now, False
            self._write(f"{what} …")
        if done >= of:
            self._end(now)
        elif now - self._last >= _LINE_SECONDS:
            self._last = now
            self._write(f"  {what}: {done:,} of {of:,}")

    def _end(self, now: float) -> None:
        if not self._over:
            self._write(f"{self._what}: {now - self._began:.1f} s")
        self._over = True
