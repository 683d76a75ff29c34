"""Records out of text and Parquet, one by one, in constant memory; a bad one does not end them."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any, Final

import msgspec

from stream.errors import InputFileError

#: Characters of a line that is read at all; a message of the wire has 1 MB at most.
LONGEST_LINE: Final = 4_194_304
_LONGEST_CELL: Final = 1_048_576
_PARQUET_ROWS: Final = 1000
_SHOWN: Final = 200  # characters of a record that are shown in a report
_DELIMITERS: Final = (",", ";", "\t", "|")


@dataclass(frozen=True, slots=True)
class Record:
    """A record and its number: of its (last) line, or of its row in Parquet; both from 1."""

    number: int
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Dropped:
    """A record that is left out: why, in a word and in a sentence; and what stands there."""

    number: int
    reason: str
    error: str
    content: Any = None


class _LineTooLong(Exception):
    pass


class Lines:
    """The lines of a text, of which none is ever held whole if it is longer than any record.

    `ended` says whether the last one ended with a newline.
    """

    def __init__(self, text: IO[str], longest: int = LONGEST_LINE) -> None:
        self.number = 0
        self.ended = True
        self._text = text
        self._longest = longest

    def __iter__(self) -> "Lines":
        """Itself."""
        return self

    def __next__(self) -> str:
        """The next line; one that is too long is skipped and raises _LineTooLong."""
        line = self._text.readline(self._longest)
        if not line:
            raise StopIteration
        self.number += 1
        self.ended = line.endswith("\n")
        if self.ended or len(line) < self._longest:
            return line
        while not self.ended and (rest := self._text.readline(self._longest)):
            self.ended = rest.endswith("\n")
        raise _LineTooLong


def json_records(lines: Lines) -> Iterator[Record | Dropped]:
    """The objects of JSON Lines; empty lines are none."""
    decode = msgspec.json.Decoder().decode
    while True:
        try:
            line = next(lines)
        except StopIteration:
            return
        except _LineTooLong:
            yield _too_long(lines.number)
            continue
        if not (text := line.strip()):
            continue
        try:
            value = decode(text.encode())
        except UnicodeEncodeError:
            yield _not_decoded(lines.number, text)
        except (msgspec.DecodeError, RecursionError) as error:
            cut = "" if lines.ended else "; the last line is cut off"
            yield Dropped(lines.number, "json", f"no JSON: {error}{cut}", text[:_SHOWN])
        else:
            if isinstance(value, dict):
                yield Record(lines.number, value)
            else:
                yield Dropped(lines.number, "schema", "it is no JSON object", text[:_SHOWN])


def csv_header(lines: Lines, delimiter: str | None, name: str) -> tuple[list[str], str]:
    """The columns' names of a CSV text, and what separates them: as given, or the most frequent.

    Raises InputFileError if there are none, or two are alike.
    """
    try:
        first = next(lines)
    except (StopIteration, _LineTooLong):
        raise InputFileError(f"{name} has no line of columns' names.") from None
    sign = delimiter or max(_DELIMITERS, key=first.count)
    names = [cell.strip() for cell in next(csv.reader([first], delimiter=sign), [])]
    if not any(names):
        raise InputFileError(f"{name} has no line of columns' names.")
    if twice := sorted({cell for cell in names if names.count(cell) > 1}):
        raise InputFileError(f"{name} has more than one column {', '.join(map(repr, twice))}.")
    return names, sign


def csv_records(
    lines: Lines, names: Sequence[str], delimiter: str, *, quotes: bool = True
) -> Iterator[Record | Dropped]:
    """Rows of separated cells; an empty cell is an absent field."""
    if len(delimiter) > 1:
        rows: Iterator[list[str]] = _Split(lines, delimiter)
    else:
        csv.field_size_limit(_LONGEST_CELL)
        if quotes:
            rows = csv.reader(lines, delimiter=delimiter)
        else:
            rows = csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE)
    while True:
        try:
            cells = next(rows)
        except StopIteration:
            return
        except _LineTooLong:
            yield _too_long(lines.number)
            continue
        except csv.Error as error:
            yield Dropped(lines.number, "schema", f"no row of CSV: {error}")
            continue
        if cells:
            yield _row(lines, names, cells)


class _Split:
    """Rows whose cells are separated by more than one character, unquoted, as in MovieLens-1M."""

    def __init__(self, lines: Lines, delimiter: str) -> None:
        self._lines = lines
        self._delimiter = delimiter

    def __iter__(self) -> "_Split":
        return self

    def __next__(self) -> list[str]:
        line = next(self._lines).rstrip("\n")
        return line.split(self._delimiter) if line else []


def _row(lines: Lines, names: Sequence[str], cells: list[str]) -> Record | Dropped:
    if len(cells) != len(names):
        cut = "" if lines.ended else "; the last line is cut off"
        error = f"it has {len(cells)} cells, the header {len(names)}{cut}"
        return Dropped(lines.number, "schema", error, ",".join(cells)[:_SHOWN])
    fields = {name: cell for name, cell in zip(names, cells, strict=True) if cell}
    if any(not _decoded(cell) for cell in fields.values()):
        return _not_decoded(lines.number, ",".join(cells))
    return Record(lines.number, fields)


def _decoded(cell: str) -> bool:
    """Whether it holds none of the signs that stand for bytes of another encoding."""
    return cell.isascii() or not any("\udc80" <= sign <= "\udcff" for sign in cell)


def _too_long(number: int) -> Dropped:
    return Dropped(number, "size", f"the line has more than {LONGEST_LINE} characters")


def _not_decoded(number: int, text: str) -> Dropped:
    shown = text[:_SHOWN].encode(errors="surrogateescape").decode(errors="replace")
    error = "it is in another encoding than the file (--encoding names it)"
    return Dropped(number, "encoding", error, shown)


def parquet_records(file: Any) -> Iterator[Record | Dropped]:
    """The rows of an open pyarrow.parquet.ParquetFile; times as epoch milliseconds."""
    number = 0
    for batch in file.iter_batches(_PARQUET_ROWS):
        for fields in _in_milliseconds(batch).to_pylist():
            number += 1
            yield Record(number, {name: cell for name, cell in fields.items() if cell is not None})


def _in_milliseconds(batch: Any) -> Any:
    import pyarrow as pa  # noqa: PLC0415  # 0.2 s at the start of every command otherwise

    columns = [
        column.cast(pa.timestamp("ms"), safe=False).cast(pa.int64())
        if pa.types.is_timestamp(column.type) and column.type.tz is None
        else column.cast(pa.timestamp("ms", "UTC"), safe=False).cast(pa.int64())
        if pa.types.is_timestamp(column.type)
        else column
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)
