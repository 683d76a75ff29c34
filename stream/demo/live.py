"""The live part: some fifty users at once, each acting only when the last act was answered."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import NamedTuple

from stream.demo.agenda import Agenda
from stream.demo.data import Rating
from stream.demo.wire import rating_json
from stream.errors import SendError
from stream.lists import ListWatcher
from stream.publish import Publisher, prepare
from stream.rules import Rules
from stream.schemas import Rejected

USERS_AT_ONCE = 50
EVENTS_PER_SECOND = 150
# Long enough for a worker that was killed to be replaced, short enough for a demonstration.
_ANSWER_SECONDS = 15.0


class Answer(NamedTuple):
    """A rating and the list that it caused; `lag_ms` by the broker's clock."""

    rating: Rating
    items: tuple[str, ...]
    lag_ms: int


# Publishes a rating and waits for its list; None when none came in time.
Say = Callable[[Rating], Awaitable[Answer | None]]
Announce = Callable[[], Awaitable[None]]
Notice = Callable[[Answer | None], None]


class LivePart:
    """Plays every live user's ratings; announces the withheld film when half are answered."""

    def __init__(
        self,
        live: Mapping[str, Iterable[Rating]],
        withheld_id: str | None,
        say: Say,
        announce: Announce,
        notice: Notice,
    ) -> None:
        """Users are admitted in the order of `live`; `notice` is told every answer."""
        self._agendas = [Agenda(ratings, withheld_id) for ratings in live.values()]
        self._say = say
        self._announce = announce
        self._notice = notice
        total = sum(len(list(ratings)) for ratings in live.values())
        held_back = sum(agenda.held_back for agenda in self._agendas)
        # Not later than when everything else is said, or what is held back would wait for ever.
        self._until_middle = min(math.ceil(total / 2), total - held_back)
        self._middle = asyncio.Event()
        self._announced = asyncio.Event()
        self._seats = asyncio.Semaphore(USERS_AT_ONCE)
        self._tempo = Tempo(EVENTS_PER_SECOND)

    async def run(self) -> None:
        """Return when everything is said. Raises what `say` and `announce` raise."""
        self._count(0)
        try:
            async with asyncio.TaskGroup() as users:
                if any(agenda.held_back for agenda in self._agendas):
                    users.create_task(self._announce_in_the_middle())
                for agenda in self._agendas:
                    users.create_task(self._play(agenda))
        except ExceptionGroup as group:
            raise group.exceptions[0] from group

    async def _announce_in_the_middle(self) -> None:
        await self._middle.wait()
        await self._announce()
        for agenda in self._agendas:
            agenda.release()
        self._announced.set()

    async def _play(self, agenda: Agenda) -> None:
        await self._speak(agenda)
        if agenda.held_back:
            await self._announced.wait()
            await self._speak(agenda)

    async def _speak(self, agenda: Agenda) -> None:
        async with self._seats:
            while rating := agenda.next():
                await self._tempo.turn()
                self._notice(await self._say(rating))
                self._count(1)

    def _count(self, said: int) -> None:
        self._until_middle -= said
        if self._until_middle <= 0:
            self._middle.set()


class Tempo:
    """Gives turns in the order asked for, never closer together than the rate allows."""

    def __init__(self, per_second: float) -> None:
        self._apart = 1 / per_second
        self._next = 0.0

    async def turn(self) -> None:
        """Return when it is the caller's turn."""
        now = asyncio.get_running_loop().time()
        mine = max(self._next, now)
        self._next = mine + self._apart
        await asyncio.sleep(mine - now)


class ClosedLoop:
    """Says a rating: publishes it and waits for the list that covers it."""

    def __init__(self, publisher: Publisher, watcher: ListWatcher, rules: Rules) -> None:
        self._publisher = publisher
        self._watcher = watcher
        self._rules = rules

    async def __call__(self, rating: Rating) -> Answer | None:
        """Return the answer, or None after 15 seconds. Raises SendError."""
        message = prepare("events", rating_json(rating), self._rules)
        if isinstance(message, Rejected):
            raise SendError(f"A rating of the demonstration is refused: {message.error}.")
        place = await self._publisher.send_and_wait(message)
        coming = self._watcher.expect(rating.user_id, place.partition, place.offset)
        try:
            arrived = await asyncio.wait_for(coming, _ANSWER_SECONDS)
        except TimeoutError:
            return None
        items = tuple(item.item_id for item in arrived.recommendation.items)
        return Answer(rating, items, arrived.broker_ms - place.timestamp)
