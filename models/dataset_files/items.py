"""A file of items as what was announced of each."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import polars as pl

from models.content import Content
from models.dataset import NEVER
from models.dataset_files import cells
from models.dataset_files.files import place_of, read_rows
from models.errors import DataError

_REQUIRED: Final = ("item_id",)
_WANTED: Final = (
    *_REQUIRED, "title", "categories", "attributes", "embedding", "available", "timestamp",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Announced:
    """What is known of one item before its first event, and from when on, ms."""

    content: Content
    time: int
    available: bool


def read_items(path: Path) -> dict[str, Announced]:
    """Read items by id; of several rows of one id the last counts, and the earliest time.

    Raises
    ------
    DataError
        If the file cannot be read, lacks item_id, or a cell is not what its field holds.

    """
    rows = list(read_rows(path, _WANTED, _REQUIRED))
    names = cells.ids(pl.Series([text(row.get("item_id")) for row in rows], dtype=pl.String))
    times = cells.times(pl.Series([text(row.get("timestamp")) for row in rows], dtype=pl.String))
    found: dict[str, Announced] = {}
    for number, (row, name, time) in enumerate(zip(rows, names, times, strict=True), 1):
        if name is None:
            continue
        try:
            content = _content(row)
        except (ValueError, TypeError) as exc:
            raise DataError(f"{place_of(path, number)}: {exc}.") from exc
        earlier = found[name].time if name in found else NEVER
        since = earlier if time is None else min(earlier, time)
        found[name] = Announced(content, since, _is_available(row.get("available")))
    return found


def text(cell: object) -> str | None:
    """An id or a time as text."""
    return None if cell is None else str(cell)


def mapping(cell: object) -> dict[str, Any]:
    """Attributes from a cell: JSON, or fields already; null is absent, as on the wire.

    Raises
    ------
    TypeError, ValueError
        If it is something else.

    """
    value = msgspec.to_builtins(cells.plain(_decoded(cell, "attributes")))
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise TypeError(f"attributes are an object; got {cell!r}")
    return value


def _content(row: Any) -> Content:
    return Content(
        title=text(row.get("title")) or None,
        categories=_categories(row.get("categories")),
        attributes=mapping(row.get("attributes")),
        embedding=_embedding(row.get("embedding")),
    )


def _categories(cell: object) -> tuple[str, ...]:
    if cell is None:
        return ()
    given = cell.split("|") if isinstance(cell, str) else cell
    if not isinstance(given, list):
        raise TypeError(f"categories are a list; got {cell!r}")
    return tuple(str(name) for name in given if name)


def _embedding(cell: object) -> tuple[float, ...]:
    given = _decoded(cell, "an embedding")
    if given is None:
        return ()
    numbers = [float(number) for number in given] if isinstance(given, list) else [math.nan]
    if not all(map(math.isfinite, numbers)):
        raise ValueError(f"an embedding is a list of finite numbers; got {str(cell)[:60]}")
    return tuple(numbers)


def _decoded(cell: object, what: str) -> object:
    if not isinstance(cell, str):
        return cell
    try:
        return json.loads(cell)
    except ValueError as exc:
        raise ValueError(f"{what} should be JSON; got {cell[:60]!r}") from exc


def _is_available(cell: object) -> bool:
    return str(cell).lower() not in {"false", "0"}
