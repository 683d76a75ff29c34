"""What is made of measurements: quantiles, ratios within rounds, the document, the comparison."""

import json
import statistics
from dataclasses import asdict
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from bench import compare, output, run, table
from bench.figures import (
    FORMAT,
    Ratio,
    document,
    lags_from_intended,
    measured_ratios,
    medians,
    quantile,
    quantiles_ms,
)
from bench.sizes import FULL, QUICK
from stream.errors import HeadwaterError, UsageError

MACHINE = {"processor": "x", "cores": 2, "load_before": [0.5, 0, 0], "load_after": [3.0, 0, 0]}
FACTS = {"sizes": {"events": 10, "rates": (50,)}, "machine": MACHINE}
RATIO = Ratio("throughput.shell_only / bare_send", "throughput.shell_only", "throughput.bare_send")


def test_quantiles_are_values_that_were_measured() -> None:
    """The smallest value that covers the share; one value covers every share."""
    assert [quantile(range(1, 1001), share) for share in (0.5, 0.99, 0.999)] == [500, 990, 999]
    assert [quantile([7.0], share) for share in (0.0, 0.5, 1.0)] == [7.0, 7.0, 7.0]
    assert quantiles_ms([0.001, 0.002, 0.4]) == {"p50": 2.0, "p99": 400.0, "p99_9": 400.0}


def test_who_waits_behind_a_slow_answer_is_slow_too() -> None:
    """One stall of a second makes every event that was due meanwhile late (omission is visible)."""
    intended = [number / 10 for number in range(20)]
    seen = {number: max(due, 1.0) + 0.01 for number, due in enumerate(intended)}
    lags = lags_from_intended(intended, seen, give_up=9.0)
    assert lags[:10] == pytest.approx([1.01 - number / 10 for number in range(10)])
    assert lags[11:] == pytest.approx([0.01] * 9)


def test_an_event_without_an_answer_counts_as_long_as_it_was_waited_for() -> None:
    """It is neither left out nor an error."""
    assert lags_from_intended([1.0, 2.0], {0: 1.5}, give_up=7.0) == [0.5, 5.0]


def test_ratios_are_taken_within_a_round() -> None:
    """A slow round of both is no bad ratio; a round that lacks one of them gives none."""
    rounds = [
        {"throughput.shell_only": 70.0, "throughput.bare_send": 100.0},
        {"throughput.shell_only": 7.0, "throughput.bare_send": 10.0},
        {"throughput.shell_only": 5.0},
    ]
    assert medians(rounds) == {"throughput.shell_only": 7.0, "throughput.bare_send": 55.0}
    found = measured_ratios(rounds, [RATIO, Ratio("other", "a", "b")])
    assert list(found) == [RATIO.name]
    assert found[RATIO.name]["each"] == [0.7, 0.7]


def told(*ratios: float) -> dict[str, object]:
    """A document whose rounds had these ratios of the lag at 50 events/s; less is better."""
    ratio = Ratio("lag", "lag_ms.50.headwater.p50", "lag_ms.50.bare.p50")
    rounds = [{ratio.figure: value, ratio.baseline: 1.0} for value in ratios]
    return document(rounds, [ratio], FACTS)


def written(path: Path, *ratios: float) -> Path:
    """The file of an earlier run."""
    output.write(path, told(*ratios))
    return path


@pytest.mark.parametrize(
    ("before", "now", "verdict"),
    [
        ((2.0, 2.0, 2.0), (2.1, 2.1), ""),
        ((2.0, 2.0, 2.0), (2.5, 2.5), "worse"),
        ((2.0, 2.0, 2.0), (1.5, 1.5), "better"),
        ((1.0, 2.0, 3.0), (2.5, 2.5), ""),
        ((2.0, 2.0, 2.1), (2.5, 2.1, 2.6), ""),
        ((2.0,), (9.0, 9.0), compare.ONE_ROUND),
        ((2.0, 2.0), (9.0,), compare.ONE_ROUND),
    ],
)
def test_worse_is_what_exceeds_both_the_tolerance_and_the_spread_of_rounds(
    tmp_path: Path, before: tuple[float, ...], now: tuple[float, ...], verdict: str
) -> None:
    """A tenth, or what the rounds of either run differ by, is no change; one round says nothing."""
    old = compare.read(written(tmp_path / "old.json", *before))
    (change,) = compare.changes(old.ratios, told(*now)["ratios"])  # type: ignore[arg-type]
    assert change.verdict == verdict
    assert change.by == pytest.approx(statistics.median(now) / 2 - 1)
    console = Console(file=StringIO(), width=100)
    console.print(table.compared([change]))
    said = {"worse": "Worse: lag.", compare.ONE_ROUND: "Not judged: one round says nothing"}
    assert said.get(verdict, "Nothing got worse.") in console.file.getvalue()  # type: ignore[attr-defined]


