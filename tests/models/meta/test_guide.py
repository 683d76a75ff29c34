"""The guide to the learners' settings says what the code says."""

from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

import pytest

from models.errors import DataError
from models.meta import LEARNERS, learner_class
from models.search.space import Choice, Float, Int, Parameter
from models.search.subject import check_settings, settings_of, subject_of

GUIDE: Final = Path(__file__).parents[3] / "deploy/guides/meta-learners.md"
WITH_SETTINGS: Final = [name for name in LEARNERS if not name.startswith("item-mean")]


def rows(learner: str) -> Iterator[list[str]]:
    """Cells of the tables in all sections whose heading names the learner."""
    for section in GUIDE.read_text().split("\n## ")[1:]:
        heading, _, text = section.partition("\n")
        if learner in heading.split():
            for line in text.splitlines():
                cells = [cell.strip() for cell in line.strip("|").split("|")]
                if line.startswith("|") and cells[0] not in {"setting", "---"}:
                    yield cells


def own(cell: str, learner: str) -> str:
    """What a cell says of the learner: after its name, or else first."""
    common, *others = cell.split("; ")
    for other in others:
        names, _, value = other.partition(": ")
        if learner in names.split(", "):
            return value
    return common


def text(value: Any) -> str:
    """A default as the guide has it."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def ends(allowed: str) -> tuple[list[Any], list[Any]]:
    """What is taken, and what is not, of what the guide allows."""
    match allowed.split():
        case ["whole,", "from", "1"]:
            return [1, 10_000], [0]
        case ["whole,", "1", "to", most]:
            return [1, int(most)], [0, int(most) + 1]
        case ["above", "0"]:
            return [1e-9, 1e9], [0.0, float("inf")]
        case ["from", "0"]:
            return [0.0, 1e9], [-1e-9, float("nan")]
        case ["true,", "false"]:  # a file's value is held against the default's kind
            return [True, False], []
        case _:
            return allowed.split(", "), ["other"]


def searched(parameter: Parameter | None) -> str:
    """A declared range as the guide has it."""
    match parameter:
        case None:
            return "no"
        case Choice(options):
            return ", ".join(map(text, options))
        case Float(low, high, log) | Int(low, high, log):
            return f"{low:g} to {high:g}" + ", log" * log


def examples() -> Iterator[str]:
    """Blocks of indented lines, empty ones among them."""
    lines = [line for line in GUIDE.read_text().splitlines() if line.startswith("    ") or not line]
    for block in "\n".join(lines).split("learner = ")[1:]:
        yield "learner = " + "\n".join(line.strip() for line in block.splitlines())


@pytest.mark.parametrize("learner", WITH_SETTINGS)
def test_every_setting_has_its_default_and_range(learner: str) -> None:
    """Each field of the learner's defaults stands in the guide once, and no other."""
    subject = subject_of(learner)
    told = [(name, own(default, learner), own(space, learner)) for name, default, _, space, _ in
            rows(learner)]  # fmt: skip
    assert sorted(told) == sorted(
        (name, text(value), searched(subject.space.get(name)))
        for name, value in subject.defaults.items()
    )
    assert all(meaning for *_, meaning in rows(learner))


@pytest.mark.parametrize("learner", WITH_SETTINGS)
def test_what_is_allowed_is_taken_and_nothing_else(learner: str) -> None:
    """The ends of ranges, and each choice."""
    found: Any = learner_class(learner)
    for name, _, allowed, *_ in rows(learner):
        good, bad = ends(allowed)
        for value in good:
            assert asdict(replace(found.defaults, **{name: value}))[name] == value
        for value in bad:
            with pytest.raises(DataError, match=name):
                replace(found.defaults, **{name: value})


def test_examples_are_taken(tmp_path: Path) -> None:
    """Each file of settings that the guide shows is one."""
    told: dict[str, dict[str, Any]] = {}
    for number, example in enumerate(examples()):
        path = tmp_path / f"{number}.toml"
        path.write_text(example)
        told |= settings_of([path], LEARNERS)
    assert {name: sorted(settings) for name, settings in told.items()} == {
        "maml": ["base", "loss", "units"],
        "prototypes": ["metric", "weighted"],
    }
    for name, settings in told.items():
        check_settings(subject_of(name), settings)
