"""A local Kafka: one KRaft node, formatted once, started, watched and stopped by its pid file."""

import asyncio
import base64
import os
import re
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from stream.clone import clone
from stream.connect import wait_for_broker
from stream.errors import (
    BrokerFailed,
    BrokerUnreachable,
    OutsideCloneError,
    PortTaken,
    UsageError,
)
from stream.settings import Settings

HOST = "127.0.0.1"
DEFAULT_PORT = 9092
_START_SECONDS = 60
_STOP_SECONDS = 30
_POLL_SECONDS = 0.05

# The heap suits a development broker; the serial collector and the first compiler tier leave the
# cores to the workers.
_JAVA = ("java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")

_PROPERTIES = """\
# Written by `headwater broker start`.
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={topics}
# No client's first message may make a topic of the wrong kind.
auto.create.topics.enable=false
# One node holds everything once.
default.replication.factor=1
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
# Few groups and writers: the defaults of 50 partitions cost start-up time.
offsets.topic.num.partitions=4
transaction.state.log.num.partitions=4
share.coordinator.state.topic.num.partitions=1
# The first worker need not wait for others.
group.initial.rebalance.delay.ms=0
# A quarter of the heap would go to the cleaner by default.
log.cleaner.dedupe.buffer.size=33554432
"""


@dataclass(frozen=True)
class Status:
    """What is known of the broker of one data folder. `pid` is None when it does not run."""

    pid: int | None
    address: str
    data: Path


@dataclass
class LocalBroker:
    """The broker of one data folder."""

    data: Path
    port: int = DEFAULT_PORT
    jars: Path | None = None
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.data = self.data.resolve()

    @property
    def address(self) -> str:
        """Where clients reach it."""
        return f"{HOST}:{self.port}"

    def start(self) -> bool:
        """Start it and return when it answers; False if it was running already.

        Blocks; not for use inside an event loop. Raises PortTaken, BrokerFailed (with the log's
        end), and OutsideCloneError or BrokerFailed when Kafka's jars are not there.
        """
        running = self.status()
        if running.pid is not None:
            return self._already(running)
        _refuse_taken(self.port)
        jars = self._jars()
        try:
            self.data.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{self.data} cannot be made a folder: {error.strerror}.") from error
        self._properties.write_text(
            _PROPERTIES.format(
                host=HOST, port=self.port, controller=free_port(), topics=self._topics
            )
        )
        self._format(jars)
        self._launch(jars)
        self._wait_until_it_answers()
        return True

    def stop(self) -> bool:
        """Stop it cleanly and return when it is gone; False if it was not running.

        Raises BrokerFailed if it is still there after 30 s.
        """
        pid = self.status().pid
        if pid is None:
            self._pid_file.unlink(missing_ok=True)
            return False
        os.kill(pid, signal.SIGTERM)
        if not _until(lambda: not self._is_ours(pid), _STOP_SECONDS):
            raise BrokerFailed(
                f"The broker (pid {pid}) still runs {_STOP_SECONDS} s after SIGTERM."
            )
        self._pid_file.unlink(missing_ok=True)
        return True

    def status(self) -> Status:
        """Whether it runs, where, and as which process."""
        try:
            pid = int(self._pid_file.read_text())
        except (OSError, ValueError):
            pid = 0
        ours = pid > 0 and self._is_ours(pid)
        return Status(pid if ours else None, f"{HOST}:{self._known_port()}", self.data)

    @property
    def _properties(self) -> Path:
        return self.data / "server.properties"

    @property
    def _pid_file(self) -> Path:
        return self.data / "broker.pid"

    @property
    def _log(self) -> Path:
        return self.data / "broker.log"

    @property
    def _topics(self) -> Path:
        return self.data / "topics"

    def _already(self, running: Status) -> bool:
        if running.address != self.address:
            raise BrokerFailed(
                f"The broker of {self.data} runs already, at {running.address} (pid {running.pid});"
                f" stop it first, or give another --data folder."
            )
        self._wait_until_it_answers()
        return False

    def _jars(self) -> Path:
        jars = self.jars or clone("A local broker without HEADWATER_KAFKA_JARS") / "build" / "kafka"
        if not any(jars.glob("kafka_*.jar")):
            if self.jars:
                raise UsageError(f"Setting kafka_jars names {jars}, where no Kafka lies.")
            raise BrokerFailed(f"Kafka's jars are not in {jars}: run `make setup`.")
        return jars

    def _format(self, jars: Path) -> None:
        """Give the storage its cluster id, once."""
        if (self._topics / "meta.properties").exists():
            return
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        command = [*_java(jars), "kafka.tools.StorageTool", "format"]
        # With "=": one id in 64 begins with a dash.
        command += [f"--cluster-id={cluster}", "--config", str(self._properties)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            said = (done.stdout + done.stderr).strip()
            raise BrokerFailed(f"Kafka could not format {self._topics}: {said}")

    def _launch(self, jars: Path) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603
                [*_java(jars), "kafka.Kafka", str(self._properties)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C at the caller's terminal is not for the broker
            )
        self._pid_file.write_text(f"{self._process.pid}\n")

    def _wait_until_it_answers(self) -> None:
        pid = self.status().pid
        listening = _until(lambda: _listens(self.port) or not self._runs(pid), _START_SECONDS)
        if not listening or not self._runs(pid):
            raise BrokerFailed(f"The broker did not start; {self._log} ends with:\n{self._said()}")
        settings = Settings(broker=self.address, wait=_START_SECONDS)
        try:
            asyncio.run(wait_for_broker(settings))
        except BrokerUnreachable as error:
            raise BrokerFailed(f"The broker listens but does not answer: {error}") from error

    def _runs(self, pid: int | None) -> bool:
        return pid is not None and self._is_ours(pid)

    def _is_ours(self, pid: int) -> bool:
        """Whether `pid` is a living process that serves this folder, not a later one's number."""
        if self._process is not None and self._process.pid == pid:
            return self._process.poll() is None
        return str(self._properties) in _command_line(pid)

    def _known_port(self) -> int:
        try:
            written = self._properties.read_text()
        except OSError:
            return self.port
        match = re.search(r"^advertised\.listeners=.*:(\d+)$", written, re.MULTILINE)
        return int(match[1]) if match else self.port

    def _said(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines()
        return "\n".join(lines[-5:])


def free_port() -> int:
    """A port of the loopback interface that nobody listens at now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _java(jars: Path) -> list[str]:
    return [*_JAVA, *_logging(), "-cp", f"{jars}/*"]


def _logging() -> list[str]:
    """What a person has to know; outside a clone, with jars of one's own, log4j's default."""
    try:
        folder = clone("Kafka's logging") / "deploy" / "kafka"
    except OutsideCloneError:
        return []
    return [f"-Dlog4j2.configurationFile={folder / 'log4j2.properties'}"]


def _refuse_taken(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise PortTaken(
                f"Port {port} is taken by another process ({error.strerror}):"
                " give another --port, or use that Kafka with HEADWATER_BROKER."
            ) from error


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def _command_line(pid: int) -> str:
    """The process's command line; empty when there is none, or only its remains."""
    asked = ["ps", "-ww", "-o", "args=", "-p", str(pid)]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)  # noqa: S603
    return done.stdout


def _until(true: Callable[[], bool], seconds: float) -> bool:
    """Wait until `true()` holds; False if it does not within `seconds`."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(_POLL_SECONDS)
    return True