def test_runs_that_differ_in_size_or_machine_say_so(tmp_path: Path) -> None:
    """And those that do not differ say nothing, read from JSON as they are."""
    old = compare.read(written(tmp_path / "old.json", 1.0))
    assert compare.unlike(old, told(1.0)) == []
    other = told(1.0) | {"sizes": {"events": 11, "rates": (50,)}, "machine": {"cores": 4}}
    sizes, machine = compare.unlike(old, other)
    assert "(events)" in sizes
    assert "(processor, cores)" in machine
    assert "nothing to compare" in compare.unlike(old, told(1.0) | {"ratios": {}})[0]


@pytest.mark.parametrize(
    "content",
    [b"", b"half a li", b"[]", b'{"learners": {}}', b'{"format": "headwater-bench-0"}', b"\xff"],
)
def test_a_file_that_is_no_earlier_run_is_refused(tmp_path: Path, content: bytes) -> None:
    """One sentence that names it, before anything is measured."""
    path = tmp_path / "old.json"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"old\.json is not what `headwater bench --json`"):
        compare.read(path)
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        compare.read(tmp_path / "none.json")


def test_the_file_is_tried_before_the_run_and_left_as_it_was(tmp_path: Path) -> None:
    """A full disk, a folder and a folder that is missing are found out; an old file stays."""
    with pytest.raises(UsageError, match="/dev/full cannot be written: No space left"):
        output.try_out(Path("/dev/full"))
    with pytest.raises(UsageError, match="it is a folder"):
        output.try_out(tmp_path)
    with pytest.raises(UsageError, match="No such file"):
        output.try_out(tmp_path / "none" / "out.json")
    kept = tmp_path / "kept.json"
    kept.write_text("{}")
    output.try_out(kept)
    output.try_out(tmp_path / "new.json")
    assert [path.name for path in tmp_path.iterdir()] == ["kept.json"]
    assert kept.read_text() == "{}"


def test_the_table_is_shown_even_if_the_file_cannot_be_written() -> None:
    """A disk that fills up during the run costs the file alone."""
    console = Console(file=StringIO(), width=100)
    figures = {"throughput.headwater": 9412.0, "recovery.rows": 5.0, "recovery.seconds": 1.25}
    with pytest.raises(HeadwaterError, match="/dev/full could not be written: No space left"):
        run.report(document([figures], [], FACTS), figures, None, Path("/dev/full"), console)
    assert "9,412" in console.file.getvalue()  # type: ignore[attr-defined]
    assert "at most 3.00" in console.file.getvalue()  # type: ignore[attr-defined]
    assert "Load 0.5 before, 3.0 after, on 2 cores." in console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("sizes", "verdict"),
    [
        (asdict(FULL), "met"),
        (asdict(FULL) | {"rounds": 1}, "met"),
        (asdict(QUICK), "at a smaller size"),
    ],
)
def test_goals_are_judged_at_the_full_sizes_only(sizes: dict[str, object], verdict: str) -> None:
    """A fifth of the rows in a fifth of the time meets no goal."""
    console = Console(file=StringIO(), width=100)
    figures = {"recovery.rows": 5.0, "recovery.seconds": 1.25}
    told = document([figures], [], FACTS | {"sizes": sizes})
    console.print(table.shown(told, figures))
    (line,) = [text for text in console.file.getvalue().splitlines() if "at most 3.00" in text]  # type: ignore[attr-defined]
    assert line.rstrip().endswith(verdict)


def test_the_document_has_its_shape() -> None:
    """Names with dots become objects in objects."""
    figures = {"recovery.rows": 5.0, "start_seconds": 1.0, "lag_ms.50.bare.p99": 3.0}
    made = json.loads(json.dumps(document([figures], [], FACTS)))
    assert made["format"] == FORMAT
    assert made["recovery"] == {"rows": 5.0}
    assert made["lag_ms"] == {"50": {"bare": {"p99": 3.0}}}
    assert made["each"]["recovery.rows"] == [5.0]
    assert made["rounds"] == 1
