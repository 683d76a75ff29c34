"""headwater doctor: what is wrong with an installation, and the command that mends it."""

import json
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from stream.cli.flags import KAFKA, command
from stream.doctor.findings import Finding, summary
from stream.errors import HeadwaterError, UsageError
from stream.settings import Loaded

_FLAGS = ("group", "state_dir", "model", "repeats", "http_host", "http_port")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Workers = Annotated[
    list[str] | None,
    typer.Option("--worker", metavar="HOST:PORT", help="A worker's page; may be repeated."),
]
PrometheusUrl = Annotated[
    str | None, typer.Option("--prometheus", metavar="URL", help="Ask this Prometheus too.")
]
Sample = Annotated[
    int,
    typer.Option("--sample", min=1, max=1_000_000, help="How many of the newest events to read."),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(
        app,
        doctor,
        "headwater doctor",
        "headwater doctor --broker kafka:9092 --worker worker-1:6066 --worker worker-2:6066",
        "headwater doctor --prometheus http://localhost:9090 --json",
        flags=(*KAFKA, *_FLAGS),
    )


def doctor(
    loaded: Loaded,
    worker: Workers = None,
    prometheus: PrometheusUrl = None,
    sample: Sample = 1000,
    json_: Json = False,
) -> int:
    """Look at broker, clock, topics, events, workers, state and model; say what is wrong.

    Nothing is written to Kafka. Each line is ok, warn (works, but costs something), fail (lists are
    missing or wrong, or soon will be) or skip (not looked at), with the command that mends it. The
    exit code is 1 if any line is warn or fail. A broker is waited for 3 seconds, unless --wait.
    """
    workers = worker or []
    _check_addresses(workers, prometheus)
    from stream.cli.examine import examine  # noqa: PLC0415  # aiohttp: .3 s of every command

    findings = examine(loaded, workers, prometheus, sample)
    _print(_as_json(findings) if json_ else _as_text(findings))
    return int(any(finding.wrong for finding in findings))


def _check_addresses(workers: Sequence[str], prometheus: str | None) -> None:
    for address in workers:
        if not re.fullmatch(r"[^\s/:]+:\d{1,5}|\[[0-9A-Fa-f:]+\]:\d{1,5}", address):
            raise UsageError(f"--worker takes HOST:PORT; got {address}.")
    if prometheus is not None and not re.match(r"https?://[^/\s]+", prometheus):
        raise UsageError(f"--prometheus takes an address as http://host:9090; got {prometheus}.")


def _as_text(findings: Sequence[Finding]) -> str:
    lines = []
    for finding in findings:
        lines.append(f"{finding.status:<5} {finding.check:<12}  {finding.text}")
        if finding.wrong and finding.mend:
            lines.append(f"{'':20}→ {finding.mend}")
    return "\n".join([*lines, summary(findings)])


def _as_json(findings: Sequence[Finding]) -> str:
    wrong = any(finding.wrong for finding in findings)
    return json.dumps({"ok": not wrong, "findings": [asdict(f) for f in findings]}, indent=2)


def _print(text: str) -> None:
    """Print, and say so in a sentence where it cannot be written (a full disk, a closed pipe)."""
    try:
        print(text, flush=True)
    except OSError as error:
        # What is left in the buffer would fail again when the process ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise HeadwaterError(f"The findings cannot be written: {error.strerror}.") from error
