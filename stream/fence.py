"""The time fence: a frozen worker sends nothing until its group has answered, and nothing old ever.

Contains: a worker that was suspended wakes up, still believes that it owns its partitions, and
writes over what its successor has written since (3,000 of 33,600 events were missing after one
freeze). Every produce request, retries too, passes here: it is held while the group was last heard
of longer ago than 0.8 of the session, and dropped when it belongs to an older membership.
"""

import threading
import time
from collections.abc import Callable
from enum import Enum
from typing import Any

from aiokafka.errors import KafkaError, ProducerFenced

# The rest of the session is for the broker's clock, which starts later than ours, and for a
# request on its way.
_SESSION_SHARE = 0.8


class Dropped(KafkaError):  # type: ignore[misc]  # aiokafka has no types
    """Work of an older membership, never sent; not an error of this worker."""

    retriable = False


# Both mean: another worker owns this now.
VOID = (Dropped, ProducerFenced)


class Verdict(Enum):
    """What becomes of a produce request now."""

    SEND = "send"
    HOLD = "hold"
    DROP = "drop"


def suspended_too() -> float:
    """Seconds on a clock that runs on while the machine is suspended."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Fence:
    """Knows which membership of the group this is (`epoch`) and when the group last answered.

    Written by aiokafka's group coordinator in the consumer's thread, read by the sender.
    """

    def __init__(self, session: float, clock: Callable[[], float] = suspended_too) -> None:
        """`session`: the group's session timeout in seconds."""
        self._limit = _SESSION_SHARE * session
        self._clock = clock
        self._lock = threading.Lock()
        self._answered: float | None = None
        self._watchers: list[Callable[[], None]] = []
        self.epoch = 0
        self.lost = True

    @property
    def silent_for(self) -> float:
        """Seconds since the last answered heartbeat was sent; infinite before the first."""
        return float("inf") if self._answered is None else self._clock() - self._answered

    def now(self) -> float:
        """The fence's clock, seconds."""
        return self._clock()

    def judge(self, epoch: int) -> Verdict:
        """What becomes of a request that carries work of `epoch`."""
        # Lost work is dropped, never held: the revocation waits for it.
        if self.lost or epoch != self.epoch:
            return Verdict.DROP
        return Verdict.HOLD if self.silent_for > self._limit else Verdict.SEND

    def answered(self, sent_at: float) -> None:
        """The group answered a heartbeat that was sent at `sent_at` on this clock."""
        self._answered = sent_at

    def joined(self) -> None:
        """A new membership begins: work of all older ones is void."""
        with self._lock:
            self.epoch += 1
            self.lost = False
            self._answered = self._clock()
        self._tell()

    def lose(self) -> None:
        """The membership is gone (the group said so, or the broker fenced a write)."""
        with self._lock:
            self.epoch += 1
            self.lost = True
        self._tell()

    def on_change(self, watcher: Callable[[], None]) -> None:
        """Call `watcher`, in whatever thread, after each change of the epoch."""
        self._watchers.append(watcher)

    def _tell(self) -> None:
        for watcher in self._watchers:
            watcher()


def watch(coordinator: Any, fence: Fence) -> None:
    """Tell `fence` what happens to the membership of an aiokafka GroupCoordinator."""
    beat = coordinator._do_heartbeat  # noqa: SLF001
    join = coordinator._on_join_complete  # noqa: SLF001
    reset = coordinator.reset_generation

    async def heartbeat() -> bool:
        sent_at = fence.now()
        success: bool = await beat()
        if success:
            fence.answered(sent_at)
        return success

    async def joined(*args: object, **kwargs: object) -> None:
        fence.joined()
        await join(*args, **kwargs)

    def lost() -> None:
        fence.lose()
        reset()

    coordinator._do_heartbeat = heartbeat  # noqa: SLF001
    coordinator._on_join_complete = joined  # noqa: SLF001
    coordinator.reset_generation = lost
