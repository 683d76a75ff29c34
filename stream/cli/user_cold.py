"""What `headwater evaluate --protocol user-cold` does once its flags are understood."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.dataset import Dataset
from models.evaluation.failures import Failures
from models.evaluation.user_cold.plan import Plan, folds, split, split_by_queries
from models.evaluation.user_cold.report import document, table
from models.evaluation.user_cold.run import run
from models.meta import learner_class
from stream.cli.contest import shown
from stream.cli.holding import Files, Found, Held


def _run(data: Dataset, files: Files, asked: Mapping[str, Any]) -> Found:
    """Hold users out, and let the learners tell."""
    plans, failures = _plans(data, files.queries, asked), Failures()
    with shown() as progress:
        settings = asked.get("learner_settings", {})
        names, seed = asked["learners"], asked["seed"]
        outcomes = run(plans, names, seed, progress, settings, failures.guard)
        found = failures.gather(names, outcomes)
    told = document(plans, found, asked, seed, failures.reasons)
    return Found(told, lambda plots, folder: plots.draw(folder, told), stopped=failures.stopped)


def _plans(data: Dataset, queries: Path | None, asked: Mapping[str, Any]) -> list[Plan]:
    if "cold_folds" in asked:
        return folds(data, asked["cold_folds"], asked["seed"])
    if queries is None:
        return [split(data, asked["cold_share"], asked["seed"])]
    from models.dataset_files.queries import read_queries  # noqa: PLC0415  # polars is an extra

    return [split_by_queries(data, read_queries(queries), asked["seed"])]


USER_COLD = Held(_run, table, "models.evaluation.user_cold.plots", check=learner_class)
