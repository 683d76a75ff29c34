"""headwater convert: other systems' files as files in the wire's fields."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, cast, get_args

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table

from stream import convert as converting
from stream.cli.flags import command
from stream.convert import Plan, Report
from stream.convert.plan import Format
from stream.convert.run import Progress as Told
from stream.errors import UsageError
from stream.foreign import Kind
from stream.rules import Rules
from stream.settings import Loaded

FLAGS = ("event_types", "embedding_size")
# Formats whose columns may be anything, so that --map and --keep say what they are.
_BY_COLUMNS = frozenset({"csv", "jsonl", "parquet"})

File = Annotated[
    Path, typer.Argument(help="A file (.gz too), - for standard input, or a folder of a data set.")
]
From = Annotated[
    str, typer.Option("--from", metavar="|".join(get_args(Format)), help="What the file is.")
]
Out = Annotated[
    Path, typer.Option("--out", help="A .jsonl, .csv (each also .gz) or .parquet file.")
]
As = Annotated[str, typer.Option("--as", metavar="events|items|users", help="What the rows are.")]
Map = Annotated[
    list[str] | None, typer.Option("--map", metavar="FIELD=COLUMN", help="Where a field stands.")
]
Type = Annotated[
    list[str] | None,
    typer.Option("--type", metavar="THEIRS=OURS", help="An event type; THEIRS= leaves it out."),
]
DefaultType = Annotated[
    str | None, typer.Option("--default-type", help="The type of events in a file without one.")
]
Keep = Annotated[
    list[str] | None,
    typer.Option("--keep", metavar="COLUMN", help="Into attributes or context; all: every other."),
]
Encoding = Annotated[str | None, typer.Option("--encoding", help="Of the text [utf-8].")]
Delimiter = Annotated[
    str | None, typer.Option("--delimiter", help="Between CSV's cells [the header tells].")
]
TimeFormat = Annotated[
    str | None, typer.Option("--time-format", metavar="PATTERN", help="As strptime's: %d.%m.%Y.")
]
Values = Annotated[
    str | None,
    typer.Option("--values", metavar="LOW:HIGH", help="Values' range; it becomes 1 to 5."),
]
ReportFile = Annotated[
    Path | None, typer.Option("--report", help="What was done and dropped, as JSON.")
]
Rejects = Annotated[
    Path | None, typer.Option("--rejects", help="The dropped rows and why, as JSON Lines.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files that are there.")]
KeepDuplicates = Annotated[
    bool, typer.Option("--keep-duplicates", help="Write rows that are alike in every field.")
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(
        app,
        convert,
        "headwater convert ml-latest-small --from movielens --out events.csv.gz",
        "headwater convert ml-latest-small --from movielens --as items --out items.csv.gz",
        "headwater convert feedback.jsonl --from gorse --type read=view --out events.jsonl",
        "headwater convert log.csv --from csv --map user_id=uid --default-type view --out e.csv.gz",
        flags=FLAGS,
    )


def convert(
    loaded: Loaded,
    file: File,
    *,
    from_: From,
    out: Out,
    as_: As = "events",
    map_: Map = None,
    type_: Type = None,
    default_type: DefaultType = None,
    keep: Keep = None,
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    time_format: TimeFormat = None,
    values: Values = None,
    report: ReportFile = None,
    rejects: Rejects = None,
    overwrite: Overwrite = False,
    keep_duplicates: KeepDuplicates = False,
) -> int:
    """Turn another system's file into one that replay, publish, train and evaluate read.

    Ids, types, values and times (seconds to nanoseconds, RFC 3339, dates) are normalised; rows that
    a worker could not apply, and rows alike in every field, are left out, counted and named. The
    file may be of any size: memory stays the same, and what was seen lies on disk beside the output
    until the end. The output appears whole, or not at all.
    """
    plan = Plan(
        source=file,
        format=cast("Format", _one_of("--from", from_, get_args(Format))),
        kind=cast("Kind", _one_of("--as", as_, get_args(Kind))),
        out=out,
        rules=Rules.of(loaded.settings),
        columns=_pairs("--map", map_),
        types=_pairs("--type", type_, may_be_empty=True),
        default_type=default_type,
        keep=frozenset(keep or ()),
        encoding=encoding,
        delimiter=_delimiter(delimiter),
        time_format=time_format,
        values=_range(values),
        report=report,
        rejects=rejects,
        overwrite=overwrite,
        keep_duplicates=keep_duplicates,
    )
    _fits(plan)
    with _bar(file.name) as told:
        done = converting.convert(plan, told)
    _print(done, plan)
    return 0


def _one_of(flag: str, name: str, known: Sequence[str]) -> str:
    if name not in known:
        raise UsageError(f"{flag} needs one of {', '.join(known)}; got {name}.")
    return name


def _pairs(flag: str, given: Sequence[str] | None, *, may_be_empty: bool = False) -> dict[str, str]:
    pairs = {}
    for text in given or ():
        left, equals, right = text.partition("=")
        if not left or not equals or not (right or may_be_empty):
            raise UsageError(f"{flag} needs A=B, got {text}.")
        pairs[left] = right
    return pairs


def _delimiter(given: str | None) -> str | None:
    if given is None:
        return None
    sign = given.replace("\\t", "\t")
    if len(sign) != 1:
        raise UsageError(f"--delimiter needs one sign (\\t: a tab), got {given!r}.")
    return sign


def _range(given: str | None) -> tuple[float, float] | None:
    if given is None:
        return None
    try:
        low, high = map(float, given.split(":"))
    except ValueError:
        raise UsageError(f"--values needs LOW:HIGH, for instance 0:100; got {given}.") from None
    if not low < high:
        raise UsageError(f"--values needs LOW below HIGH; got {given}.")
    return low, high


def _fits(plan: Plan) -> None:
    if plan.format not in _BY_COLUMNS and (plan.columns or plan.keep):
        raise UsageError(f"--map and --keep are for csv, jsonl and parquet, not {plan.format}.")
    types = [name for name in (*plan.types.values(), plan.default_type) if name]
    if unknown := [name for name in types if name not in plan.rules.types]:
        known = " ".join(sorted(plan.rules.types))
        raise UsageError(
            f"{', '.join(unknown)} is no event type: {known}; HEADWATER_EVENT_TYPES adds others."
        )


@contextmanager
def _bar(name: str) -> Iterator[Told]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TextColumn("{task.fields[rows]} rows"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(name, total=None, rows=0)
        yield lambda done, total, rows: bar.update(
            task, completed=done, total=total or None, rows=f"{rows:,}"
        )


def _print(report: Report, plan: Plan) -> None:
    console = Console(markup=False, highlight=False)
    per_second = report.rows / report.seconds if report.seconds else 0.0
    console.print(
        f"{report.written:,} of {report.rows:,} rows are in {report.out}"
        f" ({report.seconds:.1f} s, {per_second:,.0f}/s).",
    )
    if report.duplicates or report.dropped or report.mended:
        console.print(_table(report))
    if len(report.types) > 1 or any("→" in name for name in report.types):
        types = ", ".join(f"{name} {rows:,}" for name, rows in report.types.items())
        console.print(f"Types: {types}.")
    if report.ignored_columns:
        taken = " (--keep takes them)" if plan.format in _BY_COLUMNS else ""
        console.print(f"Columns left out{taken}: {', '.join(report.ignored_columns)}.")
    for note in report.notes:
        console.print(note)


def _table(report: Report) -> Table:
    table = Table("left out or mended", "rows", "for instance")
    table.columns[1].justify = "right"
    if report.duplicates:
        table.add_row("duplicate", f"{report.duplicates:,}", "alike in every field")
    for name, reason in sorted(report.dropped.items(), key=lambda one: -one[1].rows):
        example = reason.examples[0]
        table.add_row(name, f"{reason.rows:,}", f"row {example['row']}: {example['error']}")
    for name, rows in report.mended.items():
        table.add_row("mended", f"{rows:,}", name)
    return table
