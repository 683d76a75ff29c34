"""Where trials are kept: an SQLite file of Optuna's, for one search and one process at a time.

A process that was killed leaves a trial that seems to run. Since the file is locked, no other
process can be running it, and the next one marks it as failed.
"""

import fcntl
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import optuna
from optuna.storages import RDBStorage
from optuna.study import Study
from optuna.trial import TrialState
from sqlalchemy.exc import SQLAlchemyError

from models.errors import DataError

_NAME: Final = "headwater"
_ABOUT: Final = "headwater"
_SHORT: Final = 80
"""Characters of a difference that is told in full."""


@contextmanager
def opened(path: Path, about: Mapping[str, Any], *, higher_is_better: bool) -> Iterator[Study]:
    """Open the search's trials, or begin them; `about` is what makes a search the same, as JSON.

    Raises
    ------
    DataError
        If the file is of another search, in use, no such file, or cannot be written.

    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with _locked(path):
        try:
            storage = RDBStorage(f"sqlite:///{path.absolute()}")
            study = optuna.create_study(
                storage=storage,
                study_name=_NAME,
                direction="maximize" if higher_is_better else "minimize",
                load_if_exists=True,
            )
            _hold_against(path, study, about)
        except (SQLAlchemyError, RuntimeError, optuna.exceptions.OptunaError) as error:
            raise DataError(f"{path} is no storage of a search: {_sentence(error)}") from error
        try:
            for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
                study.tell(trial.number, state=TrialState.FAIL)
            yield study
        finally:
            storage.engine.dispose()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the file for this process; closed after SQLite's own, whose locks closing would drop."""
    try:
        file = path.open("ab")
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror}.") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DataError(f"{path} is in use: another search is running on it.") from error
        yield


def _hold_against(path: Path, study: Study, about: Mapping[str, Any]) -> None:
    told = json.loads(json.dumps(about))
    was = study.user_attrs.get(_ABOUT)
    if was is None and not study.get_trials(deepcopy=False):
        study.set_user_attr(_ABOUT, told)
        return
    was = was or {}
    if other := [name for name in told if was.get(name) != told[name]]:
        differ = "; ".join(_difference(name, was.get(name), told[name]) for name in other)
        raise DataError(
            f"{path} is of another search: {differ}. Go on with the same, or name another"
            " --storage."
        )


def _difference(name: str, was: Any, told: Any) -> str:
    """What differs, with what it was and is if that is short."""
    both = f"{name} was {was}, is {told}"
    return both if len(both) <= _SHORT else f"the {name} is another"


def _sentence(error: Exception) -> str:
    """The first line of what a library says."""
    return str(error).partition("\n")[0]
