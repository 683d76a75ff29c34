"""Figures by name, round by round: quantiles, medians, ratios, and the document made of them."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: `a.b.c` names the figure that stands in the document under a, there under b, there under c.
Figures = dict[str, float]

FORMAT = "headwater-bench-1"
QUANTILES = {"p50": 0.5, "p99": 0.99, "p99_9": 0.999}


@dataclass(frozen=True, slots=True)
class Ratio:
    """Two figures of the same round, and whether more is better."""

    name: str
    figure: str
    baseline: str
    more_is_better: bool = False


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of all values does not exceed.

    >>> quantile([5, 1, 4, 2, 3], 0.5)
    3
    """
    ordered = sorted(values)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]


def lags_from_intended(
    intended: Sequence[float], seen: Mapping[int, float], give_up: float
) -> list[float]:
    """Seconds from each event's intended time to its answer, in order of the events.

    The clock of an event starts when it was to be sent, whether or not the sender was held up: what
    waits behind a slow answer counts as slow itself (no coordinated omission). An event without an
    answer counts as answered at `give_up`.
    """
    return [seen.get(number, give_up) - began for number, began in enumerate(intended)]


def quantiles_ms(lags: Sequence[float]) -> dict[str, float]:
    """p50, p99 and p99.9 in milliseconds."""
    return {name: 1000 * quantile(lags, share) for name, share in QUANTILES.items()}


def ratios_of(rates: Sequence[int], run_sizes: Sequence[int]) -> list[Ratio]:
    """Every ratio that a run may give; a part that was not measured has none."""
    fast = [
        Ratio(f"throughput.{name} / {base}", f"throughput.{name}", f"throughput.{base}", True)
        for base in ("bare_send", "bare_send_batch")
        for name in ("headwater", "shell_only")
    ]
    # Of all threads, by the processor's clock: steadier than seconds where others work too.
    fast += [Ratio("cpu_us.shell_only / bare_send", "cpu_us.shell_only", "cpu_us.bare_send")]
    peers = [
        Ratio(f"peers.headwater / {name}", "peers.headwater", f"peers.{name}", True)
        for name in ("quix_streams", "bytewax")
    ]
    slow = [
        Ratio(
            f"lag_ms.{rate}.{name} / bare",
            f"lag_ms.{rate}.headwater.{name}",
            f"lag_ms.{rate}.bare.{name}",
        )
        for rate in rates
        for name in QUANTILES
    ]
    whole = [
        Ratio("start_seconds / bare", "start_seconds", "bare_start_seconds"),
        Ratio("recovery.seconds / bare", "recovery.seconds", "recovery.bare_seconds"),
        Ratio("bytes.user / its events", "bytes.user", "bytes.events_of_user"),
        Ratio("bytes.item / its announcement", "bytes.item", "bytes.announcement_of_item"),
    ]
    stages = [
        Ratio(f"stages_us.{stage}.{size} / work", f"stages_us.{stage}.{size}", f"work_us.{size}")
        for stage in STAGES
        for size in run_sizes
    ]
    return [*fast, *peers, *slow, *whole, *stages]


STAGES = ("decode", "fold", "score", "top_k", "encode", "produce")


def medians(rounds: Sequence[Figures]) -> Figures:
    """The median of each figure over the rounds that have it."""
    return {name: statistics.median(values) for name, values in each(rounds).items()}


def each(rounds: Sequence[Figures]) -> dict[str, list[float]]:
    """Each figure's values in the rounds that have it."""
    names = dict.fromkeys(name for figures in rounds for name in figures)
    return {name: [figures[name] for figures in rounds if name in figures] for name in names}


def measured_ratios(rounds: Sequence[Figures], wanted: Sequence[Ratio]) -> dict[str, Any]:
    """Each ratio's value in every round that has both figures, and their median."""
    found: dict[str, Any] = {}
    for ratio in wanted:
        values = [
            figures[ratio.figure] / figures[ratio.baseline]
            for figures in rounds
            if figures.get(ratio.baseline) and ratio.figure in figures
        ]
        if values:
            found[ratio.name] = {
                "median": statistics.median(values),
                "each": values,
                "more_is_better": ratio.more_is_better,
            }
    return found


def nested(figures: Figures) -> dict[str, Any]:
    """The document's shape of figures.

    >>> nested({"recovery.rows": 5, "recovery.seconds": 1.5, "start_seconds": 2.0})
    {'recovery': {'rows': 5, 'seconds': 1.5}, 'start_seconds': 2.0}
    """
    document: dict[str, Any] = {}
    for name, value in figures.items():
        *folders, last = name.split(".")
        place = document
        for folder in folders:
            place = place.setdefault(folder, {})
        place[last] = value
    return document


def document(
    rounds: Sequence[Figures], wanted: Sequence[Ratio], facts: Mapping[str, Any]
) -> dict[str, Any]:
    """What `--json` writes: medians in their shape, every round's figures, ratios, facts."""
    return {
        "format": FORMAT,
        **nested(medians(rounds)),
        "each": each(rounds),
        "ratios": measured_ratios(rounds, wanted),
        "rounds": len(rounds),
        **facts,
    }
