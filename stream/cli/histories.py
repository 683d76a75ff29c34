"""Files of a history, read by the stream's own rules of what counts and what is positive."""

from pathlib import Path

from models.dataset import Dataset
from models.dataset_files import Positivity, read_dataset
from models.errors import DataError, MissingLibraryError
from stream.errors import UsageError
from stream.rules import Rules
from stream.settings import Loaded


def read_history(loaded: Loaded, events: Path, items: Path | None, users: Path | None) -> Dataset:
    """Read a history.

    Raises
    ------
    UsageError
        If a file does not do, or a library for reading it is not installed.

    """
    rules = Rules.of(loaded.settings)
    positivity = Positivity(rules.types, rules.positive_types, rules.positive_min)
    try:
        return read_dataset(events, items, users, positivity)
    except (DataError, MissingLibraryError) as error:
        raise UsageError(str(error)) from error
