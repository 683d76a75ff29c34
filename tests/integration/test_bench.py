"""A very small benchmark on a real Kafka: every figure is there, and two runs can be compared."""

import importlib.util
import json
from pathlib import Path

import pytest
from bench.figures import QUANTILES, STAGES
from bench.run import Options, run
from bench.sizes import Sizes

import stream.clone
from stream.cli import main
from stream.settings import Loaded, Settings

TINY = Sizes(
    rounds=1,
    users=60,
    items=40,
    events=200,
    shell_events=300,
    lag_seconds=0.1,
    warm_up_seconds=0.02,
    recovery_rows=200,
    bytes_users=20,
    bytes_events=2,
    run_sizes=(1, 8),
    stage_events=8,
    stage_history=100,
)


def loaded(settings: Settings) -> Loaded:
    """The test's Kafka, as if --broker had named it."""
    return Loaded(settings, dict.fromkeys(Settings.model_fields, "flag"), ())


def test_every_figure_is_measured_and_two_runs_can_be_compared(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The document's shape is complete, all in it is positive, and its own comparison is calm."""
    out, again = tmp_path / "out.json", tmp_path / "again.json"
    assert run(loaded(settings), Options(sizes=TINY, json=out)) == 0
    printed, progress = capsys.readouterr()
    assert f"Written: {out}" in printed
    assert "round 1 of 1: lag" in progress
    found = json.loads(out.read_text())
    quantiles = dict.fromkeys(QUANTILES)
    wanted = {
        "throughput": dict.fromkeys(("headwater", "shell_only", "bare_send", "bare_send_batch")),
        "lag_ms": {rate: {"headwater": quantiles, "bare": quantiles} for rate in ("50", "500")},
        "recovery": {"rows": None, "seconds": None},
        "start_seconds": None,
        "bytes": {"user": None, "item": None},
        "stages_us": {stage: {"1": None, "8": None} for stage in STAGES},
    }
    check_positive(found, wanted)
    assert found["recovery"]["rows"] == TINY.recovery_rows
    assert found["machine"]["cores"] >= 1

    only = Options(only=("stages",), sizes=TINY, json=again, compare=out)
    assert run(loaded(settings), only) == 0
    printed = capsys.readouterr().out
    assert "Against the earlier run" in printed
    assert "Not judged: one round says nothing" in printed
    assert "throughput" not in json.loads(again.read_text())


def check_positive(found: dict, wanted: dict) -> None:
    """Everything that is wanted is there, and each number of it more than nothing."""
    for name, inner in wanted.items():
        if inner is None:
            assert found[name] > 0, name
        else:
            check_positive(found[name], inner)


def test_it_says_what_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Wrong use ends with one sentence and exit code 2 before anything is measured."""
    monkeypatch.chdir(tmp_path)
    old = tmp_path / "old.json"
    old.write_text("{}")

    def refused(*arguments: str) -> str:
        assert main(["bench", *arguments]) == 2
        return capsys.readouterr().err

    assert "--only takes throughput, lag" in refused("--only", "speed")
    assert "/dev/full cannot be written: No space left" in refused("--json", "/dev/full")
    assert "is not what `headwater bench --json`" in refused("--compare", str(old))
    with monkeypatch.context() as patched:
        patched.setattr(importlib.util, "find_spec", lambda _: None)
        assert "quixstreams and bytewax: pip install" in refused("--peers")
    monkeypatch.setattr(stream.clone, "_ROOT", tmp_path)
    assert "headwater bench needs a clone" in refused()
