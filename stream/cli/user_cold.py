"""What `headwater evaluate --protocol user-cold` does once its flags are understood."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.dataset import Dataset
from models.errors import DataError, MissingLibraryError
from models.evaluation.user_cold.plan import Plan, split, split_by_queries
from models.evaluation.user_cold.report import document, table
from models.evaluation.user_cold.run import run
from models.meta import learner_class
from models.search.subject import settings_of
from stream.cli.contest import show, shown
from stream.cli.histories import read_history
from stream.errors import UsageError
from stream.settings import Loaded


@dataclass(frozen=True, slots=True)
class Files:
    """What is read and, if wanted, written."""

    events: Path
    items: Path | None
    users: Path | None
    queries: Path | None
    json: Path | None
    plot: Path | None
    settings: tuple[Path, ...] = ()


def hold(loaded: Loaded, files: Files, asked: Mapping[str, Any]) -> None:
    """Read, evaluate and report; `asked` is what the JSON will tell as settings.

    Raises
    ------
    UsageError
        If the data or what is installed does not do.

    """
    sys.path.append(str(Path.cwd()))  # where a learner of one's own may lie
    try:
        if files.plot:
            _plots()
        for name in asked["learners"]:
            learner_class(name)
        if files.settings:
            asked = {**asked, "learner_settings": settings_of(files.settings, asked["learners"])}
        data = read_history(loaded, files.events, files.items, files.users)
        plan = _plan(data, files.queries, asked)
        with shown() as progress:
            settings = asked.get("learner_settings", {})
            found = run(plan, asked["learners"], asked["seed"], progress, settings)
    except (DataError, MissingLibraryError) as error:
        raise UsageError(str(error)) from error
    told = document(plan, found, asked, asked["seed"])
    show(table(told))
    if files.json:
        files.json.write_text(json.dumps(told, indent=1) + "\n")
    if files.plot:
        _plots().draw(files.plot, told)
    for path in filter(None, (files.json, files.plot)):
        print(f"Written: {path}")


def _plan(data: Dataset, queries: Path | None, asked: Mapping[str, Any]) -> Plan:
    if queries is None:
        return split(data, asked["cold_share"], asked["seed"])
    from models.dataset_files.queries import read_queries  # noqa: PLC0415  # polars is an extra

    return split_by_queries(data, read_queries(queries), asked["seed"])


def _plots() -> Any:
    """What draws; its library is an extra."""
    try:
        from models.evaluation.user_cold import plots  # noqa: PLC0415  # may be absent
    except ModuleNotFoundError as error:
        raise MissingLibraryError.of(error) from error
    return plots
