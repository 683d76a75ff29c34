"""A file of pairs of user and item."""

from pathlib import Path
from typing import Final

from models.dataset_files import cells
from models.dataset_files.files import read_frame
from models.errors import DataError

_REQUIRED: Final = ("user_id", "item_id")


def read_queries(path: Path) -> list[tuple[str, str]]:
    """Read the pairs that are whole, in the file's order.

    Raises
    ------
    DataError
        If the file cannot be read, lacks a column or has no whole pair.

    """
    frame = read_frame(path, _REQUIRED, _REQUIRED)
    users, items = (cells.ids(frame[name]).to_list() for name in _REQUIRED)
    pairs = [(user, item) for user, item in zip(users, items, strict=True) if user and item]
    if not pairs:
        raise DataError(f"{path} has no row with both user_id and item_id.")
    return pairs
