"""Files of events, items or users, row by row: JSON Lines, CSV (each also .gz) and Parquet."""

import csv
import gzip
import json
import math
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import IO, Any, Final

from stream.errors import InputFileError
from stream.foreign import Fields, Kind
from stream.publish import as_json
from stream.schemas import Rejected

#: Characters of a cell of CSV, and of a row of many lines; a message of the wire has no more. The
#: csv module keeps one limit for the whole process: whoever reads sets it.
LONGEST_CELL: Final = 1_048_576
REQUIRED = {
    "events": ("user_id", "type"),
    "items": ("item_id",),
    "users": ("user_id",),
}
_FORMATS = {".jsonl": "json", ".ndjson": "json", ".csv": "csv", ".parquet": "parquet"}
# Cells of a CSV file that are more than text.
_JSON_CELLS = frozenset({"items", "context", "attributes", "embedding"})
_LIST_CELLS = frozenset({"categories"})
_USER_FIELDS = frozenset({"user_id", "attributes"})
_PARQUET_ROWS = 1000

Row = tuple[int, bytes | Rejected]


class RowFile:
    """A file, read in constant memory and as often as wanted.

    A table's empty cell is an absent field, and its times without a zone are UTC. In CSV
    `categories` are separated by `|`, and `items`, `context`, `attributes`, `embedding` hold JSON,
    as they may in Parquet. Users' other columns are attributes, numbers where they look so.
    """

    def __init__(self, path: Path, kind: Kind) -> None:
        """Raises InputFileError if there is no such file, or its name has no known ending."""
        self.fraction = 0.0
        self._path = path
        self.kind: Kind = kind
        self._read = {"json": _json_rows, "csv": _csv_rows, "parquet": _parquet_rows}[_format(path)]
        if not path.is_file():
            raise InputFileError(f"{path} is not a file.")
        self._bytes = max(1, path.stat().st_size)

    def __iter__(self) -> Iterator[Row]:
        """Each row's number (from 1: a line, or a row of Parquet) and its JSON, or why it has none.

        Meanwhile `fraction` tells how much is read. Raises InputFileError if it cannot go on.
        """
        self.fraction = 0.0
        try:
            with self._path.open("rb") as raw:
                for row in self._read(raw, self.kind, self._path):
                    self.fraction = raw.tell() / self._bytes
                    yield row
        except (OSError, EOFError, csv.Error, zlib.error) as error:
            raise InputFileError(f"{self._path} cannot be read: {error}") from error
        self.fraction = 1.0


def _format(path: Path) -> str:
    if path.is_dir():
        raise InputFileError(f"{path} is a folder, not a file.")
    suffixes = [suffix for suffix in path.suffixes if suffix != ".gz"]
    found = _FORMATS.get(suffixes[-1].lower()) if suffixes else None
    if found is None or (found == "parquet" and path.suffix == ".gz"):
        raise InputFileError(f"{path} is not .jsonl, .csv (each also .gz) or .parquet.")
    return found


def _lines(raw: IO[bytes], path: Path) -> Iterable[bytes]:
    return gzip.GzipFile(fileobj=raw) if path.suffix == ".gz" else raw


def _json_rows(raw: IO[bytes], _kind: Kind, path: Path) -> Iterator[Row]:
    for number, line in enumerate(_lines(raw, path), 1):
        if text := line.strip():
            yield number, text


def _csv_rows(raw: IO[bytes], kind: Kind, path: Path) -> Iterator[Row]:
    csv.field_size_limit(LONGEST_CELL)
    reader = csv.DictReader(_texts(raw, path))
    _has_columns(path, kind, reader.fieldnames or ())
    try:
        for cells in reader:
            yield reader.line_num, _csv_row(cells, kind)
    except csv.Error as error:
        raise InputFileError(f"{path}, line {reader.reader.line_num}: {error}.") from error


def _texts(raw: IO[bytes], path: Path) -> Iterator[str]:
    for number, line in enumerate(_lines(raw, path), 1):
        try:
            yield line.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            byte = error.object[error.start]
            raise InputFileError(
                f"{path}, line {number}, is not UTF-8: byte 0x{byte:02x}."
            ) from error


