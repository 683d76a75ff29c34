"""What `headwater train` does once its flags are understood; apart, since it is slow to load."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from models.dataset import Dataset
from models.errors import DataError, MissingLibraryError
from models.evaluation.words import counted
from models.search.files import checked, read_settings
from stream.cli.histories import read_history
from stream.cli.wide import show
from stream.convert.outputs import failing
from stream.errors import UsageError
from stream.settings import Loaded

_STAGES = {"net": "learning", "gate": "gate", "newest": "learning the newest"}


@dataclass(frozen=True, slots=True)
class Job:
    """What is wanted."""

    events: Path
    items: Path | None
    users: Path | None
    out: Path
    checkpoint: Path  # what an interrupted training leaves
    seed: int
    epochs: int | None
    width: int | None
    device: str
    settings: Path | None


def run(loaded: Loaded, job: Job) -> None:
    """Read, train, write and report.

    Raises
    ------
    UsageError
        If the files, the device or what is installed do not do.
    OutputFileError
        If the snapshot or the checkpoint cannot be written.

    """
    training = _training(job)
    settings = _settings(training, loaded, job)
    data = read_history(loaded, job.events, job.items, job.users)
    for note in data.notes:
        print(note, file=sys.stderr)
    trained = _train(training, settings, job, data)
    with failing(job.out):
        trained.mixture.save(job.out)
    with failing(job.checkpoint):
        job.checkpoint.unlink(missing_ok=True)
    show(_table(job, trained))
    print(f"Serve it: HEADWATER_MODEL={job.out} headwater worker")


def _training(job: Job) -> ModuleType:
    """Import what trains; its library is an extra."""
    try:
        from models import training  # noqa: PLC0415  # needs the extra, and is slow to load
    except ModuleNotFoundError as error:
        raise UsageError(str(MissingLibraryError.of(error))) from error
    if job.device == "cuda" and not training.has_gpu():
        raise UsageError("--device cuda needs a GPU that torch can use; there is none.")
    return training


def _settings(training: ModuleType, loaded: Loaded, job: Job) -> Any:
    """Those of the file, and those of flags, which go first."""
    told: dict[str, Any] = {}
    try:
        if job.settings:
            told = _of_file(training, job.settings)
        if job.epochs is not None:
            told["epochs"] = job.epochs
        if job.width is not None:
            told |= {"width": job.width, "hidden": 2 * job.width}
        repeats = loaded.settings.repeats == "allow"
        return training.TrainSettings(seed=job.seed, repeats=repeats, device=job.device, **told)
    except DataError as error:
        raise UsageError(str(error)) from error


def _of_file(training: ModuleType, path: Path) -> dict[str, Any]:
    """The file's settings. Raises DataError, which names it, if they do not do."""
    told = checked(path, read_settings(path), training.DEFAULTS)
    try:
        training.TrainSettings(**told)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    return told


def _train(training: ModuleType, settings: Any, job: Job, data: Dataset) -> Any:
    try:
        with failing(job.checkpoint), _shown() as show:
            return training.train(
                data, len(data), settings, progress=show, checkpoint=job.checkpoint, tell=_tell
            )
    except DataError as error:
        raise UsageError(str(error)) from error


def _tell(note: str) -> None:
    print(note, file=sys.stderr)


@contextmanager
def _shown() -> Iterator[Any]:
    """Show a bar on a terminal, elsewhere a line for each epoch."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[found]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("reading", total=1.0, found="")

        def show(step: Any) -> None:
            what = f"{_STAGES[step.stage]}, epoch {step.epoch + 1} of {step.epochs}"
            what = _STAGES["gate"] if step.stage == "gate" else what
            bar.update(task, description=what, completed=step.epoch + step.part, total=step.epochs)
            if step.loss is None:
                return
            found = f"loss {step.loss:.3f}, validation HR@10 {_rate(step.hit_rate)}"
            bar.update(task, found=found)
            if not console.is_terminal:
                print(f"{what}: {found}", file=sys.stderr)

        yield show


def _rate(rate: float | None) -> str:
    return "unknown" if rate is None else f"{rate:.3f}"


def _table(job: Job, trained: Any) -> Table:
    notes = trained.mixture.notes
    table = Table(show_header=False)
    table.add_row(
        "learned", f"{counted(notes['events'], 'event')} of {counted(notes['users'], 'user')}"
    )
    table.add_row("items", f"{notes['items']:,}")
    if trained.mixture.net is not None:
        rate = _rate(notes["validation hit_rate@10"])
        table.add_row("net alone", f"HR@10 {rate} on the last tenth, before learning it")
        table.add_row("epochs", f"{notes['epochs']}, the best was {notes['best epoch']}")
    else:
        table.add_row("net", f"none, counters alone: {notes['net']}")
    table.add_row("training took", f"{trained.seconds:.1f} s")
    table.add_row("snapshot", f"{job.out} ({job.out.stat().st_size / 1e6:.1f} MB)")
    return table
