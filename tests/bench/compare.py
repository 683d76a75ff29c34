"""How the ratios of two runs differ: what got worse, and by how much."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from stream.errors import UsageError

# Of a ratio's median: less is the machine's mood, even where rounds agree.
_TOLERANCE = 0.10
# One round has no spread: whatever differs may be the machine's mood.
_FEWEST = 2


Verdict = Literal["worse", "better", "one round says nothing", ""]
ONE_ROUND: Final = "one round says nothing"


class OldRatio(msgspec.Struct):
    """A ratio as `--json` wrote it."""

    median: float
    each: list[float]
    more_is_better: bool


class Old(msgspec.Struct):
    """What is read of an earlier run."""

    format: Literal["headwater-bench-1"]
    ratios: dict[str, OldRatio]
    sizes: dict[str, Any]
    machine: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """One ratio, before and now. `verdict`: empty where it is much the same."""

    name: str
    before: float
    now: float
    verdict: Verdict

    @property
    def by(self) -> float:
        """The change as a share of what was before."""
        return self.now / self.before - 1


def read(path: Path) -> Old:
    """Read what an earlier run wrote. Raises UsageError if it is anything else."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Old)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    except msgspec.DecodeError as error:
        raise UsageError(
            f"{path} is not what `headwater bench --json` of this release writes: {error}."
        ) from error


def changes(old: Mapping[str, OldRatio], new: Mapping[str, Mapping[str, Any]]) -> list[Change]:
    """The ratios that both runs have, as the new one orders them.

    One is worse if its median is by more than a tenth, and no round of one run reaches what the
    other's rounds span.
    """
    return [
        Change(name, old[name].median, ratio["median"], _verdict(old[name], ratio))
        for name, ratio in new.items()
        if name in old and old[name].median
    ]


def _verdict(old: OldRatio, new: Mapping[str, Any]) -> Verdict:
    if min(len(old.each), len(new["each"])) < _FEWEST:
        return ONE_ROUND
    overlap = min(old.each) <= max(new["each"]) and min(new["each"]) <= max(old.each)
    if overlap or abs(new["median"] / old.median - 1) <= _TOLERANCE:
        return ""
    return "better" if (new["median"] > old.median) is old.more_is_better else "worse"


def unlike(old: Old, document: Mapping[str, Any]) -> list[str]:
    """What makes the two runs hard to compare, in words."""
    found = []
    if not old.ratios.keys() & document["ratios"].keys():
        found.append("The earlier run measured other parts: nothing to compare.")
    sizes = msgspec.json.decode(msgspec.json.encode(document["sizes"]))  # tuples become lists
    differing = [
        name for name, size in sizes.items() if name != "rounds" and old.sizes.get(name) != size
    ]
    if differing:
        found.append(f"The earlier run had other sizes ({', '.join(differing)}).")
    differing = [
        name
        for name in ("processor", "cores")
        if old.machine.get(name) != document["machine"].get(name)
    ]
    if differing:
        found.append(f"The earlier run was on another machine ({', '.join(differing)}).")
    return found
