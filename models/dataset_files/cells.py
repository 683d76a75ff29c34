"""Columns of ids, times and numbers in whatever type a file has them, as expressions of polars."""

import math
from typing import Any, Final

import polars as pl

_WHOLE: Final = r"^-?\d+\.0+$"


def ids(column: pl.Series) -> pl.Series:
    """Texts; integers become their digits, also where missing cells made floats of them all."""
    if column.dtype.is_float():
        column = column.fill_nan(None)
        whole = column.cast(pl.Int64, strict=False)
        column = whole if bool((whole == column).all()) else column
    texts = column.cast(pl.String)
    found = texts.drop_nulls()
    if len(found) and bool(found.str.contains(_WHOLE).all()):
        texts = texts.str.replace(r"\.0+$", "")
    return texts.set(texts == "", None)


def times(column: pl.Series) -> pl.Series:
    """Epoch milliseconds; null where the cell holds no time."""
    if column.dtype.is_temporal():
        return column.cast(pl.Datetime("ms")).dt.epoch("ms")
    if column.dtype.is_numeric():
        return column.cast(pl.Int64, strict=False)
    digits = column.str.strip_chars().str.replace(r"\.0+$", "")
    whole = digits.cast(pl.Int64, strict=False)
    if whole.null_count() == column.null_count():
        return whole
    texts = (
        column.str.strip_chars()
        .str.replace(" ", "T")
        .str.replace(r"[zZ]$", "+00:00")
        .str.replace(r"(T[\d:.]+)$", "${1}+00:00")
    )
    moments = texts.str.to_datetime(
        "%Y-%m-%dT%H:%M:%S%.f%:z", time_unit="ms", time_zone="UTC", strict=False
    )
    return whole.fill_null(moments.dt.epoch("ms"))


def numbers(column: pl.Series) -> pl.Series:
    """Floats; null where the cell holds no number."""
    texts = column.str.strip_chars() if column.dtype == pl.String else column
    return texts.cast(pl.Float64, strict=False)


def plain(value: Any) -> Any:
    """A nested value alike from every format: without absent fields, whole numbers as integers."""
    if isinstance(value, dict):
        held = {key: plain(cell) for key, cell in value.items()}
        return {key: cell for key, cell in held.items() if cell is not None}
    if isinstance(value, list):
        return [plain(cell) for cell in value]
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return int(value) if value.is_integer() else value
    return value
