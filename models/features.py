"""What a snapshot makes of announced contents: a vocabulary, learned from items, and its columns.

    f_i = categories and attributes (1 each) + title words (1/2 each) + numbers + embedding

A number x gives its standardised value and its place among K knots, which are quantiles: the two
knots beside x share a weight of 1. A year in a title is such a number. What is missing, was never
seen in learning or is no finite number adds nothing.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

import numpy as np

from models.content import Content, Sparse
from models.errors import CodecError

FORMAT: Final = 1

_KNOTS: Final = 12
_MOST_DEVIATIONS: Final = 3.0
_LARGEST: Final = 1e30
"""Numbers are cut here, so that their squares are finite."""
_WORD_WEIGHT: Final = 0.5
"""learner.md's lab: a title says less than a category."""
_LEAST: Final = {"category": 1, "attribute": 2, "word": 3}
"""Items that must share a value: one that a single item has says no more than its id."""
_STOP: Final = frozenset(("and", "for", "from", "the", "with"))
_WORDS: Final = re.compile(r"[^\W\d_]{3,}")
_YEARS: Final = re.compile(r"\b(?:1[89]|20)\d\d\b")
_YEAR: Final = "title year"


@dataclass(frozen=True, slots=True)
class _Number:
    """One number's scale; columns: its standardised value, then one for each knot."""

    mean: float
    deviation: float
    knots: tuple[float, ...]  # ascending, all different

    @classmethod
    def learn(cls, values: Sequence[float]) -> Self:
        column = np.array(values)
        knots = np.unique(np.quantile(column, np.linspace(0.0, 1.0, _KNOTS)))
        return cls(float(column.mean()), float(column.std()), tuple(knots.tolist()))

    @property
    def size(self) -> int:
        return 1 + len(self.knots)

    def cells(self, value: float, first: int) -> Iterator[tuple[int, float]]:
        """Columns and weights of a value, of columns from `first` on."""
        away = (value - self.mean) / self.deviation
        yield first, max(-_MOST_DEVIATIONS, min(_MOST_DEVIATIONS, away))
        place = float(np.interp(value, self.knots, np.arange(len(self.knots))))
        low = min(int(place), len(self.knots) - 2)
        yield first + 1 + low, 1.0 - (place - low)
        yield first + 2 + low, place - low


