"""The demonstration's processes: alone in its folder, ended by signals, worker watched."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from stream.demo.processes import Worker, alone_in, ended_by_signals, running_worker, state_in
from stream.demo.run import while_alive
from stream.errors import HeadwaterError, UsageError
from stream.settings import Settings

NOBODY = "127.0.0.1:1"  # no broker listens there


def settings(folder: Path, wait: float) -> Settings:
    """A worker that waits so long for a broker that never comes."""
    return Settings(broker=NOBODY, wait=wait, state_dir=state_in(folder), http_port=0)


def test_two_demonstrations_do_not_share_a_folder(tmp_path: Path) -> None:
    """The second is refused while the first runs, and starts after it."""
    folder = tmp_path / "demo"
    with alone_in(folder), pytest.raises(UsageError, match="Another"), alone_in(folder):
        pass
    with alone_in(folder):
        pass


def test_only_what_a_demonstration_wrote_is_wiped(tmp_path: Path) -> None:
    """State and broker of the last run are gone, a person's own file stays."""
    folder = tmp_path / "demo"
    for name in ("state", "broker", "notes"):
        (folder / name).mkdir(parents=True)
    with alone_in(folder):
        assert [path.name for path in folder.iterdir()] == ["notes"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_every_ending_signal_is_a_ctrl_c(number: signal.Signals) -> None:
    """Also inside an event loop, where the work is cancelled first; handlers are restored."""
    before = signal.getsignal(number)
    cancelled = []

    async def work() -> None:
        asyncio.get_running_loop().call_later(0.05, signal.raise_signal, number)
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    with pytest.raises(KeyboardInterrupt), ended_by_signals():
        asyncio.run(work())
    assert cancelled == [True]
    assert signal.getsignal(number) is before


def test_a_worker_that_ends_is_named_with_its_last_words(tmp_path: Path) -> None:
    """The work is given up as soon as the worker is gone."""
    given_up = []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            given_up.append(True)
            raise

    with (
        ended_by_signals(),
        pytest.raises(HeadwaterError, match=rf"(?s)worker\.log.*{NOBODY}"),
        running_worker(settings(tmp_path, wait=0.1), tmp_path) as worker,
    ):
        asyncio.run(while_alive(worker, work()))
    assert given_up == [True]


def test_the_worker_is_stopped_with_the_demonstration(tmp_path: Path) -> None:
    """Also when the demonstration ends by an interruption."""
    pids = []

    def interrupted() -> None:
        with ended_by_signals(), running_worker(settings(tmp_path, wait=60), tmp_path):
            pids.append(int((tmp_path / "worker.pid").read_text()))
            os.kill(pids[0], 0)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)
    assert not (tmp_path / "worker.pid").exists()


def test_a_worker_that_was_left_behind_is_ended(tmp_path: Path) -> None:
    """After the demonstration itself was killed, the next one ends its worker."""
    folder = tmp_path / "demo"
    folder.mkdir()
    left = Worker(settings(folder, wait=60), folder)
    left.start()
    with alone_in(folder), pytest.raises(HeadwaterError, match="code -9"):
        asyncio.run(while_alive(left, asyncio.sleep(10)))
    left.stop()


def test_a_stranger_with_the_workers_number_is_left_alone(tmp_path: Path) -> None:
    """A pid that now belongs to another process is not ended."""
    folder = tmp_path / "demo"
    folder.mkdir()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        (folder / "worker.pid").write_text(f"{stranger.pid}\n")
        with alone_in(folder):
            assert stranger.poll() is None
        stranger.terminate()
