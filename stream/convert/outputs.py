"""Files being written: JSON Lines, CSV (each also .gz) and Parquet; whole, or not at all."""

import csv
import gzip
import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final, Protocol, cast

import msgspec

from stream.errors import OutputFileError, UsageError
from stream.foreign import Kind

_EVENT: Final = (
    "user_id", "item_id", "type", "value", "timestamp", "event_id", "query", "items", "list_id",
    "context",
)  # fmt: skip
_ITEM: Final = (
    "item_id", "title", "categories", "attributes", "embedding", "available", "timestamp",
)  # fmt: skip
COLUMNS: Final[dict[Kind, tuple[str, ...]]] = {
    "events": _EVENT,
    "items": _ITEM,
    "users": ("user_id", "attributes"),
}
# Fields that a cell holds as JSON; categories are separated by |.
_JSON_FIELDS: Final = frozenset({"items", "context", "attributes", "embedding"})
_ENDINGS: Final = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".parquet": "parquet"}


class Rows(Protocol):
    """Something that records are written to."""

    def write(self, records: Sequence[dict[str, Any]], encoded: Sequence[bytes]) -> None:
        """Write records, which are given as fields and as JSON."""

    def close(self) -> None:
        """Write what is left."""

    def abandon(self) -> None:
        """Write nothing more."""


def format_of(path: Path) -> str:
    """The format that a name asks for. Raises UsageError if it asks for none."""
    packed = path.suffix == ".gz"
    ending = path.with_suffix("").suffix if packed else path.suffix
    found = _ENDINGS.get(ending.lower())
    if found is None or (packed and found == "parquet"):
        raise UsageError(f"--out {path} needs to end in .jsonl, .csv (each also .gz) or .parquet.")
    return found


@contextmanager
def writing(path: Path, *, overwrite: bool) -> Iterator[IO[bytes]]:
    """A file that appears under its name when all is written; nothing stays if it fails.

    A device or pipe is written at once. Raises UsageError if the file is there already or its
    folder is not, OutputFileError if it cannot be written.
    """
    if path.exists() and not path.is_file():
        with failing(path), path.open("wb") as device:
            yield device
        return
    if path.exists() and not overwrite:
        raise UsageError(f"{path} is there already; --overwrite replaces it.")
    if not path.parent.is_dir():
        raise UsageError(f"{path} cannot be written: there is no folder {path.parent}.")
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with failing(path):
            with partial.open("wb") as file:
                yield file
            partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def rows(file: IO[bytes], path: Path, kind: Kind) -> Iterator[Rows]:
    """What writes records of the kind to the file, in the format that its name asks for."""
    packed = (
        gzip.GzipFile(path.with_suffix("").name, "wb", 6, file) if path.suffix == ".gz" else None
    )
    sink = cast("IO[bytes]", packed or file)
    writer: Rows
    match format_of(path):
        case "jsonl":
            writer = _JsonRows(sink)
        case "csv":
            writer = _CsvRows(sink, kind)
        case _:
            writer = _ParquetRows(sink, kind)
    try:
        yield writer
        writer.close()
    except BaseException:
        writer.abandon()
        raise
    finally:
        if packed is not None:
            packed.close()


@contextmanager
def failing(path: Path) -> Iterator[None]:
    """Raises OutputFileError, which names the path, for what the system says."""
    try:
        yield
    except OSError as error:
        raise OutputFileError(f"{path} cannot be written: {error.strerror or error}.") from error


class _JsonRows:
    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, records: Sequence[dict[str, Any]], encoded: Sequence[bytes]) -> None:
        del records
        self._file.write(b"".join([line + b"\n" for line in encoded]))

    def close(self) -> None:
        """Nothing is left."""

    def abandon(self) -> None:
        """Nothing is left."""


class _CsvRows:
    def __init__(self, file: IO[bytes], kind: Kind) -> None:
        self._file = file
        self._columns = COLUMNS[kind]
        self._write([self._columns])

    def write(self, records: Sequence[dict[str, Any]], encoded: Sequence[bytes]) -> None:
        del encoded
        self._write(
            [[_cell(name, fields.get(name)) for name in self._columns] for fields in records]
        )

    def _write(self, rows: Sequence[Sequence[object]]) -> None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        self._file.write(text.getvalue().encode())

    def close(self) -> None:
        """Nothing is left."""

    def abandon(self) -> None:
        """Nothing is left."""


def _cell(name: str, value: Any) -> object:
    if value is None:
        return None
    if name == "categories":
        return "|".join(value)
    if name in _JSON_FIELDS:
        return msgspec.json.encode(value).decode()
    if isinstance(value, bool):
        return "true" if value else "false"
    return value


class _ParquetRows:
    """Objects (context, attributes) are JSON in text: they have no columns in common."""

    def __init__(self, file: IO[bytes], kind: Kind) -> None:
        import pyarrow.parquet as pq  # noqa: PLC0415  # 0.2 s at the start of every command

        self._schema = _schema(kind)
        self._writer = pq.ParquetWriter(file, self._schema, compression="zstd")
        self._waiting: list[dict[str, Any]] = []
        self._bytes = 0

    def write(self, records: Sequence[dict[str, Any]], encoded: Sequence[bytes]) -> None:
        self._waiting += [_flat(fields) for fields in records]
        self._bytes += sum(map(len, encoded))
        if len(self._waiting) >= _GROUP_ROWS or self._bytes >= _GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa  # noqa: PLC0415  # the same

        if self._waiting:
            self._writer.write_table(pa.Table.from_pylist(self._waiting, self._schema))
            self._waiting = []
            self._bytes = 0

    def close(self) -> None:
        self._flush()
        self._writer.close()

    def abandon(self) -> None:
        self._writer.is_open = False  # or it would write its end when it is forgotten


# Rows of a row group: enough for good compression, few enough for any memory.
_GROUP_ROWS: Final = 20_000
_GROUP_BYTES: Final = 4_194_304


def _flat(fields: dict[str, Any]) -> dict[str, Any]:
    return {
        name: msgspec.json.encode(value).decode() if isinstance(value, dict) else value
        for name, value in fields.items()
    }


def _schema(kind: Kind) -> Any:
    import pyarrow as pa  # noqa: PLC0415  # the same

    types = {
        "value": pa.float64(),
        "timestamp": pa.int64(),
        "items": pa.list_(pa.string()),
        "categories": pa.list_(pa.string()),
        "embedding": pa.list_(pa.float64()),
        "available": pa.bool_(),
    }
    return pa.schema([(name, types.get(name, pa.string())) for name in COLUMNS[kind]])
