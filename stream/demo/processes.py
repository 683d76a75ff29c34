"""The demonstration's broker and worker: started, watched, and stopped whatever happens."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from stream.broker import LocalBroker
from stream.errors import HeadwaterError, UsageError
from stream.settings import Settings

_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# A worker leaves within 5 s of SIGTERM; what takes longer is killed.
_LEAVE_SECONDS = 10
_LAST_LINES = 12
# What a demonstration writes into its folder; nothing else there is touched.
_BROKER, _STATE, _LOG, _PID = "broker", "state", "worker.log", "worker.pid"
# What the worker is told by flags; everything else it reads where this process has read it.
_FLAGS = (
    "broker",
    "topic_prefix",
    "group",
    "state_dir",
    "model",
    "http_port",
    "list_length",
    "repeats",
    "wait",
)


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP end this process as Ctrl-C does: with everything cleaned up."""
    before = {number: signal.getsignal(number) for number in _ENDINGS}
    # A shell's background job starts with SIGINT ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in _ENDINGS[1:]:
        signal.signal(number, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Hold the folder for this process, with what an earlier one left behind stopped and wiped.

    Raises UsageError if another demonstration runs there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise UsageError(f"Another demonstration runs in {folder}: stop it first.") from error
        _stop_orphans(folder)
        for name in (_BROKER, _STATE):
            shutil.rmtree(folder / name, ignore_errors=True)
        yield


@contextmanager
def own_broker(folder: Path, port: int, jars: Path | None) -> Iterator[str]:
    """A local broker's address while it runs. Raises PortTaken, BrokerFailed."""
    local = LocalBroker(folder / _BROKER, port, jars)
    with _stopping(local.stop):
        local.start()
        yield local.address


class Worker:
    """A worker process."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.log = folder / _LOG
        self._pid = folder / _PID
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; what it says goes to its log."""
        command = [sys.executable, "-m", "stream.cli", "worker", *_flags(self._settings)]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for this process, which then stops the worker
            )
        self._pid.write_text(f"{self._process.pid}\n")

    def check(self) -> None:
        """Raise HeadwaterError with the log's end if the worker is gone."""
        code = None if self._process is None else self._process.poll()
        if code is not None:
            lines = self.log.read_text(errors="replace").splitlines()[-_LAST_LINES:]
            said = "\n".join(lines)
            raise HeadwaterError(f"The worker ended (code {code}); {self.log} ends with:\n{said}")

    def stop(self) -> None:
        """Let it finish the run in hand and leave; kill it if it does not."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_LEAVE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._pid.unlink(missing_ok=True)


@contextmanager
def running_worker(settings: Settings, folder: Path) -> Iterator[Worker]:
    """A worker with its state in the folder."""
    worker = Worker(settings, folder)
    with _stopping(worker.stop):
        worker.start()
        yield worker


def state_in(folder: Path) -> Path:
    """Where the demonstration's worker keeps its tables."""
    return folder / _STATE


@contextmanager
def _stopping(stop: Callable[[], object]) -> Iterator[None]:
    try:
        yield
    finally:
        for number in _ENDINGS:  # a second Ctrl-C must not leave a process behind
            signal.signal(number, signal.SIG_IGN)
        stop()


def _flags(settings: Settings) -> list[str]:
    values = {name: getattr(settings, name) for name in _FLAGS}
    return [
        word
        for name, value in values.items()
        if value is not None
        for word in (f"--{name.replace('_', '-')}", str(value))
    ]


def _stop_orphans(folder: Path) -> None:
    """End what a demonstration that was killed could not stop."""
    with suppress(OSError, ValueError):
        pid = int((folder / _PID).read_text())
        asked = ["ps", "-ww", "-o", "args=", "-p", str(pid)]
        done = subprocess.run(asked, capture_output=True, text=True, check=False)  # noqa: S603
        if str(state_in(folder)) in done.stdout:  # not a later process with the same number
            os.kill(pid, signal.SIGKILL)
    LocalBroker(folder / _BROKER).stop()
