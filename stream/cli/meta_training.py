"""What `headwater train` does for a meta-learner such as bayes; apart, since it loads slowly."""

import sys
import time
from functools import partial
from typing import Any

import numpy as np
from rich.table import Table

from models.dataset import Dataset
from models.errors import DataError, MissingLibraryError
from models.evaluation.user_cold.noted import notes_on
from models.evaluation.words import counted
from models.meta import learner_of
from models.meta.learner import MetaLearner
from models.meta.tasks import Tasks, World, of_dataset
from models.search.subject import settings_of
from stream.cli.contest import shown
from stream.cli.histories import read_history
from stream.cli.training import Job
from stream.cli.wide import show
from stream.convert.outputs import failing
from stream.errors import UsageError
from stream.settings import Loaded


def run(loaded: Loaded, job: Job, name: str) -> None:
    """Read, train, write and report.

    Raises
    ------
    UsageError
        If the files or what is installed do not do.
    OutputFileError
        If the snapshot cannot be written.

    """
    try:
        learner = _learner(loaded, job, name)
        data = read_history(loaded, job.events, job.items, job.users)
        for note in data.notes:
            print(note, file=sys.stderr)
        began = time.monotonic()
        world, tasks = _lesson(data)
        trained = _trained(learner, world, tasks, job.seed)
    except DataError as error:
        raise UsageError(str(error)) from error
    except MissingLibraryError as error:
        raise UsageError(f"Learner {name}: {error}") from error
    took = time.monotonic() - began
    with failing(job.out):
        trained.save(job.out)
    show(_table(job, trained, data, took))
    print(f"Serve it: HEADWATER_MODEL={job.out} headwater worker")


def _learner(loaded: Loaded, job: Job, name: str) -> MetaLearner:
    """The learner with the file's settings and, before these, with those of flags."""
    told: dict[str, Any] = {}
    if job.settings:
        told = settings_of([job.settings], [name])[name]
    repeats = loaded.settings.repeats == "allow"
    if job.epochs is not None:
        defaults = getattr(learner_of(name, {}), "defaults", None)
        if not hasattr(defaults, "epochs"):
            raise DataError(f"Learner {name} has no epochs to be told by --epochs.")
        told["epochs"] = job.epochs
    return learner_of(name, told, repeats=repeats)


def _lesson(data: Dataset) -> tuple[World, Tasks]:
    """All users to learn of, with a word on what is odd about them."""
    users = np.arange(len(data.users))
    world, tasks = of_dataset(data, users)
    for note in notes_on(data, users, world, tasks):
        print(note, file=sys.stderr)
    return world, tasks


def _trained(learner: MetaLearner, world: World, tasks: Tasks, seed: int) -> MetaLearner:
    """The learner that has seen all users."""
    with shown() as progress:
        report = partial(progress, f"{learner.name}: training")
        trained = learner.meta_train(world, tasks, seed=seed, progress=report)
    return trained.completed(world, tasks)


def _table(job: Job, trained: MetaLearner, data: Dataset, took: float) -> Table:
    table = Table(show_header=False)
    table.add_row("learner", trained.name)
    table.add_row("learned", f"{counted(len(data), 'event')} of {counted(len(data.users), 'user')}")
    table.add_row("items", f"{len(data.items):,}")
    table.add_row("training took", f"{took:.1f} s")
    table.add_row("snapshot", f"{job.out} ({job.out.stat().st_size / 1e6:.1f} MB)")
    return table
