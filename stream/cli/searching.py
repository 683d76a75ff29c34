"""What `headwater search` does once its flags are understood; apart, since it is slow to load."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from models.dataset import Dataset
from models.errors import DataError, MissingLibraryError
from models.evaluation.contest import Context
from models.evaluation.contest import Progress as Tell
from models.search.files import Found, write_settings
from models.search.objective import Cold, Objective, Prequential
from models.search.space import Narrowed, gathered, read_space, start_of
from models.search.subject import Subject, check_settings, subject_of
from stream.cli.given import refuse
from stream.cli.histories import read_history
from stream.cli.wide import show
from stream.convert.outputs import failing
from stream.errors import UsageError
from stream.settings import Loaded

_READ_BY: Final = {
    "prequential": {"warm_up": "--warm-up", "repeats": "--repeats"},
    "user-cold": {"users": "--users", "cold_share": "--cold-share", "draws": "--draws"},
}
"""Parameters that are read for the learners of one protocol alone, and their flags."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is wanted."""

    events: Path
    items: Path | None
    users: Path | None
    out: Path
    storage: Path
    space: Path | None
    plot: Path | None
    learner: str
    trials: int
    sampler: str
    prune: bool
    warm_up: float
    cold_share: float
    draws: int
    seed: int
    given: frozenset[str]  # parameters that stand on the command line


def run(loaded: Loaded, job: Job) -> None:
    """Read, search, write and report.

    Raises
    ------
    UsageError
        If the files, the storage or what is installed do not do.
    OutputFileError
        If what was found cannot be written.

    """
    sys.path.append(str(Path.cwd()))  # where a learner of one's own may lie
    try:
        libraries = _libraries(with_plots=job.plot is not None)
        subject = subject_of(job.learner, repeats=loaded.settings.repeats == "allow")
        _refuse_unread(job, subject)
        narrowed = _narrowed(job.space, subject)
        data = read_history(loaded, job.events, job.items, job.users)
        objective = _objective(loaded, job, subject, data)
        for note in (*data.notes, *objective.notes):
            print(note, file=sys.stderr)
        about = _about(loaded, job, data, narrowed)
        up = objective.higher_is_better
        with libraries.storage.opened(job.storage, about, higher_is_better=up) as study:
            search = libraries.trials.Search(
                f"{job.learner}, {job.sampler}, seed {job.seed}",
                study, narrowed, subject.defaults, objective, job.sampler, job.seed, job.prune,
            )  # fmt: skip
            _go_on(libraries, job, search)
            _conclude(libraries, job, search)
    except (DataError, MissingLibraryError) as error:
        raise UsageError(str(error)) from error


def _refuse_unread(job: Job, subject: Subject) -> None:
    """Refuse what was given and is not read for this learner; one's own may read profiles."""
    other = "prequential" if subject.meta else "user-cold"
    given = job.given - {"users"} if ":" in job.learner else job.given
    refuse(given, _READ_BY[other], f"learners of the protocol {other}; {job.learner} is none")


def _narrowed(path: Path | None, subject: Subject) -> Narrowed:
    """What is searched: all that the learner declares, or what a file says of it."""
    if path is None:
        return Narrowed(subject.space, {})
    narrowed = read_space(path, subject.space)
    start = {**narrowed.fixed, **start_of(narrowed.space, subject.defaults)}
    try:
        check_settings(subject, gathered(start, subject.defaults))
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    return narrowed


def _libraries(*, with_plots: bool) -> Any:
    """What needs Optuna, and what draws; they are an extra."""
    try:
        from models.search import report, storage, trials  # noqa: PLC0415  # may be absent

        found = SimpleNamespace(report=report, storage=storage, trials=trials)
        if with_plots:
            from models.search import plots  # noqa: PLC0415  # the same

            found.plots = plots
    except ModuleNotFoundError as error:
        raise MissingLibraryError.of(error) from error
    return found


def _objective(loaded: Loaded, job: Job, subject: Subject, data: Dataset) -> Objective:
    if subject.meta:
        return Cold(subject.name, data, job.cold_share, job.seed, job.draws)
    context = Context(repeats=loaded.settings.repeats == "allow", seed=job.seed)
    epochs = int(subject.defaults.get("epochs", 0))
    return Prequential(subject.name, data, job.warm_up, context, epochs)


def _about(loaded: Loaded, job: Job, data: Dataset, narrowed: Narrowed) -> dict[str, Any]:
    """What must be the same for a search to go on."""
    space = {
        name: [type(parameter).__name__, asdict(parameter)]
        for name, parameter in narrowed.space.items()
    }
    return {
        "learner": job.learner,
        "data": data.fingerprint,
        "sampler": job.sampler,
        "seed": job.seed,
        "warm-up": job.warm_up,
        "cold-share": job.cold_share,
        "draws": job.draws,
        "repeats": loaded.settings.repeats,
        "space": [space, dict(narrowed.fixed)],
    }


def _go_on(libraries: Any, job: Job, search: Any) -> None:
    """Search, show how far it is, and write the best settings whenever there are better ones."""
    report, written = libraries.report, -1

    def done(trial: Any) -> None:
        nonlocal written
        tell(report.line(search, trial, job.trials), len(libraries.trials.finished(search.study)))
        found = libraries.trials.best(search.study)
        if found is not None and found.number != written:
            _write(report, job, search, found)
            written = found.number

    before = len(libraries.trials.finished(search.study))
    if not before and (note := report.beginning(search)):
        print(note, file=sys.stderr)
    with _shown(job, before) as (tell, progress):
        try:
            search.run(job.trials, progress, done)
        except MissingLibraryError as error:
            raise MissingLibraryError(f"Learner {job.learner}: {error}") from error
        except KeyboardInterrupt:
            print(
                f"Stopped. {job.storage} holds the trials so far: the same command goes on.",
                file=sys.stderr,
            )
            raise


def _conclude(libraries: Any, job: Job, search: Any) -> None:
    report, found = libraries.report, libraries.trials.best(search.study)
    if found is None:
        why = report.last_divergence(search.study)
        raise DataError(f"No trial came to a score: {report.counts(search.study)}.{why}")
    _write(report, job, search, found)
    show(report.table(search, found))
    print(f"{report.counts(search.study)}; all are in {job.storage}.")
    if job.plot:
        with failing(job.plot):
            libraries.plots.draw(job.plot, search.study, search.objective.figure)
        print(f"Written: {job.plot}")
    print(f"Written: {job.out}")


def _write(report: Any, job: Job, search: Any, found: Any) -> None:
    settings = Found(job.learner, dict(report.settings_of(found)))
    with failing(job.out):
        write_settings(job.out, settings, report.comments(search, found))


@contextmanager
def _shown(job: Job, before: int) -> Iterator[tuple[Callable[[str, int], None], Tell]]:
    """Bars of all trials and of the one that runs; elsewhere than on a terminal, lines."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        trials = bars.add_task("trials", completed=before, total=job.trials)
        running = bars.add_task("", total=1)

        def tell(line: str, finished: int) -> None:
            bars.update(trials, description=line, completed=finished)
            if not console.is_terminal:
                print(line, file=sys.stderr)

        def progress(what: str, done: int, of: int) -> None:
            bars.update(running, description=what, completed=done, total=of)

        yield tell, progress
