"""headwater worker: the stream processor itself."""

import typer

from stream.cli.flags import ALL, command
from stream.settings import Loaded


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(
        app,
        worker,
        "headwater worker",
        "headwater worker --broker kafka:9092 --list-length 20",
        flags=ALL,
    )


def worker(loaded: Loaded) -> int:
    """Read events, adapt users and items, publish lists; until SIGTERM or Ctrl-C.

    Topics that are missing are created. Metrics and health are served over HTTP. Start as many
    workers as there are partitions at most: they share the work.
    """
    from agents.worker import run  # noqa: PLC0415  # a worker's imports take a second; others need none

    return run(loaded.settings)
