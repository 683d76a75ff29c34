"""An evaluation that is stopped keeps what the learners had found that had finished."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.commands import ratings

from stream.cli import INTERRUPTED
from stream.cli.stopping import TERMINATED

pytest.importorskip("polars", reason="needs the extra: pip install 'headwater[train]'")

SLOW = """
import time
from pathlib import Path

import models.meta.item_mean


class Slow(models.meta.item_mean.ItemMean):
    def meta_train(self, world, tasks, **_):
        Path("began").touch()
        exec("time.sleep(600)")  # as libraries do that make code: what bare Ctrl-C ends is killed
"""
ROOT = Path(__file__).resolve().parents[2]
WHERE = {"prequential": ("popularity", "recency"), "user-cold": ("item-mean", "item-mean-offset")}
CODES = {signal.SIGINT: INTERRUPTED, signal.SIGTERM: TERMINATED}


def stopped(folder: Path, number: signal.Signals, learners: str, *more: str) -> tuple[int, str]:
    """Run the command until the learner slow:Slow trains, and stop it: its code and what it told.

    Its files lie in the folder.
    """
    (folder / "slow.py").write_text(SLOW)
    events = ratings(folder / "events.csv", lambda n: n * 11 % 31, 700)
    command = [sys.executable, "-m", "stream.cli", "evaluate", "--events", str(events)]
    command += ["--learner", learners, "--json", "found.json", *more]
    with subprocess.Popen(
        command, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        try:
            while not (folder / "began").exists():
                assert process.poll() is None
                time.sleep(0.05)
            process.send_signal(number)
            told, _ = process.communicate(timeout=60)
        finally:
            process.kill()
    return process.returncode, told


@pytest.mark.parametrize("number", CODES)
@pytest.mark.parametrize("protocol", WHERE)
def test_what_had_finished_is_kept(tmp_path: Path, protocol: str, number: signal.Signals) -> None:
    """Table and JSON, and ranks where there are any; the others are told as interrupted."""
    before, after = WHERE[protocol]
    more = ["--ranks", "ranks.parquet"] if protocol == "prequential" else ["--plot", "pictures"]
    learners = f"{before},slow:Slow,{after}"
    code, told = stopped(tmp_path, number, learners, "--protocol", protocol, *more)
    assert code == CODES[number]
    assert told.endswith("Stopped. 1 of 3 learners had finished; what they found is kept.\n")
    assert f"{after} failed: interrupted" in told
    found = json.loads((tmp_path / "found.json").read_text())
    assert list(found["learners"]) == [before]
    assert found["failed"] == {"slow:Slow": "interrupted", after: "interrupted"}
    if protocol == "prequential":
        import polars as pl  # noqa: PLC0415  # an extra

        ranks = pl.read_parquet(tmp_path / "ranks.parquet")
        assert set(ranks["learner"]) == {before}
        assert len(ranks) == found["settings"]["targets"]
    else:
        assert len(list((tmp_path / "pictures").iterdir())) == 2


@pytest.mark.parametrize(("protocol", "number"), [*zip(WHERE, CODES, strict=True)])
def test_where_nothing_had_finished_nothing_is_written(
    tmp_path: Path, protocol: str, number: signal.Signals
) -> None:
    """One sentence says so."""
    learners = f"slow:Slow,{WHERE[protocol][0]}"
    code, told = stopped(tmp_path, number, learners, "--protocol", protocol)
    assert code == CODES[number]
    assert told.endswith("Stopped. Nothing is written.\n")
    assert "Traceback" not in told
    assert not (tmp_path / "found.json").exists()
