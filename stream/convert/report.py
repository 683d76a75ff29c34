"""What a conversion did: rows read, written, and dropped by reason, with examples."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from stream.convert.records import Dropped

_EXAMPLES: Final = 3


@dataclass
class Reason:
    """Rows that were dropped for one reason, and the first of them."""

    rows: int = 0
    examples: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Report:
    """A finished conversion."""

    source: str
    out: str
    kind: str
    rows: int = 0
    written: int = 0
    duplicates: int = 0
    dropped: dict[str, Reason] = field(default_factory=dict)
    mended: dict[str, int] = field(default_factory=dict)
    #: Event types as they were, and what they became, of the rows written: `star → like`.
    types: dict[str, int] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)
    ignored_columns: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def drop(self, dropped: Dropped) -> None:
        """Count a dropped row, and keep it as an example while there are few."""
        reason = self.dropped.setdefault(dropped.reason, Reason())
        reason.rows += 1
        if len(reason.examples) < _EXAMPLES:
            reason.examples.append({"row": dropped.number, "error": dropped.error})

    def count(
        self, mended: Counter[str], types: Counter[tuple[str, str]], units: Counter[str]
    ) -> None:
        """Take over what was counted: of the types what is written, theirs and ours."""
        self.mended = dict(mended)
        self.types = {
            theirs if theirs == ours else f"{theirs} → {ours}": rows
            for (theirs, ours), rows in types.most_common()
        }
        if len(units) > 1:
            told = ", ".join(f"{rows:,} in {unit}" for unit, rows in units.most_common())
            self.notes.append(f"The times are of several units: {told}.")

    def as_json(self) -> dict[str, Any]:
        """The report for programs; its names stay."""
        return asdict(self)
