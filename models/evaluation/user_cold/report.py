"""What was found, as JSON that other programs read and as a table for a terminal."""

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from rich.table import Table

from models.evaluation.failures import FAILED, listed
from models.evaluation.report import described
from models.evaluation.table import cell
from models.evaluation.user_cold.metrics import Columns, figures, intervals, mae_apart
from models.evaluation.user_cold.plan import Plan
from models.evaluation.user_cold.run import Outcome
from models.evaluation.words import counted


def document(
    plans: Sequence[Plan],
    outcomes: Sequence[Outcome],
    settings: Mapping[str, Any],
    seed: int,
    failed: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Any]:
    """Everything that was found, as JSON has it; a figure of no user is null.

    failed: why, of learners that were not gone through.
    """
    return {
        "protocol": "user-cold",
        "data": described(plans[0].data),
        "settings": {
            **settings,
            "training_users": min(len(plan.train) for plan in plans),
            "held_out_users": sum(len(plan.query) for plan in plans),
            "queries": sum(len(plan.query.item) for plan in plans),
            "liked_from": plans[0].world.liked,
            "notes": list(dict.fromkeys(note for plan in plans for note in plan.notes)),
        },
        "learners": {
            outcome.name: _learner(outcome, _leasts(outcomes), seed) for outcome in outcomes
        },
        "failed": dict(failed),
    }


def _leasts(outcomes: Sequence[Outcome]) -> dict[str, Columns]:
    """Of each support, what the learner of the least error has."""
    found: dict[str, Columns] = {}
    for outcome in outcomes:
        for step, of in outcome.by_support.items():
            if step not in found or of["mae"].mean() < found[step]["mae"].mean():
                found[step] = of
    return found


def _learner(outcome: Outcome, leasts: Mapping[str, Columns], seed: int) -> dict[str, Any]:
    """One learner's figures: those of the largest support, those of each, and what they took.

    behind: how much more error it has than the learner that has least after as many events.
    """
    by_support = {
        step: _figures(of, seed) | {"behind": mae_apart(of, leasts[step], seed)}
        for step, of in outcome.by_support.items()
    }
    return {
        **list(by_support.values())[-1],
        "by_support": by_support,
        "train_seconds": outcome.train_seconds,
        "adapt_microseconds": outcome.adapt_seconds * 1e6,
        "state_bytes": outcome.state_bytes,
    }


def _figures(of: Columns, seed: int) -> dict[str, Any]:
    found = {name: float(values[0]) for name, values in figures(of).items()}
    told: dict[str, Any] = {
        name: value if math.isfinite(value) else None for name, value in found.items()
    }
    return told | {"interval": intervals(of, seed)}


def table(found: Mapping[str, Any]) -> Table:
    """One row per learner, the least error first; `found` as `document` makes it."""
    data, settings, learners = found["data"], found["settings"], found["learners"]
    shown = Table(
        title=(
            f"{counted(settings['held_out_users'], 'held-out user')} with"
            f" {counted(settings['queries'], 'query', 'queries')};"
            f" {counted(settings['training_users'], 'other trains', 'others train')};"
            f" {counted(data['items'], 'item')} ({data['fingerprint']})"
        ),
        caption=_caption(settings, found["failed"]),
        title_justify="left",
        caption_justify="left",
    )
    steps = list(next(iter(learners.values()))["by_support"]) if learners else []
    shown.add_column("learner", no_wrap=True)
    headings = [
        *(f"MAE k={step}" for step in steps),
        "95 %",
        "steps",
        "RMSE",
        "NDCG@5",
        "HR@10",
        "F1",
    ]
    for heading in (*headings, "train", "adapt", "state"):
        shown.add_column(heading, justify="right")
    for place, name in enumerate(sorted(learners, key=lambda name: learners[name]["mae"])):
        shown.add_row(name, *_cells(learners[name]), style="bold" if place == 0 else "")
    for name in found["failed"]:
        shown.add_row(name, FAILED)
    return shown


def _cells(learner: Mapping[str, Any]) -> list[str]:
    low, high = learner["interval"]["mae"]
    return [
        *(_mae(step) for step in learner["by_support"].values()),
        f"{cell(low)}-{cell(high)}",
        *(cell(learner[name]) for name in ("mae_of_steps", "rmse", "ndcg@5", "hit_rate@10", "f1")),
        f"{learner['train_seconds']:.1f} s",
        f"{learner['adapt_microseconds']:.2f} µs",
        f"{learner['state_bytes'] / 1e6:.2f} MB",
    ]


def _mae(step: Mapping[str, Any]) -> str:
    """The error, marked where chance may set it apart from the least."""
    near = step["behind"]["less"] <= 0 < step["behind"]["mae"]
    return cell(step["mae"]) + ("~" if near else "")


def _caption(settings: Mapping[str, Any], failed: Mapping[str, str]) -> str:
    meaning = (
        "MAE k: after the first k events of a user; the other figures are those of the last k."
        " steps: MAE of what is told in steps, as stars are."
        " NDCG@5: among the user's queries; HR@10: liked queries among all items."
        " adapt: mean per event. ~: other users might have made it the least of its column (95 %,"
        " paired)."
    )
    return "\n".join([meaning, *settings["notes"], *listed(failed)])
