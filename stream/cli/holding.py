"""What `headwater evaluate` does under any protocol, once its flags are understood."""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import IO, Any, TypeAlias

from rich.table import Table

from models.dataset import Dataset
from models.errors import DataError, MissingLibraryError
from models.search.subject import settings_of
from stream.cli.histories import read_history
from stream.cli.stopping import terminable
from stream.cli.wide import show
from stream.convert.outputs import failing, writing
from stream.errors import LearnerFailed, UsageError
from stream.settings import Loaded

Told: TypeAlias = dict[str, Any]
"""What was found, as JSON has it."""


@dataclass(frozen=True, slots=True)
class Files:
    """What is read and, if wanted, written."""

    events: Path
    items: Path | None
    users: Path | None
    json: Path | None
    plot: Path | None
    settings: tuple[Path, ...] = ()
    ranks: Path | None = None
    queries: Path | None = None


def _none(_file: IO[bytes]) -> None:
    """A protocol without ranks writes none."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was found, what draws it into a folder by a module of plots, and what writes ranks.

    stopped: by what, if not all learners were gone through.
    """

    told: Told
    draw: Callable[[Any, Path], object]
    write_ranks: Callable[[IO[bytes]], object] = _none
    stopped: KeyboardInterrupt | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """A protocol: `run` gives what was found; the module named `plots` draws it."""

    run: Callable[[Dataset, Files, Mapping[str, Any]], Found]
    table: Callable[[Told], Table]
    plots: str
    check: Callable[[str], object] = str  # looks at a learner's name before any work


def hold(loaded: Loaded, files: Files, asked: Mapping[str, Any], held: Held) -> None:
    """Read, evaluate and report; `asked` is what the JSON will tell as settings.

    Raises
    ------
    UsageError
        If the data or what is installed does not do.
    OutputFileError
        If what was found, which is shown before, cannot be written.
    LearnerFailed
        If a learner failed; all that the others found is then shown and written.
    typer.Exit
        If the work was stopped, with the signal's code; all that learners had found that had
        finished is shown and written, too.

    """
    sys.path.append(str(Path.cwd()))  # where a learner of one's own may lie
    with terminable():
        try:
            drawing, found = _found(loaded, files, asked, held)
        except KeyboardInterrupt:
            print("Stopped. Nothing is written.", file=sys.stderr)
            raise
        show(held.table(found.told))
        _write(files, found, drawing)
        failed, of = found.told["failed"], len(asked["learners"])
        if found.stopped is not None:
            had = f"{of - len(failed)} of {of} learners had finished"
            print(f"Stopped. {had}; what they found is kept.", file=sys.stderr)
            raise found.stopped
    if failed:
        raise LearnerFailed(f"{len(failed)} of {of} learners failed: {', '.join(failed)}.")


def _found(loaded: Loaded, files: Files, asked: Mapping[str, Any], held: Held) -> tuple[Any, Found]:
    """What draws, if that is wanted, and what was found."""
    try:
        drawing = _plots(held.plots) if files.plot else None
        for name in asked["learners"]:
            held.check(name)
        if files.settings:
            repeats = asked.get("repeats") == "allow"
            told = settings_of(files.settings, asked["learners"], repeats=repeats)
            asked = {**asked, "learner_settings": told}
        data = read_history(loaded, files.events, files.items, files.users)
        return drawing, held.run(data, files, asked)
    except (DataError, MissingLibraryError) as error:
        raise UsageError(str(error)) from error


def _write(files: Files, found: Found, drawing: Any) -> None:
    """Write all that is wanted, and say where."""
    if files.json:
        with writing(files.json, overwrite=True) as file:
            file.write(json.dumps(found.told, indent=1).encode() + b"\n")
    if files.ranks:
        with writing(files.ranks, overwrite=True) as file:
            found.write_ranks(file)
    if files.plot:
        with failing(files.plot):
            found.draw(drawing, files.plot)
    for path in filter(None, (files.json, files.ranks, files.plot)):
        print(f"Written: {path}")


def _plots(module: str) -> Any:
    """What draws; its library is an extra."""
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise MissingLibraryError.of(error) from error
