"""A run's figures on a terminal: each with a bar, and the ratios with their range and goals."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.bar import Bar
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from bench.compare import ONE_ROUND, Change
from bench.figures import STAGES, Figures
from bench.sizes import FULL

_BAR = 30
# Of the cores: what a machine's own housekeeping takes at most.
_QUIET = 0.5


@dataclass(frozen=True, slots=True)
class Goal:
    """What a figure or a ratio should be; `most`: at most, else at least."""

    name: str
    limit: float
    most: bool = True

    def met(self, value: float) -> bool:
        """Whether a value does."""
        return value <= self.limit if self.most else value >= self.limit


GOALS = (
    Goal("throughput.headwater", 5000, most=False),
    Goal("throughput.shell_only / bare_send", 0.7, most=False),
    Goal("lag_ms.500.p50 / bare", 6),
    Goal("lag_ms.500.headwater.p99", 60),
    Goal("start_seconds", 4),
    Goal("recovery.seconds", 3),
)
_TITLES = {
    "throughput": "Events per second",
    "cpu_us": "The same, CPU microseconds of the process per event",
    "peers": "Events per second: count a user's events, 1 kB out for each",
    "lag_ms": "Lag, ms: from the intended time of an event to its list, by events per second",
    "start_seconds": "From the start of a process to its first answer, seconds",
    "recovery": "Recovery of a table, seconds",
    "bytes": "Bytes of a user and of an item (footprint: disk, row, memory)",
}
_NOT_SHOWN = ("recovery.rows",)


def shown(document: Mapping[str, Any], figures: Figures) -> RenderableType:
    """Everything that was measured."""
    tables = {title: _bars(_rows(part, figures)) for part, title in _TITLES.items()}
    tables["CPU microseconds per event, by the length of the run"] = _stages(figures)
    tables["Ratios within a round: their median, and all of them"] = _ratios(document["ratios"])
    full = is_full(document["sizes"])
    tables["Goals, for a quiet machine"] = _goals(document["ratios"], figures, full=full)
    parts = [_titled(title, table) for title, table in tables.items() if table.row_count]
    return Group(*parts, busy(document["machine"]))


def busy(machine: Mapping[str, Any]) -> str:
    """How much ran on the machine, in words; processes of the run itself count after it."""
    before, after = (machine[name][0] for name in ("load_before", "load_after"))
    cores = machine["cores"]
    said = f"Load {before:.1f} before, {after:.1f} after, on {cores} cores"
    if before > cores * _QUIET:
        return f"{said}: others work here too, so only the ratios say something."
    return f"{said}."


def is_full(sizes: Mapping[str, Any]) -> bool:
    """Whether these are the sizes that the goals are for, however many rounds."""
    full = asdict(FULL)
    return all(sizes.get(name) == size for name, size in full.items() if name != "rounds")


def _rows(part: str, figures: Figures) -> Iterator[tuple[str, float]]:
    for name, value in figures.items():
        if (name == part or name.endswith(f"_{part}")) and "." not in name:
            yield ("bare" if name.startswith("bare") else "headwater"), value
        elif name.startswith(f"{part}.") and name not in _NOT_SHOWN:
            yield name.removeprefix(f"{part}."), value


def _bars(rows: Iterator[tuple[str, float]]) -> Table:
    table = _table("", "")
    table.add_column(width=_BAR)
    found = list(rows)
    longest = max((value for _, value in found), default=0) or 1
    for name, value in found:
        table.add_row(name, _number(value), Bar(longest, 0, value, width=_BAR))
    return table


def _stages(figures: Figures) -> Table:
    found = {
        tuple(name.split(".")[1:]): value
        for name, value in figures.items()
        if name.startswith("stages_us.")
    }
    sizes = list(dict.fromkeys(size for _, size in found))
    table = _table("", *sizes)
    table.add_column("at the longest", width=_BAR)
    longest = max((found[stage, sizes[-1]] for stage in STAGES), default=0) if sizes else 0
    for stage in STAGES if sizes else ():
        cells = [_number(found[stage, size]) for size in sizes]
        bar = Bar(longest, 0, found[stage, sizes[-1]], width=_BAR)
        table.add_row(stage, *cells, bar)
    if sizes:
        totals = [_number(sum(found[stage, size] for stage in STAGES)) for size in sizes]
        table.add_row("all", *totals, "")
    return table


def _ratios(ratios: Mapping[str, Any]) -> Table:
    table = _table("", "median", "rounds")
    for name, ratio in ratios.items():
        if not name.startswith("stages_us"):
            each = " ".join(_number(value) for value in ratio["each"])
            table.add_row(name, _number(ratio["median"]), each)
    return table


def _goals(ratios: Mapping[str, Any], figures: Figures, *, full: bool) -> Table:
    table = _table("", "goal", "measured", "")
    for goal in GOALS:
        value = ratios[goal.name]["median"] if goal.name in ratios else figures.get(goal.name)
        if value is not None:
            sign = "at most" if goal.most else "at least"
            said = ("met" if goal.met(value) else "missed") if full else "at a smaller size"
            table.add_row(goal.name, f"{sign} {_number(goal.limit)}", _number(value), said)
    return table


def compared(changes: Sequence[Change]) -> RenderableType:
    """Every ratio of both runs, and which of them got worse."""
    if not changes:
        return Group()
    table = _table("", "before", "now", "change", "")
    for change in changes:
        by = f"{change.by:+.0%}"
        table.add_row(change.name, _number(change.before), _number(change.now), by, change.verdict)
    worse = [change.name for change in changes if change.verdict == "worse"]
    return Group(_titled("Against the earlier run", table), _verdict(changes, worse))


def _verdict(changes: Sequence[Change], worse: Sequence[str]) -> str:
    if worse:
        return f"Worse: {', '.join(worse)}."
    if all(change.verdict == ONE_ROUND for change in changes):
        return f"Not judged: {ONE_ROUND}, give both runs --rounds 3."
    return "Nothing got worse."


def _titled(title: str, table: Table) -> RenderableType:
    return Group(Text(title, style="bold"), Padding(table, (0, 0, 1, 2)))


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left")
    return table


def _number(value: float) -> str:
    """Three digits at least.

    >>> [_number(value) for value in (9412.3, 17.25, 3.0712, 0.6312)]
    ['9,412', '17.2', '3.07', '0.631']
    """
    if abs(value) >= 100:
        return f"{value:,.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if abs(value) >= 1 else f"{value:.3f}"