@dataclass(frozen=True, slots=True)
class FeatureMap:
    """Columns in this order: the embedding's components, each number's, then one for each value.

    Immutable; `size` columns in all.
    """

    embedding: int  # components, 0: none
    numbers: tuple[tuple[str, _Number], ...]
    values: tuple[str, ...]
    size: int = field(init=False)
    _column: dict[str, int] = field(init=False, repr=False, compare=False)
    _number: dict[str, tuple[_Number, int]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        first, number = self.embedding, {}
        for name, scale in self.numbers:
            number[name] = (scale, first)
            first += scale.size
        object.__setattr__(self, "_number", number)
        object.__setattr__(
            self, "_column", {value: first + n for n, value in enumerate(self.values)}
        )
        object.__setattr__(self, "size", first + len(self.values))

    @classmethod
    def learn(cls, contents: Iterable[Content | None], most: int = 4096) -> Self:
        """Take what the contents hold, the frequent first, as long as `most` columns have room."""
        lengths: Counter[int] = Counter()
        numbers: dict[str, list[float]] = {}
        counts: Counter[str] = Counter()
        for content in contents:
            if content is None:
                continue
            lengths[len(_unit(content.embedding))] += 1
            for name, value in _numbers(content):
                numbers.setdefault(name, []).append(value)
            counts.update(_values(content).keys())
        del lengths[0]
        embedding = max(lengths, key=lambda length: (lengths[length], length), default=0)
        embedding = embedding if embedding <= most else 0
        scales = _scales(numbers, most - embedding)
        room = most - embedding - sum(scale.size for _, scale in scales)
        enough = [value for value, n in counts.items() if n >= _LEAST[value.partition("\x1f")[0]]]
        enough.sort(key=lambda value: (-counts[value], value))
        return cls(embedding, scales, tuple(enough[:room]))

    def transform(self, contents: Sequence[Content | None]) -> Sparse:
        """Features of n contents, ascending within a row; none for None."""
        start = np.zeros(len(contents) + 1, dtype=np.int64)
        feature: list[int] = []
        weight: list[float] = []
        for row, content in enumerate(contents):
            if content is not None:
                for column, value in sorted(self._cells(content)):
                    feature.append(column)
                    weight.append(value)
            start[row + 1] = len(feature)
        return Sparse(start, np.array(feature, dtype=np.int32), np.array(weight, dtype=np.float32))

    def _cells(self, content: Content) -> Iterator[tuple[int, float]]:
        unit = _unit(content.embedding)
        if len(unit) == self.embedding:
            yield from enumerate(unit)
        for name, value in _numbers(content):
            if name in self._number:
                scale, first = self._number[name]
                yield from scale.cells(value, first)
        for name, weight in _values(content).items():
            if name in self._column:
                yield self._column[name], weight

    def to_json(self) -> str:
        """Write the map as text, for a snapshot's metadata."""
        numbers = [[name, x.mean, x.deviation, list(x.knots)] for name, x in self.numbers]
        parts = {"embedding": self.embedding, "numbers": numbers, "values": list(self.values)}
        return json.dumps({"format": FORMAT, **parts}, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a map that `to_json` wrote.

        Raises
        ------
        CodecError
            If it is no such text.

        """
        try:
            return cls._read(json.loads(text))
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
            raise CodecError(f"features need a map of format {FORMAT}: {error}") from error

    @classmethod
    def _read(cls, parts: dict[str, Any]) -> Self:
        if parts["format"] != FORMAT:
            raise CodecError(f"got format {parts['format']!r}")
        embedding, values = parts["embedding"], tuple(parts["values"])
        numbers = tuple(
            (name, _Number(float(mean), float(deviation), tuple(map(float, knots))))
            for name, mean, deviation, knots in parts["numbers"]
        )
        if type(embedding) is not int or embedding < 0:
            raise CodecError(f"an embedding has {embedding!r} components")
        if len(set(values)) != len(values) or not all(isinstance(x, str) for x in values):
            raise CodecError("a value is no text or there twice")
        if len({name for name, _ in numbers}) != len(numbers):
            raise CodecError("a number is there twice")
        for name, scale in numbers:
            if not _sound(scale):
                raise CodecError(f"the scale of {name!r} is unsound")
        return cls(embedding, numbers, values)


def _sound(scale: _Number) -> bool:
    finite = all(map(math.isfinite, (scale.mean, scale.deviation, *scale.knots)))
    rising = all(low < high for low, high in zip(scale.knots, scale.knots[1:], strict=False))
    return finite and rising and scale.deviation > 0 and len(scale.knots) >= 2


def _scales(numbers: dict[str, list[float]], room: int) -> tuple[tuple[str, _Number], ...]:
    """Scales of the numbers that vary and fit, the frequent first."""
    scales = []
    for name, values in sorted(numbers.items(), key=lambda item: (-len(item[1]), item[0])):
        scale = _Number.learn(values)
        if _sound(scale) and scale.size <= room:
            scales.append((name, scale))
            room -= scale.size
    return tuple(scales)


def _numbers(content: Content) -> Iterator[tuple[str, float]]:
    """Names and values of all finite numbers, each name once."""
    for name, value in content.attributes.items():
        number = _finite(value)
        if number is not None:
            yield f"attribute\x1f{name}", number
    years = _YEARS.findall(content.title or "")
    if years:
        yield _YEAR, float(years[-1])


def _values(content: Content) -> dict[str, float]:
    """Keys of all values, each once, and their weights; a key begins with what the value is."""
    words = set(_WORDS.findall((content.title or "").casefold())) - _STOP
    keys = {f"category\x1f{category}": 1.0 for category in content.categories}
    for name, value in content.attributes.items():
        for member in value if isinstance(value, list | tuple) else (value,):
            number = member is not value and _finite(member) is not None
            if number or isinstance(member, str | bool):
                keys[f"attribute\x1f{name}\x1f{member}"] = 1.0
    return keys | {f"word\x1f{word}": _WORD_WEIGHT for word in words}


def _finite(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return float(max(-_LARGEST, min(_LARGEST, value)))


def _unit(embedding: Sequence[float]) -> list[float]:
    """Scale to length 1; empty if it cannot be."""
    largest = max(map(abs, embedding), default=0.0)
    if not largest or not all(map(math.isfinite, embedding)):
        return []
    scaled = [value / largest for value in embedding]
    norm = math.hypot(*scaled)
    return [value / norm for value in scaled]
