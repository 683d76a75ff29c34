"""The demonstration from start to end: broker, worker, past, present, and what it amounted to."""

import asyncio
import json
import time
from collections.abc import Coroutine, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeVar

from aiokafka import TopicPartition
from rich.console import Console

from stream import topics as topic_admin
from stream.backlog import Backlog
from stream.broker import free_port
from stream.clone import clone
from stream.connect import consumer
from stream.demo.data import read_films, read_ratings
from stream.demo.learning import Learning, Progress
from stream.demo.live import ClosedLoop, LivePart
from stream.demo.plan import FULL, Plan, Size, make_plan
from stream.demo.processes import (
    Worker,
    alone_in,
    ended_by_signals,
    own_broker,
    running_worker,
    state_in,
)
from stream.demo.read import RowId, observe
from stream.demo.report import K, Observed, Offline, measure
from stream.demo.show import LiveView, Phase, Show
from stream.demo.stay import stay_up
from stream.demo.table import print_tables
from stream.demo.wire import film_json, rating_json, write_lines
from stream.errors import HeadwaterError, UsageError
from stream.lists import ListWatcher
from stream.publish import Publisher, prepare
from stream.replay import Plan as ReplayPlan
from stream.replay import replay
from stream.rowfiles import RowFile
from stream.rules import Rules
from stream.schemas import Rejected
from stream.settings import Loaded, Settings
from stream.topics import Described, Topics

_POLL_SECONDS = 0.2
# A worker may compile its learner first; after that it never stands still so long.
_STANDSTILL_SECONDS = 300.0
_BROKER_SECONDS = 30.0

T = TypeVar("T")


@dataclass(frozen=True)
class Options:
    """What the command line chooses. `folder`: for broker, state and log; beside it the figures."""

    folder: Path | None = None
    port: int | None = None
    size: Size = field(default=FULL)


def run_demo(loaded: Loaded, options: Options, learning: Learning, console: Console) -> int:
    """Run the demonstration and return its exit code.

    Raises OutsideCloneError, UsageError (another one runs, topics with records), BrokerError,
    TopicError, and HeadwaterError when the worker ends or stands still.
    """
    root = clone("`headwater demo`")
    folder = (options.folder or root / "build" / "demo").resolve()
    data = root / "deploy" / "demo"
    plan = make_plan(read_films(data), read_ratings(data), options.size)
    with ended_by_signals(), alone_in(folder), _kafka(loaded, folder, options.port) as settings:
        topics = asyncio.run(_empty_topics(settings))
        files = Files.of(plan, folder)
        with Show(console) as show:
            snapshot = _train(learning, files, folder, show)
        served = settings.model_copy(update={"model": snapshot})
        with running_worker(served, folder) as worker:
            with Show(console) as show:
                demo = Demo(settings, topics, plan, files, show)
                observed, seconds = asyncio.run(while_alive(worker, demo.run(learning.row_id)))
                offline = _offline(learning, observed, plan, files, snapshot, show)
            figures = measure(observed, plan.live.keys(), seconds, offline)
            _keep(figures, folder.with_suffix(".json"))
            print_tables(console, figures, demo.titles)
            if console.is_terminal:
                with _until_interrupted():
                    asyncio.run(while_alive(worker, stay_up(settings, plan, demo.titles, console)))
    return 0


class Files(NamedTuple):
    """The past and the films as files, for training, replay and evaluation."""

    past: Path
    films: Path

    @classmethod
    def of(cls, plan: Plan, folder: Path) -> Self:
        """Write them into the folder."""
        return cls(
            write_lines(folder / "past.jsonl", map(rating_json, plan.backfill)),
            write_lines(folder / "films.jsonl", map(film_json, plan.announced)),
        )


def _train(learning: Learning, files: Files, folder: Path, show: Show) -> Path:
    """Train on the past; returns the snapshot for the worker."""
    snapshot = folder / "snapshot.safetensors"
    with show.phase("Training on the past", 100) as phase:
        learning.train(files.past, files.films, snapshot, _percent(phase))
    return snapshot


def _offline(
    learning: Learning, observed: Observed, plan: Plan, files: Files, snapshot: Path, show: Show
) -> Offline:
    """Evaluate the stream as it was, with and without the snapshot."""
    with show.phase("The same stream, offline", 100) as phase:
        start = len(plan.backfill)
        return learning.offline(observed.events, start, files.films, snapshot, _percent(phase))


def _percent(phase: Phase) -> Progress:
    return lambda share, note: phase.at(100 * share, note)


