"""The demonstration's live part with an answering service in place of Kafka."""

import asyncio
import time
from collections.abc import Mapping, Sequence

import pytest

from stream.demo import live
from stream.demo.data import Rating
from stream.demo.live import Answer, LivePart, Tempo
from stream.errors import SendError


class Service:
    """Answers every rating after a moment, and notes what it saw."""

    def __init__(self) -> None:
        self.said: list[Rating] = []
        self.announced_after: int | None = None
        self.most_at_once = 0
        self.noticed = 0
        self._busy: set[str] = set()

    async def say(self, rating: Rating) -> Answer | None:
        """Refuses a user who speaks before being answered."""
        assert rating.user_id not in self._busy
        self._busy.add(rating.user_id)
        self.most_at_once = max(self.most_at_once, len(self._busy))
        await asyncio.sleep(0.001)
        self._busy.remove(rating.user_id)
        self.said.append(rating)
        return Answer(rating, (), 1)

    async def announce(self) -> None:
        """Note how many ratings were answered by now."""
        self.announced_after = len(self.said)

    def notice(self, answer: Answer | None) -> None:
        """Count."""
        self.noticed += 1

    def play(self, users: Mapping[str, Sequence[str]], withheld: str | None = None) -> None:
        """Let users rate the items of their names in order."""
        ratings = {
            user: [Rating(user, item, 4.0, n) for n, item in enumerate(items)]
            for user, items in users.items()
        }

        async def run() -> None:
            await LivePart(ratings, withheld, self.say, self.announce, self.notice).run()

        asyncio.run(run())

    def items_of(self, user: str) -> str:
        """What the user rated, in order."""
        return "".join(rating.item_id for rating in self.said if rating.user_id == user)


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """The demonstration's own tempo would only slow these tests down."""
    monkeypatch.setattr(live, "EVENTS_PER_SECOND", 5000)


def test_everything_is_said_once_and_in_each_users_order() -> None:
    """Nobody speaks before being answered, nothing is left out."""
    service = Service()
    service.play({str(n): "abcdef" for n in range(70)})
    assert {service.items_of(str(n)) for n in range(70)} == {"abcdef"}
    assert service.noticed == 420
    assert service.announced_after is None


def test_about_fifty_users_are_active_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Users wait for a seat and are admitted in their order."""
    monkeypatch.setattr(live, "USERS_AT_ONCE", 3)
    service = Service()
    service.play({str(n): "ab" for n in range(9)})
    assert service.most_at_once <= 3
    first = [rating.user_id for rating in service.said if rating.item_id == "a"]
    assert sorted(first[:3]) == ["0", "1", "2"]
    assert sorted(first[-3:]) == ["6", "7", "8"]


def test_the_withheld_film_is_announced_in_the_middle_and_rated_afterwards() -> None:
    """Its ratings come next for those who still speak, and at once for those who are through."""
    service = Service()
    service.play({"early": "xa", "late": "abxcdefghijklmnopq"}, withheld="x")
    assert service.announced_after == 10
    assert service.items_of("early") == "ax"
    late = service.items_of("late")
    assert sorted(late) == sorted("abxcdefghijklmnopq")
    assert late.index("x") in (9, 10)


def test_the_announcement_never_waits_for_what_it_holds_back() -> None:
    """When most ratings are of the withheld film, the middle is where the others end."""
    service = Service()
    service.play({"a": "x", "b": "xa", "c": "x"}, withheld="x")
    assert service.announced_after == 1
    assert len(service.said) == 4


def test_users_of_nothing_but_the_withheld_film_speak_after_it() -> None:
    """Even when there is nothing else at all."""
    service = Service()
    service.play({"a": "x"}, withheld="x")
    assert service.items_of("a") == "x"


def test_an_error_of_one_user_ends_the_part_as_it_is() -> None:
    """A failed send surfaces as itself, not inside a group."""

    async def fail(rating: Rating) -> Answer | None:
        raise SendError("lost")

    async def run() -> None:
        service = Service()
        ratings = {"u": [Rating("u", "a", 4.0, 0)], "v": [Rating("v", "a", 4.0, 0)]}
        await LivePart(ratings, None, fail, service.announce, service.notice).run()

    with pytest.raises(SendError, match="lost"):
        asyncio.run(run())


def test_the_tempo_is_kept() -> None:
    """Thirty turns at 200 a second take at least 29 intervals, however many ask at once."""

    async def run() -> float:
        tempo, began = Tempo(200), time.monotonic()
        await asyncio.gather(*(tempo.turn() for _ in range(30)))
        return time.monotonic() - began

    assert asyncio.run(run()) >= 29 / 200 - 0.005
