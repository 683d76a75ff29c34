"""Tables on a screen; one that is wider comes in parts, each with the first column."""

from collections.abc import Iterator, Sequence
from typing import Final

from rich.cells import cell_len
from rich.console import Console
from rich.table import Column, Table

_FILE_WIDTH: Final = 1000
"""Of what goes into a file, which has no width of its own: no table has so much."""
_AROUND: Final = 3
"""A column's padding and line, in letters."""


def show(table: Table) -> None:
    """Print a table, without cutting a cell."""
    console = Console(markup=False)
    if not console.is_terminal:
        console.width = _FILE_WIDTH
    parts = list(_parts(table.columns, console.width))
    for columns in parts:
        console.print(_table(table, columns, last=columns is parts[-1]))


def _parts(columns: Sequence[Column], width: int) -> Iterator[list[Column]]:
    """The columns, in groups that are not wider, of which each begins with the first column."""
    first, *others = columns
    part = [first]
    for column in others:
        if len(part) > 1 and sum(map(_width, (*part, column))) + 1 > width:
            yield part
            part = [first]
        part.append(column)
    yield part


def _width(column: Column) -> int:
    return _AROUND + max(cell_len(str(text)) for text in (column.header, *column.cells))


def _table(whole: Table, columns: Sequence[Column], *, last: bool) -> Table:
    """Some of its columns; the last part has the caption, and the first the title."""
    part = Table(
        title=whole.title if columns[1:2] == whole.columns[1:2] else None,
        caption=whole.caption if last else None,
        title_justify=whole.title_justify,
        caption_justify=whole.caption_justify,
        show_header=whole.show_header,
    )
    for column in columns:
        part.add_column(column.header, justify=column.justify, no_wrap=column.no_wrap)
    cells = zip(*(column.cells for column in columns), strict=True)
    for row, texts in zip(whole.rows, cells, strict=True):
        part.add_row(*texts, style=row.style, end_section=row.end_section)
    return part
