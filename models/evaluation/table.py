"""What the evaluation found as a table for a terminal."""

from collections.abc import Mapping
from typing import Any, Final

from rich.table import Table

from models.evaluation.failures import FAILED, listed
from models.evaluation.metrics import HISTORIES, LENGTH
from models.evaluation.words import counted

_LONG: Final = 1e5
"""From here on a figure takes too much room when written out."""


def table(found: Mapping[str, Any]) -> Table:
    """One row per learner, the best first; `found` as models.evaluation.report makes it."""
    shown = Table(title=_title(found), caption=_caption(found), title_justify="left",
                  caption_justify="left")  # fmt: skip
    for heading in ("learner", f"HR@{LENGTH}", "95 %", f"NDCG@{LENGTH}", f"MRR@{LENGTH}"):
        shown.add_column(heading, justify="left" if heading == "learner" else "right")
    for name in HISTORIES:
        shown.add_column(f"k={name}", justify="right")
    for heading in ("train", "adapt", "score", "state"):
        shown.add_column(heading, justify="right")
    learners = found["learners"]
    for place, name in enumerate(sorted(learners, key=lambda name: -_rate(learners[name]))):
        shown.add_row(name, *_cells(learners[name]), style="bold" if place == 0 else "")
    for name in found["failed"]:
        shown.add_row(name, FAILED)
    return shown


def _rate(learner: Mapping[str, Any]) -> float:
    return float(learner[f"hit_rate@{LENGTH}"])


def _cells(learner: Mapping[str, Any]) -> list[str]:
    low, high = learner["interval"]
    return [
        f"{_rate(learner):.3f}",
        f"{low:.3f}-{high:.3f}",
        f"{learner[f'ndcg@{LENGTH}']:.3f}",
        f"{learner[f'mrr@{LENGTH}']:.3f}",
        *(cell(bucket[f"hit_rate@{LENGTH}"]) for bucket in learner["by_history"].values()),
        f"{learner['train_seconds']:.1f} s",
        f"{learner['adapt_microseconds']:.0f} µs",
        f"{learner['score_microseconds']:.0f} µs",
        f"{learner['state_bytes'] / 1e6:.1f} MB",
    ]


def cell(value: float | None) -> str:
    """A figure, or a dash where there is none."""
    if value is None:
        return "-"
    return f"{value:.3f}" if abs(value) < _LONG else f"{value:.1e}"


def _title(found: Mapping[str, Any]) -> str:
    data, settings = found["data"], found["settings"]
    return (
        f"{counted(settings['targets'], 'target')} of {counted(data['events'], 'event')},"
        f" {counted(data['users'], 'user')}, {counted(data['items'], 'item')}"
        f" ({data['fingerprint']})"
    )


def _caption(found: Mapping[str, Any]) -> str:
    settings = found["settings"]
    same = settings["targets_in_same_second"]
    meaning = (
        f"k: HR@{LENGTH} of users with that many earlier events. adapt: mean per event learned;"
        " score: mean per target."
    )
    equal = (
        f"{same:,} {'target' if same == 1 else 'targets'} ({same / settings['targets']:.0%})"
        f" {'shares' if same == 1 else 'share'} user and second with the event before; equal times"
        " keep the input's order."
    )
    return "\n".join([meaning, equal, *settings["notes"], *listed(found["failed"])])
