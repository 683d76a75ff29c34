"""Logging: one line per message on standard error, libraries kept quiet, repetitions counted."""

import logging
import sys
import time
from collections.abc import Callable

# Their debug records are built even when nobody sees them: 11 % of a worker's throughput.
_LIBRARIES = ("faust", "aiokafka", "mode", "kafka", "asyncio")
# What it says of fonts, caches and units is of no use to who asked for a picture.
_DRAWING = "matplotlib"
_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
# While a broker is away, libraries repeat themselves a hundred times a second.
_REPEAT_SECONDS = 10.0


def configure(level: str) -> None:
    """Log to standard error from `level` on, libraries from WARNING on at least."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(_FORMAT))
    handler.addFilter(no_overlapping_commit)
    handler.addFilter(OncePerWhile(_REPEAT_SECONDS))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    quiet_libraries()


def quiet_libraries() -> None:
    """Let libraries log from WARNING on only; again after Faust's start, which sets its own."""
    for name in _LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger(_DRAWING).setLevel(logging.ERROR)


def no_overlapping_commit(record: logging.LogRecord) -> bool:
    """Whether the record is another than Faust's "Timer commit is overlapping".

    A commit waits for what was sent before it. Under load that takes longer than the second between
    two; the next follows at once, and nothing is wrong. Other timers' warnings stay.
    """
    overlaps = record.name == "mode.timers" and str(record.msg).startswith("Timer %s is overlap")
    return not (overlaps and isinstance(record.args, tuple) and record.args[:1] == ("commit",))


class OncePerWhile(logging.Filter):
    """Lets a library's repeated line pass once per so many seconds, with the number left out."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._seconds = seconds
        self._clock = clock
        self._last: dict[tuple[str, str], float] = {}
        self._left_out: dict[tuple[str, str], int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is to be logged; our own records always are."""
        if record.name.split(".", 1)[0] not in _LIBRARIES:
            return True
        what = record.name, str(record.msg)
        now = self._clock()
        if now - self._last.get(what, -self._seconds) < self._seconds:
            self._left_out[what] = self._left_out.get(what, 0) + 1
            return False
        self._last[what] = now
        if count := self._left_out.pop(what, 0):
            record.msg = f"{record.msg} (and {count} more like this)"
        return True
