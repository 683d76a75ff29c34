"""What other programs read of an evaluation, and what a person sees."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from rich.console import Console
from support.histories import random_history

from models.evaluation.contest import Context
from models.evaluation.evaluate import standings
from models.evaluation.metrics import figures
from models.evaluation.prequential import Plan, Protocol, plan
from models.evaluation.report import Standing, document, write_ranks
from models.evaluation.table import table

NAMES = ("counters", "popularity")


@pytest.fixture(scope="module")
def found(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Plan, list[Standing], dict[str, Any], Path]:
    """A plan, what two learners made of it, the JSON, and the file of ranks."""
    laid_out = plan(random_history(1200, 40, 30), Protocol())
    path = tmp_path_factory.mktemp("ranks") / "ranks.parquet"
    standing = list(standings(laid_out, NAMES, Context()))
    with path.open("wb") as file:
        write_ranks(file, laid_out, standing)
    told = json.loads(json.dumps(document(laid_out, standing, {"seed": 0}, [5, 10], 0)))
    return laid_out, standing, told, path


def test_the_json_has_the_shape_that_others_rely_on(found: Any) -> None:
    """Every key of the contract, and each number is one."""
    told = found[2]
    assert list(told) == ["protocol", "data", "settings", "learners", "failed"]
    assert told["protocol"] == "prequential"
    assert told["data"] == {"fingerprint": "test", "events": 1200, "users": 40, "items": 30}
    assert list(told["learners"]) == list(NAMES)
    quality = [f"{name}@{k}" for k in (5, 10)
               for name in ("hit_rate", "ndcg", "mrr", "recall", "precision", "f1")]  # fmt: skip
    for learner in told["learners"].values():
        assert set(learner) == {
            *quality, "events", "by_history", "interval", "train_seconds", "adapt_microseconds",
            "score_microseconds", "state_bytes",
        }  # fmt: skip
        assert list(learner["by_history"]) == ["0", "1", "2", "3-4", "5-9", "10+"]
        for bucket in learner["by_history"].values():
            assert set(bucket) == {
                "hit_rate@5", "ndcg@5", "hit_rate@10", "ndcg@10", "events",
            }  # fmt: skip
        low, high = learner["interval"]
        assert 0 < low <= learner["hit_rate@10"] <= high < 1
        for name in ("train_seconds", "adapt_microseconds", "score_microseconds", "state_bytes"):
            assert learner[name] > 0
        counts = [bucket["events"] for bucket in learner["by_history"].values()]
        assert sum(counts) == learner["events"] == told["settings"]["targets"]


def test_ranks_recompute_every_figure(found: Any) -> None:
    """One row per target and learner, by ids; null where no list may hold the item."""
    laid_out, _, told, path = found
    rows = pq.read_table(path)
    assert rows.column_names == [
        "learner", "row", "user_id", "item_id", "timestamp", "history", "rank",
    ]  # fmt: skip
    columns = {name: np.array(rows[name].to_pylist(), dtype=object) for name in rows.column_names}
    data, events = laid_out.data, laid_out.targets
    for name in NAMES:
        mine = columns["learner"] == name
        assert columns["row"][mine].tolist() == data.row[events].tolist()
        assert columns["user_id"][mine].tolist() == [data.users[user] for user in data.user[events]]
        assert columns["item_id"][mine].tolist() == [data.items[item] for item in data.item[events]]
        assert columns["timestamp"][mine].tolist() == data.time[events].tolist()
        assert columns["history"][mine].tolist() == laid_out.history.tolist()
        given = columns["rank"][mine].tolist()
        assert None in given
        rank = np.array([one or 0 for one in given])
        for key, value in {**figures(rank, 5), **figures(rank, 10)}.items():
            assert told["learners"][name][key] == pytest.approx(value)


def test_the_table_names_learners_figures_and_equal_times(found: Any) -> None:
    """The best first."""
    screen = StringIO()
    Console(width=170, file=screen).print(table(found[2]))
    text = screen.getvalue()
    rates = {name: found[2]["learners"][name]["hit_rate@10"] for name in NAMES}
    first, second = sorted(NAMES, key=lambda name: -rates[name])
    assert text.index(first) < text.index(second)
    assert f"{rates[first]:.3f}" in text
    assert "share user and second with the event before" in text


def test_pictures_are_drawn(found: Any, tmp_path: Path) -> None:
    """Two PNG files, in a folder that is made."""
    pytest.importorskip("matplotlib", reason="needs the extra: pip install 'headwater[train]'")
    from models.evaluation.plots import draw  # noqa: PLC0415  # it needs the extra

    laid_out, standing, told, _ = found
    paths = draw(tmp_path / "pictures", laid_out, standing, told, 0)
    assert sorted(path.name for path in paths) == ["quality_by_cost.png", "quality_by_history.png"]
    for path in paths:
        assert path.read_bytes().startswith(b"\x89PNG")
        assert path.stat().st_size > 10_000
