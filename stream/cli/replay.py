"""headwater replay: a file of events, items or users into Kafka."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from stream import replay as replaying
from stream.cli.flags import KAFKA, command
from stream.errors import UsageError
from stream.foreign import Kind
from stream.replay import AHEAD, Plan, Report
from stream.rowfiles import RowFile
from stream.settings import Loaded

FLAGS = (*KAFKA, "group", "event_types", "embedding_size")

File = Annotated[Path, typer.Argument(help="A .jsonl, .csv (each also .gz) or .parquet file.")]
Rate = Annotated[
    float | None, typer.Option("--rate", min=0.001, help="Rows per second [as --max].")
]
Max = Annotated[bool, typer.Option("--max", help="As fast as the workers follow (the default).")]
As = Annotated[str, typer.Option("--as", metavar="events|items|users", help="What the rows are.")]
Quiet = Annotated[
    bool, typer.Option("--quiet-lists", help="Lists for each user's last event only.")
]
Wait = Annotated[
    bool, typer.Option("--wait-for-lists", help="Wait until each user's last event is answered.")
]
Timeout = Annotated[
    float, typer.Option("--timeout", min=0, help="Seconds without an answer before giving up.")
]
Ahead = Annotated[
    int, typer.Option("--ahead", min=0, help="How many events may wait for the workers; 0: any.")
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(
        app,
        replay,
        "headwater replay deploy/demo/items.csv.gz --as items",
        "headwater replay deploy/demo/events.csv.gz --quiet-lists --wait-for-lists",
        "headwater replay live.jsonl --rate 100",
        flags=FLAGS,
    )


def replay(
    loaded: Loaded,
    file: File,
    *,
    as_: As = "events",
    rate: Rate = None,
    max_: Max = False,
    quiet_lists: Quiet = False,
    wait_for_lists: Wait = False,
    timeout: Timeout = 30.0,
    ahead: Ahead = AHEAD,
) -> int:
    """Publish a file's rows in order and report what was acknowledged.

    Rows hold the fields of the topic. In CSV an empty cell is an absent field, categories are
    separated by |, and items, context, attributes and embedding are JSON. A row that a worker could
    not apply, or Kafka would not take, is refused: it is not sent, it is named with its line, the
    others go on, and the exit code is 1. It is 1 too when --wait-for-lists gives up.

    Events never lead the workers of the group by more than --ahead records on both hops, so that
    they learn from fresh counters; without a worker it waits for one. --quiet-lists fills state
    from history: all but each user's last event ask for no list.
    """
    if rate is not None and max_:
        raise UsageError("--rate and --max exclude each other.")
    kind = _kind(as_)
    if kind != "events" and (quiet_lists or wait_for_lists):
        raise UsageError("--quiet-lists and --wait-for-lists are for events.")
    opened = RowFile(file, kind)
    plan = Plan(rate, ahead, quiet_lists, wait_for_lists, timeout)
    with _bar(file.name) as progress:
        report = asyncio.run(replaying.replay(loaded.settings, opened, plan, progress))
    _print(report, kind)
    return 1 if report.refused or report.answered_users < report.expected_users else 0


def _kind(name: str) -> Kind:
    kinds: dict[str, Kind] = {"events": "events", "items": "items", "users": "users"}
    if name not in kinds:
        raise UsageError(f"--as needs events, items or users, got {name}.")
    return kinds[name]


@contextmanager
def _bar(name: str) -> Iterator[replaying.Progress]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rows]} rows"),
        TimeElapsedColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(name, total=1.0, rows=0)
        yield lambda fraction, rows: bar.update(task, completed=fraction, rows=rows)


def _print(report: Report, kind: Kind) -> None:
    for number, why in report.refusals:
        print(f"Refused row {number} ({why.reason}): {why.error}")
    if report.refused > len(report.refusals):
        print(f"Refused {report.refused - len(report.refusals)} more.")
    per_second = report.acknowledged / report.seconds if report.seconds else 0.0
    print(
        f"{report.acknowledged} of {report.rows} {kind} acknowledged in {report.seconds:.1f} s"
        f" ({per_second:.0f}/s), {report.refused} refused."
    )
    if report.expected_users:
        print(
            f"{report.answered_users} of {report.expected_users} users have a list that covers"
            " their last event."
        )
