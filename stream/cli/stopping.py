"""SIGTERM to a command that takes long: as Ctrl-C, but for its exit code."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import typer

TERMINATED = 143


class _Terminated(KeyboardInterrupt):
    """SIGTERM came."""


@contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM interrupt the work as Ctrl-C does, and the command end with TERMINATED."""

    def terminate(*_: object) -> None:
        raise _Terminated

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    except _Terminated as stop:
        raise typer.Exit(TERMINATED) from stop
    finally:
        signal.signal(signal.SIGTERM, before)
