"""Each source's records with the fields of the wire, not yet cleaned."""

import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any, Final

from stream.convert import gorse, movielens
from stream.convert.cells import csv_header, csv_records
from stream.convert.columns import Columns
from stream.convert.files import Opened, expect_cells, expect_json, looks_like_json, opened
from stream.convert.plan import STDIN, Plan
from stream.convert.records import (
    Dropped,
    Lines,
    Record,
    json_records,
    parquet_records,
)
from stream.errors import InputFileError, UsageError
from stream.foreign import ForeignError, Kind, metarank

Records = Iterator[Record | Dropped]
Translate = Callable[[dict[str, Any]], dict[str, Any]]

# So many records are looked at for the names of their fields.
_LOOKED_AT: Final = 100


@dataclass
class Source:
    """A file's records; `position` of `total` bytes are read (0: not known).

    `ignored` and `mended` may grow until the last record.
    """

    name: str
    records: Records
    position: Callable[[], int]
    total: int
    columns: dict[str, str] = field(default_factory=dict)
    ignored: Collection[str] = ()
    mended: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    lines: Lines | None = None


@contextmanager
def source(plan: Plan) -> Iterator[Source]:
    """Open what the plan names.

    Raises InputFileError if it cannot be read or holds something else, UsageError for options that
    do not fit it.
    """
    if plan.format == "parquet":
        with _parquet(plan) as found:
            yield found
        return
    layout = None
    if plan.format == "movielens":
        path, layout = movielens.layout(plan.source, plan.kind)
    else:
        path = gorse.file(plan.source, plan.kind) if plan.format == "gorse" else plan.source
    with opened(path) as file:
        with _reading(file.name):
            if layout is not None:
                found = _movielens(file, plan, layout)
            else:
                found = _BY_FORMAT[plan.format](file, plan)
        found.records = _readable(file.name, found.records)
        yield found


def _readable(name: str, records: Records) -> Records:
    with _reading(name):
        yield from records


@contextmanager
def _reading(name: str) -> Iterator[None]:
    """Whatever ends the records early is one sentence."""
    try:
        yield
    except (OSError, EOFError, UnicodeError, zlib.error) as error:
        raise InputFileError(f"{name} cannot be read to its end: {error}.") from error


def _csv(file: Opened, plan: Plan) -> Source:
    expect_cells(file)
    lines = Lines(file.text(plan.encoding or "utf-8"))
    names, sign = csv_header(lines, plan.delimiter, file.name)
    return _by_columns(file, plan, names, csv_records(lines, names, sign), lines)


def _jsonl(file: Opened, plan: Plan) -> Source:
    expect_json(file)
    lines = Lines(file.text(plan.encoding or "utf-8"))
    names, records = _names(json_records(lines))
    return _by_columns(file, plan, names, records, lines)


def _by_columns(
    file: Opened, plan: Plan, names: list[str], records: Records, lines: Lines
) -> Source:
    columns = Columns(names, plan, file.name)
    found = _source(file, _translated(records, columns.fields), lines)
    found.columns, found.ignored = columns.used, columns.ignored
    found.notes += columns.notes
    return found


@contextmanager
def _parquet(plan: Plan) -> Iterator[Source]:
    import pyarrow as pa  # noqa: PLC0415  # 0.2 s at the start of every command otherwise
    import pyarrow.parquet as pq  # noqa: PLC0415  # the same

    if plan.source == STDIN:
        raise UsageError("Parquet cannot be read from standard input: it begins at its end.")
    with opened(plan.source) as file:
        try:
            with pq.ParquetFile(plan.source) as table:
                columns = Columns(table.schema_arrow.names, plan, file.name)
                rows = max(1, table.metadata.num_rows)
                counted = _Counted(parquet_records(table))
                yield Source(
                    file.name,
                    _translated(counted, columns.fields),
                    lambda: file.total * counted.number // rows,
                    file.total,
                    columns.used,
                    columns.ignored,
                    notes=columns.notes,
                )
        except pa.ArrowException as error:
            raise InputFileError(f"{file.name} is no Parquet that can be read: {error}.") from error


