"""The least that Kafka and Python can do: a process that answers every event with 1 kB."""

import asyncio
import contextlib
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from support.workers import environment

from bench.bare import KILOBYTE
from stream.connect import consumer, producer
from stream.settings import Settings
from stream.topics import Topics


class Echo:
    """The process, from entering to leaving."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._settings = settings
        self._log = folder / f"{settings.group}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start it."""
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "bench.echo"],
                env=environment(self._settings),
                stdout=log,
                stderr=log,
                cwd=Path(__file__).parents[2],
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()


async def echo(settings: Settings) -> None:
    """Read events in a group of one's own and answer each at once, until killed."""
    topics = Topics(settings)
    writer = await producer(settings, linger_ms=0)
    reader = await consumer(settings, group_id=settings.group, auto_offset_reset="earliest")
    reader.subscribe([topics.events.name])
    while True:
        for place, records in (await reader.getmany(timeout_ms=500)).items():
            for record in records:
                await writer.send(
                    topics.recommendations.name,
                    KILOBYTE,
                    key=record.key,
                    partition=place.partition,
                )


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(echo(Settings()))
