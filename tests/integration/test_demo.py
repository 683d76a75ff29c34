"""The demonstration as a person starts it, once on all of its data, else on a small cut."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from models.mixture import Mixture
from stream import clone
from stream.broker import LocalBroker
from stream.cli import main
from stream.settings import PREFIX

SMALL = ("--users", "12", "--backfill", "2000", "--withheld-ratings", "4")


def start(folder: Path, size: tuple[str, ...] = SMALL, **environment: str) -> subprocess.Popen[str]:
    """Start the demonstration in a folder of the test's own, without a terminal."""
    command = [sys.executable, "-m", "stream.cli", "demo", "--folder", str(folder)]
    return subprocess.Popen(
        [*command, *size],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | environment,
    )


def what_it_said(demo: subprocess.Popen[str], within: float) -> str:
    """Everything that it printed until its end; one that does not end in time is interrupted."""
    try:
        return demo.communicate(timeout=within)[0]
    except subprocess.TimeoutExpired:
        demo.send_signal(signal.SIGINT)
        said = demo.communicate(timeout=60)[0]
        raise AssertionError(f"not at its end within {within:g} s:\n{said}") from None


def until_worker(folder: Path, demo: subprocess.Popen[str]) -> int:
    """Wait until the demonstration's worker joined its group; return its pid."""
    deadline = time.monotonic() + 150
    pid_file = folder / "worker.pid"
    while not (pid_file.exists() and list((folder / "state").glob("*"))):
        assert demo.poll() is None, demo.communicate()[0]
        assert time.monotonic() < deadline, "no worker within 150 s"
        time.sleep(0.1)
    return int(pid_file.read_text())


def is_running(pid: int) -> bool:
    """Whether there is such a process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_the_demonstration_runs_and_measures_itself(tmp_path: Path) -> None:
    """All of it: everything is answered, figures are complete, live equals offline within 2 %."""
    folder = tmp_path / "demo"
    demo = start(folder, size=())
    said = what_it_said(demo, within=900)
    assert demo.returncode == 0, said
    assert "Closed loop" in said
    figures = json.loads((tmp_path / "demo.json").read_text())
    assert figures["unanswered_events"] == figures["dead_letters"] == 0
    assert figures["backfilled_events"] == 70_585
    assert figures["lists"] >= figures["events"] == 10_782
    assert 0 < figures["lag_ms"]["p50"] <= figures["lag_ms"]["p99"]
    assert sum(part["events"] for part in figures["by_history"].values()) == figures["targets"]
    assert figures["new_item"]["announced_to_catalogue_ms"] is not None
    hits = figures["hit_rate@10"]
    assert hits["headwater"] == pytest.approx(hits["offline"], rel=0.02)
    assert hits["offline_without_net"] > 1.5 * hits["popularity"]
    assert LocalBroker(folder / "broker").status().pid is None
    assert not (folder / "worker.pid").exists()
    assert Mixture.load(folder / "snapshot.safetensors").net is not None


def test_an_interruption_stops_everything(tmp_path: Path) -> None:
    """Ctrl-C in the middle leaves neither broker nor worker behind."""
    folder = tmp_path / "demo"
    demo = start(folder)
    worker = until_worker(folder, demo)
    demo.send_signal(signal.SIGINT)
    said = what_it_said(demo, within=30)
    assert demo.returncode == 130, said
    assert "Traceback" not in said
    assert not is_running(worker)
    assert LocalBroker(folder / "broker").status().pid is None


def test_a_worker_that_dies_ends_the_demonstration(
    tmp_path: Path, broker: str, prefix: str
) -> None:
    """The message names the worker's log, the exit code is 1; another Kafka may be used."""
    folder = tmp_path / "demo"
    demo = start(folder, HEADWATER_BROKER=broker, HEADWATER_TOPIC_PREFIX=prefix)
    os.kill(until_worker(folder, demo), signal.SIGKILL)
    said = what_it_said(demo, within=30)
    assert demo.returncode == 1, said
    assert "The worker ended (code -9)" in said
    assert "worker.log" in said

    again = start(folder, HEADWATER_BROKER=broker, HEADWATER_TOPIC_PREFIX=prefix)
    said = what_it_said(again, within=30)
    assert again.returncode == 2, said
    assert f"{prefix}items at {broker} is not empty" in said


def test_outside_a_clone_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An installed package has no data for it: one sentence, exit code 2."""
    assert not [name for name in os.environ if name.startswith(PREFIX)]
    monkeypatch.setattr(clone, "_ROOT", tmp_path)
    assert main(["demo"]) == 2
    assert "needs a clone of the project" in capsys.readouterr().err
