"""Which line of a file is at fault: a second pass, once the file could not be read."""

import csv
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Final

_REMEDY: Final = "mend or remove it, or let `headwater convert` leave such lines out"
_READ: Final = 2**31 - 1
"""Characters of a cell of a file that polars has read, which sets no limit; a C long holds it."""
_UNREAD: Final = 2**26
"""Of one that it has not: where a quote stays open the rest is one cell, of 4 bytes a character."""


def first_fault(form: str, lines: Iterable[bytes]) -> str:
    """What is wrong with the first bad line of json or csv, and what to do; empty if none is."""
    fault = {"json": _fault_of_json, "csv": _fault_of_csv}[form](lines)
    return fault and f"{fault}; {_REMEDY}"


def line_of(form: str, lines: Iterable[bytes], row: int) -> int:
    """The line on which the row-th row of json or csv begins, both from 1; a header is no row."""
    if form == "json":
        rows = (number for number, line in enumerate(lines, 1) if line.strip())
        return next(islice(rows, row - 1, None))
    reader = csv.reader(_texts(lines))
    with _longest(_READ):
        for _ in range(row):
            next(reader)
    return reader.line_num + 1


def _fault_of_json(lines: Iterable[bytes]) -> str:
    for number, line in enumerate(lines, 1):
        try:
            _check(line)
        except ValueError as exc:
            return f"line {number} is no JSON object: {exc}"
    return ""


def _check(line: bytes) -> None:
    if line.strip() and not isinstance(json.loads(line, parse_constant=_refuse), dict):
        raise ValueError("it has no fields")


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no number that JSON has")


def _fault_of_csv(lines: Iterable[bytes]) -> str:
    with _longest(_UNREAD):
        return _fault_of_rows(lines)


def _fault_of_rows(lines: Iterable[bytes]) -> str:
    reader = csv.reader(_texts(lines), strict=True)
    width = 0
    while True:
        first = reader.line_num + 1  # a row may have several lines
        try:
            cells = next(reader, None)
        except UnicodeDecodeError as exc:
            return f"line {reader.line_num + 1} is not UTF-8: byte 0x{exc.object[exc.start]:02x}"
        except csv.Error as exc:
            return f"line {first} begins no row of CSV: {exc}"
        if cells is None:
            return ""
        width = width or len(cells)
        if len(cells) > width:
            return f"line {first} has {len(cells)} cells, the header {width}"


@contextmanager
def _longest(cell: int) -> Iterator[None]:
    """Let cells have so many characters, where csv has 131,072 for the whole process."""
    before = csv.field_size_limit(cell)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _texts(lines: Iterable[bytes]) -> Iterator[str]:
    for line in lines:
        yield line.decode("utf-8-sig")
