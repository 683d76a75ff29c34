"""A worker's life: start, serve until it is told to end or something fails, leave in time."""

import asyncio
import contextlib
import logging
import os
import signal
import threading
from collections.abc import Awaitable, Callable, Sequence

import faust
from aiokafka.errors import KafkaError

from stream.connect import wait_for_group
from stream.errors import BrokerUnreachable, StateError
from stream.fence import Fence
from stream.garbage import rare_collections
from stream.logs import quiet_libraries
from stream.settings import Settings

log = logging.getLogger("headwater.worker")

Task = Callable[[], Awaitable[None]]

# From SIGTERM to the end, seconds: finish what is in hand; drop it; leave without a word.
_FINISH, _LEAVE, _GONE = 3.5, 4.5, 4.9


class Life:
    """Runs a Faust app, and tasks beside it, once."""

    def __init__(
        self,
        settings: Settings,
        app: faust.App,
        fence: Fence,
        tasks: Sequence[Task],
        abandon: Callable[[], None],
    ) -> None:
        """`tasks`: run from the start to the end. `abandon`: give up what is in hand."""
        self._settings = settings
        self._app = app
        self._fence = fence
        self._tasks = tasks
        self._abandon = abandon
        self._failure: BaseException | None = None
        self._stuck = False
        self._ending: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT; blocks.

        Raises HeadwaterError: BrokerUnreachable after settings.wait seconds without a broker,
        SendError, StateError, or whatever an agent raised.
        """
        try:
            asyncio.run(self._with_signals())
        finally:
            if self._stuck:  # Faust's thread would keep the process alive
                _end_process_in(1.0)

    async def serve(self) -> None:
        """Serve until `stop`; raises as `run` does."""
        self._loop = asyncio.get_running_loop()
        self._ending = asyncio.Event()
        quiet_libraries()
        log.info("Starting: broker %s, group %s.", self._settings.broker, self._settings.group)
        if await self._unless_ended(wait_for_group(self._settings)):
            with rare_collections():
                await self._serve_until_ended()
        if self._failure is not None:
            raise self._failure
        log.info("Stopped.")

    def stop(self) -> None:
        """End `serve`: finish the runs in hand, commit, leave the group; from any thread."""
        if self._loop is not None and self._ending is not None:
            self._loop.call_soon_threadsafe(self._ending.set)

    def fail(self, error: BaseException) -> None:
        """Stop the worker, loudly; the first error is the one that `run` raises."""
        if self._failure is None:
            self._failure = error
            log.error("The worker stops: %r", error)
            self._abandon()
        self.stop()

    def soon(self, step: Callable[[], None]) -> None:
        """Call `step` in the loop that serves, if one does; from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(step)

    async def _with_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._told_to_end, number)
        await self.serve()

    def _told_to_end(self, number: signal.Signals) -> None:
        log.info("%s: finishing the runs in hand.", signal.Signals(number).name)
        _end_process_in(_GONE)
        self.stop()

    async def _unless_ended(self, step: Awaitable[None]) -> bool:
        """Await `step`, or give it up at the end; true if it was done."""
        if self._ending is None:
            return False
        task = asyncio.ensure_future(step)
        ended = asyncio.ensure_future(self._ending.wait())
        await asyncio.wait({task, ended}, return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        if task.done():
            task.result()
            return True
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        return False

    async def _serve_until_ended(self) -> None:
        life = asyncio.ensure_future(self._app.start())
        tasks = [asyncio.ensure_future(self._watched(task)) for task in self._tasks]
        crash = asyncio.ensure_future(self._app._crashed.wait())  # noqa: SLF001
        ended = asyncio.ensure_future(self._ending.wait())  # type: ignore[union-attr]
        life.add_done_callback(self._start_failed)
        await asyncio.wait({crash, ended}, return_when=asyncio.FIRST_COMPLETED)
        if crash.done() and self._failure is None:
            reason = self._app.crash_reason
            self._failure = StateError(f"Faust stopped: {reason!r}")
            self._failure.__cause__ = reason
        await self._leave()
        for task in (*tasks, crash, ended, life):
            task.cancel()
        await asyncio.gather(*tasks, crash, ended, life, return_exceptions=True)

    def _start_failed(self, life: "asyncio.Future[None]") -> None:
        error = None if life.cancelled() else life.exception()
        if isinstance(error, KafkaError):
            where = f"Kafka at {self._settings.broker} went away while the worker started"
            self.fail(BrokerUnreachable(f"{where}: {error!r}"))
        elif error is not None:
            self.fail(error)

    async def _watched(self, task: Callable[[], Awaitable[None]]) -> None:
        try:
            await task()
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001  # a task that died unseen would be missed
            self.fail(error)

    async def _leave(self) -> None:
        # After a failure nothing more can be finished: drop it now.
        patience = _FINISH if self._failure is None else 0.0
        give_up = asyncio.get_running_loop().call_later(patience, self._fence.lose)
        try:
            async with asyncio.timeout(_LEAVE):
                await self._app.stop()
        except TimeoutError:
            self._stuck = True
        finally:
            give_up.cancel()


def _end_process_in(seconds: float) -> None:
    """End the process with exit code 1 unless it has ended by itself before."""

    def end() -> None:
        log.warning("Left without finishing: Kafka did not answer in time.")
        os._exit(1)

    last_resort = threading.Timer(seconds, end)
    last_resort.daemon = True
    last_resort.start()