class Demo:
    """The phases, one after the other."""

    def __init__(
        self, settings: Settings, topics: Topics, plan: Plan, files: Files, show: Show
    ) -> None:
        self.titles: Mapping[str, str] = _titles(plan)
        self._settings = settings
        self._topics = topics
        self._plan = plan
        self._files = files
        self._show = show

    async def run(self, row_id: RowId) -> tuple[Observed, dict[str, float]]:
        """Play everything; returns what the topics hold then, and the seconds of the phases."""
        plan = self._plan
        await self._announce()
        seconds = {"backfill": await self._backfill(), "live": await self._live()}
        with self._show.phase("Measuring the topics", 1):
            await self._applied()
            film_id = plan.withheld.item_id if plan.withheld else None
            return await observe(self._settings, self._topics, film_id, row_id), seconds

    async def _announce(self) -> None:
        films = self._plan.announced
        with self._show.phase("Announcing films", len(films)) as phase:
            await self._replay(RowFile(self._files.films, "items"), ReplayPlan(), phase)
            phase.at(len(films), "until the worker knows them all")
            await self._applied()

    async def _backfill(self) -> float:
        ratings = self._plan.backfill
        with self._show.phase("Back-filling the past", len(ratings)) as phase:
            plan = ReplayPlan(quiet=True, wait_for_lists=True)
            await self._replay(RowFile(self._files.past, "events"), plan, phase)
            await self._applied()
            return phase.seconds

    async def _replay(self, file: RowFile, plan: ReplayPlan, phase: Phase) -> None:
        began = time.monotonic()

        def progress(_fraction: float, rows: int) -> None:
            phase.at(rows, f"{rows / max(time.monotonic() - began, 0.1):.0f} a second")

        report = await replay(self._settings, file, plan, progress)
        if report.refused:
            number, why = report.refusals[0]
            raise HeadwaterError(f"Line {number} of the {file.kind} was refused: {why.error}.")

    async def _live(self) -> float:
        plan, settings = self._plan, self._settings
        rules = Rules.of(settings)
        async with ListWatcher(settings) as watcher, Publisher(settings, "events") as publisher:
            with self._show.phase("Live", plan.live_events) as phase:
                part = LivePart(
                    plan.live,
                    plan.withheld.item_id if plan.withheld else None,
                    ClosedLoop(publisher, watcher, rules),
                    self._announce_withheld,
                    LiveView(phase, self.titles).notice,
                )
                await part.run()
                return phase.seconds

    async def _announce_withheld(self) -> None:
        film = self._plan.withheld
        if film is None:
            return
        async with Publisher(self._settings, "items") as publisher:
            message = prepare("items", film_json(film), Rules.of(self._settings))
            if isinstance(message, Rejected):
                raise HeadwaterError(f"{film.title} was refused: {message.error}.")
            await publisher.send_and_wait(message)
        self._show.line(f"Announced only now: {film.title}")

    async def _applied(self) -> None:
        """Return when the worker has applied everything, on both hops."""
        backlog = Backlog(self._settings)
        backlog.topics = [*backlog.topics, self._topics.items.name]  # announcements pass it first
        async with backlog:
            lowest, since = None, time.monotonic()
            while (count := await backlog.count()) != 0:
                if lowest is None or 0 <= count < lowest:
                    lowest, since = count, time.monotonic()
                if time.monotonic() - since > _STANDSTILL_SECONDS:
                    raise HeadwaterError(
                        f"The worker has applied nothing for {_STANDSTILL_SECONDS:.0f} s;"
                        f" {count} records wait."
                    )
                await asyncio.sleep(_POLL_SECONDS)


async def while_alive(worker: Worker, work: Coroutine[Any, Any, T]) -> T:
    """Do the work as long as the worker lives. Raises HeadwaterError when it is gone."""
    task = asyncio.create_task(work)
    try:
        while not (await asyncio.wait([task], timeout=_POLL_SECONDS))[0]:
            worker.check()
        return task.result()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@contextmanager
def _kafka(loaded: Loaded, folder: Path, port: int | None) -> Iterator[Settings]:
    """The settings of the demonstration, with a broker of its own unless one was named."""
    chosen: dict[str, object] = {
        "state_dir": state_in(folder),
        "http_port": 0,
        "list_length": K,
        "repeats": "exclude",
        "wait": loaded.settings.wait or _BROKER_SECONDS,
    }
    if loaded.sources["broker"] != "default" and port is None:
        yield loaded.settings.model_copy(update=chosen)
        return
    with own_broker(folder, port or free_port(), loaded.settings.kafka_jars) as address:
        yield loaded.settings.model_copy(update=chosen | {"broker": address})


async def _empty_topics(settings: Settings) -> Topics:
    """Create the topics. Raises UsageError if one that is there already holds a record."""
    found = await topic_admin.describe(settings)
    if found and (full := await _with_records(settings, found.values())):
        raise UsageError(
            f"Topic {full[0]} at {settings.broker} is not empty, and the demonstration measures"
            " whole topics: set HEADWATER_TOPIC_PREFIX to a prefix that is not in use."
        )
    await topic_admin.ensure(settings)
    return await topic_admin.verify(settings)


async def _with_records(settings: Settings, topics: Iterable[Described]) -> list[str]:
    places = [
        TopicPartition(topic.name, number) for topic in topics for number in range(topic.partitions)
    ]
    source = await consumer(settings)
    try:
        first, end = await source.beginning_offsets(places), await source.end_offsets(places)
    finally:
        await source.stop()
    return sorted({place.topic for place in places if end[place] > first[place]})


def _titles(plan: Plan) -> dict[str, str]:
    films = [*plan.announced, *([plan.withheld] if plan.withheld else [])]
    return {film.item_id: film.title for film in films}


def _keep(figures: Mapping[str, Any], path: Path) -> None:
    path.write_text(json.dumps(figures, indent=2) + "\n")


@contextmanager
def _until_interrupted() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        return
