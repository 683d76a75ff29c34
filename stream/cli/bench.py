"""headwater bench: how fast this machine is, each figure beside what Kafka alone can do."""

import importlib
import sys
from pathlib import Path
from typing import Annotated

import typer

from stream.cli.flags import command
from stream.clone import clone
from stream.errors import UsageError
from stream.settings import Loaded

Only = Annotated[
    list[str] | None,
    typer.Option(
        "--only",
        metavar="PART[,PART]",
        help="Parts: throughput, lag, start, recovery, bytes, stages, peers.",
    ),
]
Rounds = Annotated[
    int | None, typer.Option("--rounds", min=1, help="Repetitions [3, with --quick 1].")
]
Quick = Annotated[bool, typer.Option("--quick", help="One round of everything, smaller.")]
Peers = Annotated[
    bool, typer.Option("--peers", help="Quix Streams and Bytewax too (extra bench-peers).")
]
JsonOut = Annotated[
    Path | None,
    typer.Option("--json", help="Write all figures here, over what is there."),
]
Compare = Annotated[
    Path | None,
    typer.Option(
        "--compare",
        help="What --json wrote before: tell what got worse, by the spread of two rounds or more.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(
        app,
        bench,
        "headwater bench --quick",
        "headwater bench --json now.json --compare before.json",
        "headwater bench --only throughput,lag --rounds 5",
        flags=("broker", "wait", "kafka_jars"),
    )


def bench(
    loaded: Loaded,
    *,
    only: Only = None,
    rounds: Rounds = None,
    quick: Quick = False,
    peers: Peers = False,
    json_: JsonOut = None,
    compare: Compare = None,
) -> int:
    """Measure throughput, lag, start, recovery, bytes and stages, each beside a bare loop.

    Every round measures headwater and what it is compared with, on a Kafka of its own (or the one
    that HEADWATER_BROKER names, under topics of its own); shown are medians over the rounds. Only
    the ratios say something on a machine that does other things too. Needs a clone of the project.
    """
    sys.path.insert(0, str(_code()))
    try:
        runner = importlib.import_module("bench.run")
    except ModuleNotFoundError as error:
        raise UsageError(
            f"headwater bench needs {error.name}, which `make setup` installs."
        ) from error
    parts = tuple(part.strip() for text in only or () for part in text.split(",") if part.strip())
    options = runner.Options(parts, rounds, quick, peers, json_, compare)
    code: int = runner.run(loaded, options)
    return code


def _code() -> Path:
    """Where the benchmark lies. Raises OutsideCloneError."""
    return clone("headwater bench") / "tests"
