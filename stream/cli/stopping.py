"""Ctrl-C and SIGTERM to a command that takes long: alike, but for the exit code."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import typer

_CODE = 128
"""Added to a signal's number, as shells do."""
TERMINATED = _CODE + signal.SIGTERM


class _Stopped(KeyboardInterrupt):
    """A signal came.

    Not a bare KeyboardInterrupt: what passes through `exec` of a text, as libraries do while they
    are imported, makes Python kill itself at the end, whoever has caught it.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


@contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM interrupt the work as Ctrl-C does; the command ends with the signal's code.

    Whoever started the command so that it ignores Ctrl-C (in the background, say) has it ignored.
    """

    def stop(number: int, _frame: object) -> None:
        raise _Stopped(number)

    before = {signal.SIGTERM: signal.signal(signal.SIGTERM, stop)}
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        before[signal.SIGINT] = signal.signal(signal.SIGINT, stop)
    try:
        yield
    except _Stopped as stopped:
        raise typer.Exit(_CODE + stopped.number) from stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
