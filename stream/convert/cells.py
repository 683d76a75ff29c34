"""Records out of rows of separated cells; a line with a stray quote costs itself alone."""

import csv
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from stream.convert.records import (
    SHOWN,
    Dropped,
    Lines,
    LineTooLong,
    Record,
    decoded,
    not_decoded,
    too_long,
)
from stream.errors import InputFileError
from stream.rowfiles import LONGEST_CELL

_DELIMITERS: Final = (",", ";", "\t", "|")
# The cells of a line; None if a quote is still open at its end.
_Split = Callable[[str], list[str] | None]


class _Line(NamedTuple):
    number: int
    text: str | None  # None: too long


def csv_header(lines: Lines, delimiter: str | None, name: str) -> tuple[list[str], str]:
    """The columns' names of a CSV text, and what separates them: as given, or the most frequent.

    Raises InputFileError if there are none, or two are alike.
    """
    try:
        first = next(lines)
    except (StopIteration, LineTooLong):
        raise InputFileError(f"{name} has no line of columns' names.") from None
    sign = delimiter or max(_DELIMITERS, key=first.count)
    names = [cell.strip() for cell in next(csv.reader([first], delimiter=sign), [])]
    if not any(names):
        raise InputFileError(f"{name} has no line of columns' names.")
    if twice := sorted({cell for cell in names if names.count(cell) > 1}):
        raise InputFileError(f"{name} has more than one column {', '.join(map(repr, twice))}.")
    return names, sign


def csv_records(
    lines: Lines, names: Sequence[str], delimiter: str, *, quotes: bool = True
) -> Iterator[Record | Dropped]:
    """Rows of separated cells; an empty cell is an absent field.

    A quoted cell may hold newlines. Where a quote opens and what follows is no row of as many cells
    as the header, its line alone is left out, and reading goes on at the next.
    """
    csv.field_size_limit(LONGEST_CELL)
    split = _splitter(delimiter, quotes=quotes)
    ahead = _Ahead(lines)
    while (line := ahead.take()) is not None:
        if line.text is None:
            yield too_long(line.number)
            continue
        try:
            cells = split(line.text)
        except csv.Error as error:
            shown = line.text.rstrip("\n")[:SHOWN]
            yield Dropped(line.number, "schema", f"no row of CSV: {error}", shown)
            continue
        if cells is None:
            yield _row_of_lines(line, ahead, names, delimiter)
        elif cells:
            yield _row(line, names, cells)


class _Ahead:
    """Lines, of which some are given back to be read again."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._returned: deque[_Line] = deque()

    def take(self) -> _Line | None:
        """The next line; None at the end."""
        if self._returned:
            return self._returned.popleft()
        try:
            text = next(self._lines)
        except StopIteration:
            return None
        except LineTooLong:
            return _Line(self._lines.number, None)
        return _Line(self._lines.number, text)

    def give_back(self, taken: Sequence[_Line]) -> None:
        """Lines that are to come again, in their order."""
        self._returned.extendleft(reversed(taken))


def _splitter(delimiter: str, *, quotes: bool) -> _Split:
    if len(delimiter) == 1:
        return _OneLine(delimiter, quotes=quotes)
    # Unquoted, as in MovieLens-1M.
    return lambda text: text.rstrip("\n").split(delimiter) if text != "\n" else []


class _OneLine:
    """Splits a line as CSV; csv.reader asks for another where a quote is open."""

    def __init__(self, delimiter: str, *, quotes: bool) -> None:
        self._text: str | None = None
        if quotes:
            self._reader = csv.reader(self, delimiter=delimiter)
        else:
            self._reader = csv.reader(self, delimiter=delimiter, quoting=csv.QUOTE_NONE)

    def __call__(self, text: str) -> list[str] | None:
        self._text = text
        try:
            return next(self._reader)
        except _Open:
            return None

    def __iter__(self) -> "_OneLine":
        return self

    def __next__(self) -> str:
        if self._text is None:
            raise _Open
        text, self._text = self._text, None
        return text


class _Open(Exception):
    pass


def _row_of_lines(
    first: _Line, ahead: _Ahead, names: Sequence[str], delimiter: str
) -> Record | Dropped:
    """The row that a line with an open quote begins; strictly CSV, for else the quote is stray."""
    taken = [first]
    try:
        cells = next(csv.reader(_following(taken, ahead), delimiter=delimiter, strict=True))
    except csv.Error:
        cells = []
    if len(cells) == len(names):
        return _row(taken[-1], names, cells)
    ahead.give_back(taken[1:])
    text = first.text or ""
    if not decoded(text):
        return not_decoded(first.number, text)
    error = f"a quote opens that does not end as a row of CSV does{_cut(first)}"
    return Dropped(first.number, "schema", error, text.rstrip("\n")[:SHOWN])


def _following(taken: list[_Line], ahead: _Ahead) -> Iterator[str]:
    """The lines of a row, which are also added to those taken, as long as it may grow."""
    size = 0
    while (text := taken[-1].text) is not None and (size := size + len(text)) <= LONGEST_CELL:
        yield text
        line = ahead.take()
        if line is None:
            return
        taken.append(line)


def _row(line: _Line, names: Sequence[str], cells: list[str]) -> Record | Dropped:
    if any(not decoded(cell) for cell in cells):
        return not_decoded(line.number, ",".join(cells))
    if len(cells) != len(names):
        error = f"it has {len(cells)} cells, the header {len(names)}{_cut(line)}"
        return Dropped(line.number, "schema", error, ",".join(cells)[:SHOWN])
    return Record(
        line.number, {name: cell for name, cell in zip(names, cells, strict=True) if cell}
    )


def _cut(line: _Line) -> str:
    return "" if (line.text or "\n").endswith("\n") else "; the last line is cut off"
