"""A file of users as their attributes."""

from pathlib import Path
from typing import Any, Final

import polars as pl

from models.dataset_files import cells
from models.dataset_files.files import read_rows
from models.dataset_files.items import mapping, text
from models.errors import DataError

_REQUIRED: Final = ("user_id",)


def read_profiles(path: Path) -> dict[str, dict[str, Any]]:
    """Read attributes by user id; of several rows of one id the last counts.

    Raises
    ------
    DataError
        If the file cannot be read, lacks user_id, or attributes are no object.

    """
    rows = list(read_rows(path, (*_REQUIRED, "attributes"), _REQUIRED))
    names = cells.ids(pl.Series([text(row.get("user_id")) for row in rows], dtype=pl.String))
    found: dict[str, dict[str, Any]] = {}
    for number, (row, name) in enumerate(zip(rows, names, strict=True), 1):
        if name is None:
            continue
        try:
            found[name] = mapping(row.get("attributes"))
        except (ValueError, TypeError) as exc:
            raise DataError(f"{path}, row {number}: {exc}.") from exc
    return found
