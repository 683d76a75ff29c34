"""Real workers as processes, to be started, killed, frozen and asked to leave."""

import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from stream.broker import free_port
from stream.settings import PREFIX, Settings


class Worker:
    """One `headwater worker` process with its own state directory, port and log."""

    def __init__(self, settings: Settings, name: str, folder: Path, **overrides: object) -> None:
        """`overrides` are settings by their names, for this worker only."""
        self.name = name
        self.state = folder / f"state-{name}"
        self.log = folder / f"worker-{name}.log"
        self.port = free_port()
        self._environment = environment(
            settings, state_dir=self.state, http_port=self.port, **overrides
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, module: str = "stream.cli") -> "Worker":
        """Start the process; `module` is what `python -m` runs with the argument `worker`."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, "worker"],
                env=self._environment,
                stdout=log,
                stderr=log,
                cwd=Path(__file__).parents[2],
            )
        return self

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process's number."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """SIGKILL, also when frozen; returns when the process is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def leave(self, within: float = 15.0) -> tuple[int, float]:
        """SIGTERM; returns the exit code and the seconds that leaving took."""
        assert self._process is not None
        began = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(within)
        return code, time.monotonic() - began

    def freeze(self) -> None:
        """SIGSTOP."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        """SIGCONT."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def wipe(self) -> None:
        """Remove the local state, as a new machine would have none."""
        shutil.rmtree(self.state, ignore_errors=True)

    def page(self, path: str) -> tuple[int, str]:
        """GET a page of the worker; status 0 when nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=2) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def wait_ready(self, within: float = 60.0) -> "Worker":
        """Return when /readyz says so; fail with the log's end when it does not in time."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline and self.running:
            if self.page("/readyz")[0] == 200:
                return self
            time.sleep(0.1)
        raise AssertionError(f"worker {self.name} is not ready:\n{self.tail()}")

    def tail(self, lines: int = 40) -> str:
        """Return the end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def environment(settings: Settings, **overrides: object) -> dict[str, str]:
    """Return this process's environment with the settings as HEADWATER_ variables."""
    values = settings.model_dump(exclude_defaults=True) | overrides
    support = {"PYTHONPATH": str(Path(__file__).parents[1])}
    return (
        dict(os.environ)
        | support
        | {
            PREFIX + name.upper(): ",".join(value) if isinstance(value, tuple) else str(value)
            for name, value in values.items()
        }
    )