class _Counted:
    """Records, and the number of the last."""

    def __init__(self, records: Iterable[Record | Dropped]) -> None:
        self.number = 0
        self._records = records

    def __iter__(self) -> Records:
        for record in self._records:
            self.number = record.number
            yield record


def _movielens(file: Opened, plan: Plan, layout: movielens.Layout) -> Source:
    encoding = plan.encoding or layout.encoding or movielens.encoding_of(file.path)
    lines = Lines(file.text(encoding))
    names, sign = list(layout.names or ()), layout.delimiter
    if not names:
        names, sign = csv_header(lines, layout.delimiter, file.name)
    elif len(file.head.split(b"\n")[0].decode(errors="replace").split(sign)) != len(names):
        raise InputFileError(
            f"{file.name} is not MovieLens' {file.path.name}: its first line has not"
            f" {len(names)} cells separated by {sign!r}."
        )
    needed = ("movieId", "rating") if plan.kind == "events" else ("movieId", "title")
    if layout.names is None and (missing := [name for name in needed if name not in names]):
        raise InputFileError(
            f"{file.name} is not MovieLens' {file.path.name}: it lacks {', '.join(missing)};"
            f" it has {', '.join(names)}."
        )
    records = csv_records(lines, names, sign, quotes=layout.quotes)
    return _source(file, _translated(records, layout.translate), lines)


def _gorse(file: Opened, plan: Plan) -> Source:
    lines = Lines(file.text(plan.encoding or "utf-8"))
    if looks_like_json(file.head):
        names, records = _names(json_records(lines))
    else:
        names, sign = csv_header(lines, plan.delimiter, file.name)
        records = csv_records(lines, names, sign)
    gorse.expect(names, plan.kind, file.name)
    rows = gorse.Rows(plan.kind)
    found = _source(file, _translated(records, rows.fields), lines)
    found.ignored, found.mended = rows.ignored, rows.mended
    return found


def _metarank(file: Opened, plan: Plan) -> Source:
    expect_json(file)
    lines = Lines(file.text(plan.encoding or "utf-8"))
    names, records = _names(json_records(lines))
    if "event" not in names:
        raise InputFileError(
            f"{file.name} is not Metarank's: no record has event; it has {', '.join(names)}."
        )
    return _source(file, _of_kind(records, plan.kind), lines)


def _of_kind(records: Records, kind: Kind) -> Records:
    for record in records:
        if isinstance(record, Dropped):
            yield record
            continue
        try:
            found, fields = metarank(record.fields)
        except ForeignError as error:
            yield Dropped(record.number, "schema", str(error), record.fields)
            continue
        if found == kind:
            yield Record(record.number, fields)
        else:
            told = f"an event of {record.fields['event']!r}: --as {found} reads it"
            yield Dropped(record.number, "other-kind", told)


def _source(file: Opened, records: Records, lines: Lines) -> Source:
    return Source(file.name, records, file.position, file.total, lines=lines)


def _translated(records: Iterable[Record | Dropped], translate: Translate) -> Records:
    for record in records:
        if isinstance(record, Dropped):
            yield record
        else:
            yield Record(record.number, translate(record.fields))


def _names(records: Records) -> tuple[list[str], Records]:
    """The names of the first records' fields, and all records."""
    first = list(islice(records, _LOOKED_AT))
    names = dict.fromkeys(
        name for record in first if isinstance(record, Record) for name in record.fields
    )
    return list(names), chain(first, records)


_BY_FORMAT: Final[Mapping[str, Callable[[Opened, Plan], Source]]] = {
    "csv": _csv,
    "jsonl": _jsonl,
    "gorse": _gorse,
    "metarank": _metarank,
}
