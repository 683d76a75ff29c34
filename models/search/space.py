"""What of a learner's settings may vary, declared beside the settings without any library.

A learner with settings to search has two attributes: `space`, of names to parameters, and
`defaults`, what the settings are otherwise. Parameters `NAME.OPTION` that are true or false make up
a setting NAME: the list of the options that are on, such as the mixture's modules.

A file can narrow a space. What it names is searched and nothing else; all others stay as they are:

    width = [32, 64]                     # one of these
    rate = {low = 1e-3, high = 1e-2}     # in a range; what is not told is as declared
    dropout = {}                         # as declared
    id_dropout = 0.2                     # not searched, but this

What is searched lies within what is declared; what is set need only be what the learner takes.
"""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

from models.errors import DataError


@dataclass(frozen=True, slots=True)
class Float:
    """A number within low..high, of their logarithms alike if `log`."""

    low: float
    high: float
    log: bool = False

    def nearest(self, value: Any) -> Any:
        """The value, or the end beyond which it lies."""
        return min(max(float(value), self.low), self.high)


@dataclass(frozen=True, slots=True)
class Int:
    """A whole number within low..high, of their logarithms alike if `log`."""

    low: int
    high: int
    log: bool = False

    def nearest(self, value: Any) -> Any:
        """The value, or the end beyond which it lies."""
        return min(max(int(value), self.low), self.high)


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some values: texts, numbers, true and false."""

    options: tuple[Any, ...]

    def nearest(self, value: Any) -> Any:
        """The value, of numbers the nearest, or else the first option."""
        if isinstance(value, float | int) and all(
            isinstance(one, float | int) for one in self.options
        ):
            return min(self.options, key=lambda one: abs(one - value))
        return value if value in self.options else self.options[0]


Parameter: TypeAlias = Float | Int | Choice
Space: TypeAlias = Mapping[str, Parameter]
Settings: TypeAlias = Mapping[str, Any]

ON_OFF = Choice((True, False))


@dataclass(frozen=True, slots=True)
class Narrowed:
    """What is searched, and what is set without search."""

    space: Space
    fixed: Settings


def start_of(space: Space, defaults: Settings) -> dict[str, Any]:
    """The point of the space that is nearest to the defaults."""
    return {
        name: parameter.nearest(default_of(name, defaults)) for name, parameter in space.items()
    }


def default_of(name: str, defaults: Settings) -> Any:
    """What the parameter is without a search."""
    setting, _, option = name.partition(".")
    return option in defaults[setting] if option else defaults[setting]


def gathered(values: Settings, defaults: Settings) -> dict[str, Any]:
    """The settings that values are: options that are off are left out of the default lists."""
    settings: dict[str, Any] = {}
    for name, value in values.items():
        setting, _, option = name.partition(".")
        if option:
            listed: Any = settings.get(setting, defaults[setting])
            settings[setting] = tuple(
                one for one in defaults[setting] if (value if one == option else one in listed)
            )
        else:
            settings[setting] = value
    return settings


def read_space(path: Path, declared: Space) -> Narrowed:
    """Read a file that narrows a space.

    Raises
    ------
    DataError
        If it cannot be read, or names or gives what the space does not have.

    """
    told = _flat(read_toml(path))
    if unknown := [name for name in told if name not in declared]:
        raise DataError(
            f"{path}: unknown {', '.join(unknown)}; what can be searched is {', '.join(declared)}."
        )
    space: dict[str, Parameter] = {}
    fixed: dict[str, Any] = {}
    for name, value in told.items():
        what = f"{path}: {name}"
        if isinstance(value, dict):
            space[name] = _range(what, value, declared[name])
        elif isinstance(value, list):
            if not value:
                raise DataError(f"{what} needs something to choose from; got an empty list.")
            space[name] = Choice(tuple(_within(what, one, declared[name]) for one in value))
        else:
            fixed[name] = _fitting(what, value, declared[name])
    if not space:
        raise DataError(f"{path} leaves nothing to search: give a range or a list of values.")
    return Narrowed(space, fixed)


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises
    ------
    DataError
        If it is none, or cannot be read.

    """
    try:
        return tomllib.loads(path.read_text())
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise DataError(f"{path} is no TOML: {error}.") from error


def _flat(told: Mapping[str, Any]) -> dict[str, Any]:
    """Tables of parameters, as `[modules]`, become NAME.OPTION; tables of a range stay."""
    flat: dict[str, Any] = {}
    for name, value in told.items():
        if isinstance(value, dict) and value and not {"low", "high", "log"} & set(value):
            flat |= {f"{name}.{option}": one for option, one in value.items()}
        else:
            flat[name] = value
    return flat


def _range(what: str, told: Mapping[str, Any], declared: Parameter) -> Parameter:
    if isinstance(declared, Choice):
        if told:
            raise DataError(f"{what} takes a list, of {declared.options}; got a range.")
        return declared
    if unknown := sorted(set(told) - set(asdict(declared))):
        raise DataError(f"{what} has low, high and log; got {', '.join(unknown)}.")
    if not isinstance(told.get("log", False), bool):
        raise DataError(f"{what}: log is true or false; got {told['log']!r}.")
    ends = {end: _within(f"{what}.{end}", told[end], declared) for end in told if end != "log"}
    found = replace(declared, **ends, **{key: told[key] for key in told if key == "log"})
    if not found.low < found.high or (found.log and found.low <= 0):
        raise DataError(
            f"{what} needs a low end{' above 0' if found.log else ''} below the high one; got"
            f" {found.low} and {found.high}."
        )
    return found


def _within(what: str, told: Any, declared: Parameter) -> Any:
    """The value, if it is of the parameter's kind and in its range."""
    value = _fitting(what, told, declared)
    if not isinstance(declared, Choice) and not declared.low <= value <= declared.high:
        raise DataError(
            f"{what} is searched within {declared.low:g} and {declared.high:g}; got {value:g}."
        )
    return value


def _fitting(what: str, value: Any, declared: Parameter) -> Any:
    """The value, if it is of the parameter's kind."""
    if isinstance(declared, Choice):
        if not any(one == value and type(one) is type(value) for one in declared.options):
            raise DataError(f"{what} may be {_listed(declared.options)}; got {value!r}.")
        return value
    whole = isinstance(declared, Int)
    number = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value):
        raise DataError(f"{what} is a {'whole ' if whole else ''}number; got {value!r}.")
    return value if whole else float(value)


def _listed(options: tuple[Any, ...]) -> str:
    return ", ".join(map(repr, options))
