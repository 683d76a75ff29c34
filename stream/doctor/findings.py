"""What the doctor says: one line for each thing that was looked at."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

# fail: lists are missing or wrong, or soon will be. warn: it works, and costs something.
# skip: could not be looked at, or was not asked for.
Status = Literal["ok", "warn", "fail", "skip"]
Check = Literal[
    "broker",
    "clock",
    "topics",
    "placement",
    "event-times",
    "group",
    "lag",
    "dead-letters",
    "worker",
    "state",
    "model",
    "prometheus",
]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, how it is, and the command that mends what is wrong."""

    check: Check
    status: Status
    text: str
    mend: str | None = None

    @property
    def wrong(self) -> bool:
        """Whether something is to be mended."""
        return self.status in {"warn", "fail"}


Findings = Iterator[Finding]


@dataclass(frozen=True, slots=True)
class Here:
    """What commands for this installation have to say."""

    broker: str
    prefix: str
    group: str
    # The settings that were given as flags, so that a command works as printed.
    flags: str = ""
    worker_flags: str = ""  # those that only a worker has

    def headwater(self, command: str) -> str:
        """The command with the flags that this one was given."""
        return f"headwater {command}{self.flags}"

    def worker(self) -> str:
        """The command that starts a worker of this group."""
        return self.headwater("worker") + self.worker_flags

    def kafka(self, command: str) -> str:
        """The command with the broker, where it is one of Kafka's own scripts."""
        return command.replace(".sh ", f".sh --bootstrap-server {self.broker} ")

    def kcat(self, topic: str, rest: str) -> str:
        """A command that reads a topic."""
        return f"kcat -C -b {self.broker} -t {self.prefix}{topic} {rest}"


def summary(findings: Iterable[Finding]) -> str:
    """The last line."""
    wrong = [finding.status for finding in findings if finding.wrong]
    if not wrong:
        return "Nothing is wrong."
    return f"{len(wrong)} wrong: {wrong.count('fail')} fail, {wrong.count('warn')} warn."


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    seconds = abs(seconds)
    for unit, size in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
