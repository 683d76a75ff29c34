"""A file of users as their attributes.

A table's columns beside user_id and attributes are attributes, too, numbers where they look so.
"""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import polars as pl

from models.dataset_files import cells
from models.dataset_files.files import format_of, place_of, read_rows
from models.dataset_files.items import mapping, text
from models.errors import DataError

_REQUIRED: Final = ("user_id",)
_NAMED: Final = (*_REQUIRED, "attributes")


def read_profiles(path: Path) -> dict[str, dict[str, Any]]:
    """Read attributes by user id; of several rows of one id the last counts.

    Raises
    ------
    DataError
        If the file cannot be read, lacks user_id, or attributes are no object.

    """
    rows = list(read_rows(path, None, _REQUIRED))
    # Unknown fields of JSON Lines are ignored, as those of a message are.
    is_table = format_of(path) != "json"
    names = cells.ids(pl.Series([text(row.get("user_id")) for row in rows], dtype=pl.String))
    found: dict[str, dict[str, Any]] = {}
    for number, (row, name) in enumerate(zip(rows, names, strict=True), 1):
        if name is None:
            continue
        try:
            others = _others(row) if is_table else {}
            found[name] = others | mapping(row.get("attributes"))
        except (ValueError, TypeError) as exc:
            raise DataError(f"{place_of(path, number)}: {exc}.") from exc
    return found


def _others(row: Mapping[str, Any]) -> dict[str, Any]:
    cells = {name: _attribute(cell) for name, cell in row.items() if name not in _NAMED}
    return {name: value for name, value in cells.items() if value is not None}


def _attribute(cell: Any) -> Any:
    """A cell as an attribute: a number where it looks so; None if empty, or a number not finite.

    As `replay` reads tables, in stream/rowfiles.py: neither package may import the other. What JSON
    has not, such as a time, is the text that the wire's JSON would hold; without a zone it is UTC.
    """
    if isinstance(cell, datetime) and cell.tzinfo is None:
        cell = cell.replace(tzinfo=UTC)
    try:
        value = float(cell) if isinstance(cell, str) else msgspec.to_builtins(cell)
    except ValueError:
        return cell or None
    return None if isinstance(value, float) and not math.isfinite(value) else value