def _csv_row(cells: Mapping[str, str | None], kind: Kind) -> bytes | Rejected:
    if None in cells:
        return Rejected("schema", "the row has more cells than the header")
    try:
        return _encoded(_fields(cells, kind, _typed))
    except ValueError as error:
        return Rejected("schema", str(error))


def _fields(cells: Mapping[str, Any], kind: Kind, read: Callable[[str, Any], Any]) -> Fields:
    """The fields that a table's row holds; a user's other columns are attributes."""
    fields = {
        name: read(name, cell)
        for name, cell in cells.items()
        if cell not in (None, "") and (kind != "users" or name in _USER_FIELDS)
    }
    if kind == "users":
        found = {name: _attribute(cell) for name, cell in cells.items() if name not in _USER_FIELDS}
        others = {name: value for name, value in found.items() if value is not None}
        attributes = fields.get("attributes")
        if others and (attributes is None or isinstance(attributes, dict)):
            fields["attributes"] = others | (attributes or {})
    return fields


def _attribute(cell: Any) -> Any:
    """A cell as an attribute: a number where it looks so; None if empty, or a number not finite.

    Training reads tables so too, in models/dataset_files/users.py: neither package may import the
    other, and a test there holds the two to each other.
    """
    value = _number(cell) if isinstance(cell, str) else cell
    absent = value == "" or (isinstance(value, float) and not math.isfinite(value))
    return None if absent else value


def _typed(name: str, cell: str) -> object:
    if name == "value":
        return _number(cell)
    if name == "timestamp":
        return int(cell) if cell.lstrip("-").isdecimal() else cell
    if name == "available":
        return {"true": True, "1": True, "false": False, "0": False}.get(cell.lower(), cell)
    if name in _LIST_CELLS:
        return cell.split("|")
    if name in _JSON_CELLS:
        return _json_cell(name, cell)
    return cell


def _number(cell: str) -> float | str:
    """A number, or the cell itself, which the schema will then refuse as a value."""
    try:
        return float(cell)
    except ValueError:
        return cell


def _json_cell(name: str, cell: str) -> object:
    try:
        return json.loads(cell)
    except ValueError as error:
        raise ValueError(f"{name} is not JSON: {error}") from error


def _parquet_rows(raw: IO[bytes], kind: Kind, path: Path) -> Iterator[Row]:
    import pyarrow as pa  # noqa: PLC0415  # 0.2 s at the start of every command otherwise
    import pyarrow.parquet as pq  # noqa: PLC0415  # the same

    try:
        with pq.ParquetFile(raw) as file:
            _has_columns(path, kind, file.schema_arrow.names)
            batches = (_in_utc(batch).to_pylist() for batch in file.iter_batches(_PARQUET_ROWS))
            for number, fields in enumerate(chain.from_iterable(batches), 1):
                yield number, _parquet_row(fields, kind)
    except (pa.ArrowException, ValueError, OverflowError) as error:
        raise InputFileError(f"{path} cannot be read: {error}") from error


def _in_utc(batch: Any) -> Any:
    """Times in microseconds, for Python's are no finer; those without a zone in UTC."""
    import pyarrow as pa  # noqa: PLC0415  # as above

    columns = [
        column.cast(pa.timestamp("us", column.type.tz or "UTC"), safe=False)
        if pa.types.is_timestamp(column.type)
        else column
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _parquet_row(cells: Mapping[str, Any], kind: Kind) -> bytes | Rejected:
    try:
        return _encoded(_fields(cells, kind, _plain))
    except ValueError as error:
        return Rejected("schema", str(error))


def _plain(name: str, value: Any) -> Any:
    """A cell of Parquet; objects without columns of their own are JSON in text."""
    if isinstance(value, str) and name in _JSON_CELLS:
        return _json_cell(name, value)
    return value


def _encoded(fields: Mapping[str, Any]) -> bytes | Rejected:
    value = fields.get("value")
    if isinstance(value, float) and not math.isfinite(value):
        return Rejected("value", f"value is {value}; a finite number is required")
    try:
        return as_json(fields)
    except (TypeError, ValueError, OverflowError) as error:
        return Rejected("schema", str(error))


def _has_columns(path: Path, kind: Kind, names: Any) -> None:
    missing = [name for name in REQUIRED[kind] if name not in names]
    if missing:
        raise InputFileError(
            f"{path} lacks {', '.join(missing)}, which {kind} need; it has {', '.join(names)}."
        )
