"""Records out of text and Parquet, one by one, in constant memory; a bad one does not end them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, Final

import msgspec

#: Characters of a line that is read at all; a message of the wire has 1 MB at most.
LONGEST_LINE: Final = 4_194_304
#: Characters of a record that are shown in a report.
SHOWN: Final = 200
_PARQUET_ROWS: Final = 1000


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


class LineTooLong(Exception):
    """A line was skipped, for it is longer than any record."""


class Lines:
    """The lines of a text, of which none is ever held whole if it is longer than any record.

    `ended` says whether the last one ended with a newline.
    """

    def __init__(self, text: IO[str], longest: int = LONGEST_LINE) -> None:
        self.number = 0
        self.ended = True
        self._text = text
        self._longest = longest
        self._foreign = False

    def __iter__(self) -> "Lines":
        """Itself."""
        return self

    def __next__(self) -> str:
        """The next line; one that is too long is skipped and raises LineTooLong."""
        line = self._text.readline(self._longest)
        if self._foreign:  # UTF-16 ends a line with two bytes, of which the second came now
            line = line.removeprefix("\0")
        if not line:
            raise StopIteration
        self._foreign = "\0" in line
        self.number += 1
        self.ended = line.endswith("\n")
        if self.ended or len(line) < self._longest:
            return line
        while not self.ended and (rest := self._text.readline(self._longest)):
            self.ended = rest.endswith("\n")
        raise LineTooLong


def json_records(lines: Lines) -> Iterator[Record | Dropped]:
    """The objects of JSON Lines; empty lines are none."""
    decode = msgspec.json.Decoder().decode
    while True:
        try:
            line = next(lines)
        except StopIteration:
            return
        except LineTooLong:
            yield too_long(lines.number)
            continue
        if not (text := line.strip()):
            continue
        if not decoded(text):
            yield not_decoded(lines.number, text)
            continue
        try:
            value = decode(text.encode())
        except (msgspec.DecodeError, RecursionError) as error:
            cut = "" if lines.ended else "; the last line is cut off"
            yield Dropped(lines.number, "json", f"no JSON: {error}{cut}", text[:SHOWN])
        else:
            if isinstance(value, dict):
                yield Record(lines.number, value)
            else:
                yield Dropped(lines.number, "schema", "it is no JSON object", text[:SHOWN])


def decoded(text: str) -> bool:
    """Whether it holds neither NUL nor the signs that stand for bytes of another encoding."""
    return "\0" not in text and (
        text.isascii() or not any("\udc80" <= sign <= "\udcff" for sign in text)
    )


def too_long(number: int) -> Dropped:
    """A line that was skipped."""
    return Dropped(number, "size", f"the line has more than {LONGEST_LINE} characters")


def not_decoded(number: int, text: str) -> Dropped:
    """A record that is not `decoded`."""
    shown = text[:SHOWN].encode(errors="surrogateescape").decode(errors="replace")
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
