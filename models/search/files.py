"""Files of settings: what a search found, read by `headwater train` and `headwater evaluate`.

TOML: `learner`, its name, and a table `settings`.
"""

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from models.errors import DataError
from models.search.space import Settings, read_toml
from models.whole_file import write_whole


class Found(NamedTuple):
    """A learner and settings of it; what is not named is as always."""

    learner: str
    settings: dict[str, Any]


def write_settings(path: Path, found: Found, comments: Iterable[str] = ()) -> None:
    """Write the file, whole or not at all. Raises OSError."""
    lines = [f"# {comment}" for comment in comments]
    lines += [f"learner = {json.dumps(found.learner)}", "", "[settings]"]
    lines += [f"{name} = {json.dumps(value)}" for name, value in found.settings.items()]
    write_whole(path, ("\n".join(lines) + "\n").encode())


def read_settings(path: Path) -> Found:
    """Read the file; its settings are not yet held against the learner's.

    Raises
    ------
    DataError
        If it is no such file.

    """
    told = read_toml(path)
    learner, settings = told.pop("learner", None), told.pop("settings", None)
    if not isinstance(learner, str) or not isinstance(settings, dict):
        raise DataError(f"{path} needs `learner`, a name, and a table `settings`.")
    if told:
        raise DataError(f"{path}: unknown {', '.join(told)}; it has `learner` and `settings`.")
    return Found(learner, settings)


def checked(path: Path, found: Found, defaults: Settings) -> dict[str, Any]:
    """The settings, each one that the learner has, and of its default's kind.

    Raises
    ------
    DataError
        If one is not; the message names it.

    """
    if unknown := [name for name in found.settings if name not in defaults]:
        raise DataError(
            f"{path}: unknown {', '.join(unknown)}; settings of {found.learner} are"
            f" {', '.join(defaults)}."
        )
    return {
        name: _like(f"{path}: {name}", value, defaults[name])
        for name, value in found.settings.items()
    }


def _like(what: str, value: Any, default: Any) -> Any:
    """The value, as the default's type has it."""
    if isinstance(default, tuple | list):
        if not (isinstance(value, list) and all(isinstance(one, str) for one in value)):
            raise DataError(f"{what} is a list of names; got {value!r}.")
        return tuple(value)
    whole = isinstance(value, int) and not isinstance(value, bool)
    if isinstance(default, float) and (whole or isinstance(value, float)):
        if math.isfinite(value):
            return float(value)
    elif type(value) is type(default):
        return value
    kinds = {bool: "true or false", int: "a whole number", float: "a finite number", str: "a text"}
    raise DataError(f"{what} is {kinds[type(default)]}; got {value!r}.")
