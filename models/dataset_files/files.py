"""A file as a polars frame of the wanted columns, texts as they stand."""

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from gzip import GzipFile
from pathlib import Path
from typing import IO, Any, Final, cast

import polars as pl

from models.dataset_files.faults import first_fault, line_of
from models.errors import DataError

_FORMATS: Final = {".jsonl": "json", ".ndjson": "json", ".csv": "csv", ".parquet": "parquet"}


def read_frame(path: Path, wanted: Sequence[str] | None, required: Sequence[str]) -> pl.DataFrame:
    """The wanted columns of a file, as far as it has them: texts, and from Parquet its own types.

    None wants all of a table's columns, and of JSON the required ones.

    Raises
    ------
    DataError
        If the file cannot be read, is empty, or lacks a required column.

    """
    read = {"json": _read_json, "csv": _read_csv, "parquet": _read_parquet}[format_of(path)]
    try:
        frame = read(path, wanted, required)
    except (OSError, EOFError, zlib.error, pl.exceptions.PolarsError) as exc:
        reason = str(exc).split("\n", 1)[0]
        raise DataError(f"{path} cannot be read: {_fault(path) or reason}.") from exc
    if not frame.height:
        raise DataError(f"{path} is empty.")
    if absent := [name for name in required if frame[name].null_count() == frame.height]:
        raise DataError(f"{path} has nothing in {', '.join(absent)}.")
    return frame


def format_of(path: Path) -> str:
    """Its format, json, csv or parquet, by its name.

    Raises
    ------
    DataError
        If there is no such file or its name has another ending.

    """
    if path.is_dir():
        raise DataError(f"{path} is a folder, not a file.")
    suffixes = [suffix for suffix in path.suffixes if suffix != ".gz"]
    found = _FORMATS.get(suffixes[-1].lower()) if suffixes else None
    if found is None or (found == "parquet" and path.suffix == ".gz"):
        raise DataError(f"{path} is not .jsonl, .csv (each also .gz) or .parquet.")
    if not path.is_file():
        raise DataError(f"{path} is not a file.")
    if not path.stat().st_size:
        raise DataError(f"{path} is empty.")
    return found


def read_rows(
    path: Path, wanted: Sequence[str] | None, required: Sequence[str]
) -> Iterator[Mapping[str, Any]]:
    """The rows of a file of items or users, one by one, nested fields as the file has them.

    Raises
    ------
    DataError
        As `read_frame`.

    """
    if format_of(path) == "json":
        frame = read_frame(path, required, required)  # it checks the file, which is small
        yield from _json_rows(path)
        return
    frame = read_frame(path, wanted, required)
    yield from frame.iter_rows(named=True)


def place_of(path: Path, row: int) -> str:
    """Where the row-th row of a file stands, from 1, in words."""
    form = format_of(path)
    if form == "parquet":
        return f"{path}, row {row}"
    with _opened(path) as lines:
        return f"{path}, line {line_of(form, lines, row)}"


def _read_csv(path: Path, wanted: Sequence[str] | None, required: Sequence[str]) -> pl.DataFrame:
    try:
        names = pl.read_csv(path, n_rows=0, infer_schema=False).columns
    except pl.exceptions.NoDataError:
        raise DataError(f"{path} is empty.") from None
    columns = _chosen(path, names, wanted, required)
    return pl.read_csv(path, columns=columns, infer_schema=False)


def _read_json(path: Path, wanted: Sequence[str] | None, required: Sequence[str]) -> pl.DataFrame:
    # A number in a column of texts becomes its digits, 3.0 becomes "3".
    return pl.read_ndjson(path, schema=dict.fromkeys(wanted or required, pl.String))


def _read_parquet(
    path: Path, wanted: Sequence[str] | None, required: Sequence[str]
) -> pl.DataFrame:
    columns = _chosen(path, list(pl.read_parquet_schema(path)), wanted, required)
    return pl.read_parquet(path, columns=columns)


def _chosen(
    path: Path, names: Sequence[str], wanted: Sequence[str] | None, required: Sequence[str]
) -> list[str]:
    if missing := [name for name in required if name not in names]:
        raise DataError(f"{path} lacks {', '.join(missing)}; it has {', '.join(names)}.")
    return [name for name in (names if wanted is None else wanted) if name in names]


def _opened(path: Path) -> IO[bytes]:
    return cast("IO[bytes]", GzipFile(path)) if path.suffix == ".gz" else path.open("rb")


def _json_rows(path: Path) -> Iterator[Mapping[str, Any]]:
    with _opened(path) as lines:
        for line in lines:
            if text := line.strip():
                yield json.loads(text)


def _fault(path: Path) -> str:
    """Which line is at fault; empty if no line is."""
    form = format_of(path)
    if form == "parquet":
        return ""
    try:
        with _opened(path) as lines:
            return first_fault(form, lines)
    except (OSError, EOFError, zlib.error):
        return ""
