"""A file of events as the rows that learners apply, in time order, with notes on the others."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import polars as pl

from models.dataset_files import cells
from models.dataset_files.files import read_frame
from models.dataset_files.positivity import Positivity
from models.errors import DataError

_REQUIRED: Final = ("user_id", "item_id", "type", "timestamp")
_WANTED: Final = (*_REQUIRED, "value", "event_id")
_EARLIEST_MS: Final = 631_152_000_000  # 1990-01-01, as the stream has it
_ID_BYTES: Final = 256
_MOST: Final = 1e15


@dataclass(slots=True)
class EventTable:
    """What is left of the rows, and what happened to the others.

    Columns: row, user, item, kind (texts), value (float, null: none), time (ms), positive.
    """

    frame: pl.DataFrame
    notes: list[str] = field(default_factory=list)

    def drop(self, condition: pl.Expr, what: str) -> None:
        """Leave out the rows for which the condition holds (null: it does not)."""
        held = self.frame.select(condition.fill_null(value=False).alias("x"))["x"]
        if count := int(held.sum()):
            self.frame = self.frame.filter(~held)
            self.notes.append(f"{count:,} {'row' if count == 1 else 'rows'} left out: {what}.")


def read_events(path: Path, rules: Positivity) -> EventTable:
    """Read the events that learners apply.

    Raises
    ------
    DataError
        If the file cannot be read, lacks a column, or holds no such event.

    """
    table = EventTable(_typed(read_frame(path, _WANTED, _REQUIRED)))
    _sort(table)
    _drop_incomplete(table, rules)
    _drop_repeated(table)
    if not table.frame.height:
        told = " ".join(table.notes)
        raise DataError(f"{path} holds no event that can be learned from. {told}")
    table.frame = table.frame.with_columns(_positive(rules).alias("positive"))
    return table


def _typed(raw: pl.DataFrame) -> pl.DataFrame:
    value = (
        raw["value"] if "value" in raw.columns else pl.Series([None] * raw.height, dtype=pl.Float64)
    )
    numbers = cells.numbers(value)
    event = (
        raw["event_id"]
        if "event_id" in raw.columns
        else pl.Series([None] * raw.height, dtype=pl.String)
    )
    return pl.DataFrame(
        {
            "user": cells.ids(raw["user_id"]),
            "item": cells.ids(raw["item_id"]),
            "kind": raw["type"].cast(pl.String),
            "value": numbers,
            "no_number": value.is_not_null() & numbers.is_null(),
            "time": cells.times(raw["timestamp"]),
            "event": cells.ids(event),
        }
    )


def _sort(table: EventTable) -> None:
    """Bring the rows into time order, equal times in the file's, and number them all."""
    times = table.frame["time"].drop_nulls()
    if not times.is_sorted():
        table.notes.append("The events were not in time order; they were sorted.")
    table.frame = table.frame.sort("time", maintain_order=True, nulls_last=True).with_row_index(
        "row"
    )


def _drop_incomplete(table: EventTable, rules: Positivity) -> None:
    col = pl.col
    table.drop(col("user").is_null(), "without user_id")
    table.drop(col("user") == "*", "a user_id of *, which is reserved")
    table.drop(col("kind").is_in(["search", "impression"]), "searches and impressions")
    table.drop(col("kind").is_null(), "without type")
    unknown = set(table.frame["kind"].unique().to_list()) - rules.types
    named = ", ".join(sorted(unknown)[:5]) + (", …" if len(unknown) > 5 else "")
    table.drop(col("kind").is_in(list(unknown)), f"types that are not configured: {named}")
    table.drop(col("item").is_null(), "without item_id")
    long = [col(name).str.len_bytes() > _ID_BYTES for name in ("user", "item")]
    table.drop(long[0] | long[1], f"ids of more than {_ID_BYTES} bytes")
    table.drop(col("time").is_null(), "without a time that can be read")
    table.drop(
        col("time") < _EARLIEST_MS,
        "a timestamp before 1990 (a whole number is milliseconds since 1970)",
    )
    table.drop(col("no_number"), "a value that is no number")
    infinite = (col("value").abs() <= _MOST).not_()
    if count := int(table.frame.select(infinite.sum()).item()):
        table.notes.append(
            f"{count:,} {'value was' if count == 1 else 'values were'} not finite, or beyond 1e15,"
            f" and {'counts' if count == 1 else 'count'} as absent."
        )
        table.frame = table.frame.with_columns(
            pl.when(infinite).then(None).otherwise(col("value")).alias("value")
        )
    table.drop((col("kind") == "rate") & col("value").is_null(), "rates without a value")


def _drop_repeated(table: EventTable) -> None:
    named = pl.col("event").is_not_null()
    table.drop(
        named & pl.struct("user", "event").is_first_distinct().not_(),
        "the same user had an event of that event_id before",
    )
    same = pl.struct("user", "item", "kind", "value", "time", "event").is_first_distinct().not_()
    table.drop(same, "the same as an earlier row in every field")


def _positive(rules: Positivity) -> Any:
    rated = pl.col("value") >= rules.positive_min
    listed = pl.col("kind").is_in(list(rules.positive_types))
    return pl.when(pl.col("kind") == "rate").then(rated).otherwise(listed).fill_null(value=False)
