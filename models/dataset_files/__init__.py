"""Files of events, items and users as a Dataset, by polars: no loop over events in Python.

CSV and JSON Lines (each also .gz) and Parquet, in the fields of the topics. In CSV an empty cell is
an absent field, `categories` are separated by |, `attributes` and `embedding` hold JSON. Ids may be
integers; times are RFC 3339 or epoch milliseconds, and without a zone UTC.
"""

from pathlib import Path

from models.dataset import Dataset
from models.dataset_files.positivity import Positivity
from models.errors import MissingLibraryError

__all__ = ["Positivity", "read_dataset"]


def read_dataset(
    events: Path,
    items: Path | None = None,
    users: Path | None = None,
    rules: Positivity | None = None,
) -> Dataset:
    """Read a history; what was dropped, sorted or mended is told in its notes.

    Users and items are numbered by their first event; items that were only announced follow, users
    without events are left out. Of several rows of one item the last counts, its announcement from
    the first one's time on; one that is marked as unavailable is known from its first event on.

    Raises
    ------
    DataError
        If a file cannot be read, lacks a column, or holds no event that learners apply.
    MissingLibraryError
        If polars is not installed.

    """
    try:
        from models.dataset_files.assemble import read  # noqa: PLC0415  # polars is an extra
    except ModuleNotFoundError as exc:
        raise MissingLibraryError.of(exc) from exc
    return read(events, items, users, rules or Positivity())
