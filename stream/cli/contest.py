"""What `headwater evaluate` does once its flags are understood; apart, since it is slow to load."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from models.arrays import Int32s
from models.dataset import Dataset
from models.dataset_files import Positivity, read_dataset
from models.errors import DataError, MissingLibraryError
from models.evaluation.contest import Context
from models.evaluation.contest import Progress as Tell
from models.evaluation.evaluate import standings
from models.evaluation.prequential import Plan, Protocol, plan
from models.evaluation.report import Standing, document, ranks_file
from models.evaluation.table import table
from stream.errors import UsageError
from stream.placement import Placement
from stream.schemas import Rules
from stream.settings import Loaded

_WIDTH = 170
"""Of a table that goes into a file, which has no width of its own."""


@dataclass(frozen=True, slots=True)
class Files:
    """What is read and, if wanted, written."""

    events: Path
    items: Path | None
    users: Path | None
    json: Path | None
    ranks: Path | None
    plot: Path | None


def hold(loaded: Loaded, files: Files, asked: Mapping[str, Any]) -> None:
    """Read, evaluate and report; `asked` is what the JSON will tell as settings.

    Raises
    ------
    UsageError
        If the data or what is installed does not do.

    """
    try:
        if files.plot:
            _plots()
        data = read_dataset(files.events, files.items, files.users, _rules(loaded))
        protocol = Protocol(asked["warm_up"], asked["refit_every"], asked["window"])
        laid_out = plan(data, protocol)
        found = _run(laid_out, asked, files.ranks)
    except (DataError, MissingLibraryError) as error:
        raise UsageError(str(error)) from error
    told = document(laid_out, found, asked, asked["k"], asked["seed"])
    console = Console()
    if not console.is_terminal:
        console.width = _WIDTH
    console.print(table(told))
    if files.json:
        files.json.write_text(json.dumps(told, indent=1) + "\n")
    if files.plot:
        _plots().draw(files.plot, laid_out, found, told, asked["seed"])
    for path in filter(None, (files.json, files.ranks, files.plot)):
        print(f"Written: {path}")


def _plots() -> Any:
    """What draws; its library is an extra."""
    try:
        from models.evaluation import plots  # noqa: PLC0415  # slow to load, and may be absent
    except ModuleNotFoundError as error:
        raise MissingLibraryError.of(error) from error
    return plots


def _rules(loaded: Loaded) -> Positivity:
    rules = Rules.of(loaded.settings)
    return Positivity(rules.types, rules.positive_types, rules.positive_min)


def _run(plan: Plan, asked: Mapping[str, Any], ranks: Path | None) -> list[Standing]:
    with ExitStack() as stack:
        write = stack.enter_context(ranks_file(ranks)) if ranks else None
        context = Context(
            repeats=asked["repeats"] == "allow",
            seed=asked["seed"],
            partition=_partitions(plan.data, asked["partitions"]),
            progress=stack.enter_context(_bars()),
        )
        return standings(
            plan, asked["learners"], context, lambda one: write(plan, one) if write else None
        )


def _partitions(data: Dataset, count: int) -> Int32s | None:
    """Where Kafka's clients would put each user."""
    if count == 1:
        return None
    keys = [user.encode() for user in data.users]
    return np.array(Placement(count).partitions_of(keys), dtype=np.int32)


@contextmanager
def _bars() -> Iterator[Tell]:
    """One bar for each thing that takes long, on a terminal."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,} of {task.total:,}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        tasks: dict[str, TaskID] = {}

        def tell(what: str, done: int, of: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=of)
            bars.update(tasks[what], completed=done, total=of)

        yield tell
