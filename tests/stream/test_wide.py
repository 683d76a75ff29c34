"""Tables that are wider than the terminal keep every figure."""

import re

import pytest
from rich.table import Table

from stream.cli import wide

TOP = "┏"  # a table's upper left corner


def table() -> Table:
    """A row of twelve figures, and one that failed."""
    made = Table(title="Figures of two learners", caption="What they mean")
    for heading in ("learner", *(f"figure {number}" for number in range(12))):
        made.add_column(heading)
    made.add_row("first", *(f"0.{number}234567" for number in range(12)))
    made.add_row("second", "failed")
    return made


@pytest.mark.parametrize(("columns", "parts"), [(70, 3), (100, 2), (200, 1), (None, 1)])
def test_all_of_it_is_shown_at_any_width(
    columns: int | None,
    parts: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In parts, each with the first column; whole where it goes into a file."""
    monkeypatch.setenv("COLUMNS", str(columns or 60))
    if columns:
        monkeypatch.setenv("FORCE_COLOR", "1")
    wide.show(table())
    shown = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert all(f"0.{number}234567" in shown for number in range(12))
    assert all(f"figure {number}" in shown for number in range(12))
    assert shown.count("learner ") == shown.count("second") == shown.count(TOP) == parts
    assert shown.count("failed") == shown.count("Figures") == shown.count("mean") == 1
    assert max(map(len, shown.splitlines())) <= (columns or 1000)


def test_where_no_word_has_room_each_figure_still_has_its_part(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Beside the first column, and under one title and one caption."""
    monkeypatch.setenv("COLUMNS", "5")
    monkeypatch.setenv("FORCE_COLOR", "1")
    wide.show(table())
    shown = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert shown.count(TOP) == shown.count("┏━┳━┓") == 12
    assert shown.count("Figur") == shown.count("mean") == 1
    assert max(map(len, shown.splitlines())) == 5


def test_brackets_are_letters(capsys: pytest.CaptureFixture[str]) -> None:
    """Of extras, ids and paths, in cells and below."""
    made = Table("learner", caption="maml failed: pip install 'headwater[train]'")
    made.add_row("[bold]" + "-" * 60)
    wide.show(made)
    shown = capsys.readouterr().out
    assert "headwater[train]" in shown
    assert "[bold]" in shown
