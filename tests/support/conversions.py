"""Files converted, and what came out, as the rest of headwater reads it."""

import json
from pathlib import Path
from typing import Any

from stream.convert import Plan, Report, convert
from stream.foreign import Kind
from stream.rowfiles import RowFile
from stream.rules import Rules


def converted(
    source: Path, form: str, *, out: str = "out.jsonl", kind: Kind = "events", **more: Any
) -> tuple[Report, list[Any]]:
    """Convert a file beside itself; the report, and the rows as `replay` reads them."""
    path = (source if source.is_dir() else source.parent) / out
    plan = Plan(source, form, kind, path, more.pop("rules", Rules()), **more)  # type: ignore[arg-type]
    report = convert(plan)
    return report, rows(path, kind)


def rows(path: Path, kind: Kind = "events") -> list[Any]:
    """A file's rows as `replay` reads them."""
    return [json.loads(row) if isinstance(row, bytes) else row for _, row in RowFile(path, kind)]
