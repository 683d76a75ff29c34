"""What a conversion is to do, as its command was told."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from stream.foreign import Kind
from stream.rules import Rules

Format = Literal["movielens", "gorse", "metarank", "csv", "jsonl", "parquet"]
#: The name that stands for standard input.
STDIN: Final = Path("-")
#: The name in `keep` that stands for every column.
ALL: Final = "all"


@dataclass(frozen=True)
class Plan:
    """A conversion. `columns` map fields of the wire to columns of the file."""

    source: Path
    format: Format
    kind: Kind
    out: Path
    rules: Rules
    columns: Mapping[str, str] = field(default_factory=dict)
    #: Event types of the file and ours; an empty one of ours leaves the rows out.
    types: Mapping[str, str] = field(default_factory=dict)
    #: The type of events in a file without one.
    default_type: str | None = None
    #: Columns that go into attributes (of items, users) or context (of events).
    keep: frozenset[str] = frozenset()
    encoding: str | None = None
    delimiter: str | None = None
    #: strptime's pattern, for times that are written otherwise than in RFC 3339.
    time_format: str | None = None
    #: The smallest and largest value that the file can hold; they become 1 and 5.
    values: tuple[float, float] | None = None
    report: Path | None = None
    rejects: Path | None = None
    overwrite: bool = False
    keep_duplicates: bool = False
