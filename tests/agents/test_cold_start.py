"""Users without events and items without events: what their lists hold, with a net and without."""

from collections.abc import Iterable, Sequence

import pytest
from support.client import Read
from support.nets import random_mixture, taste_mixture
from support.oracle import consumer_record

from agents.adapt_items import fold_items
from agents.adapt_users import Arrival, UserFold, fold_users
from agents.announcements import pack_announcement
from agents.catalogue_feed import CatalogueFeed
from agents.keys import row_key
from agents.records import Internal, Kind, Place, TopicCode
from agents.score import ids_of, lists_for
from models.content import Content
from models.mixture import Mixture
from stream.metrics import Metrics
from stream.rules import Rules
from stream.schemas import Event, Item
from stream.settings import Settings
from stream.topics import Topics

NOW_MS = 1_700_000_000_000
TOPIC = Topics(Settings()).item_vectors
CATEGORIES = ("Drama", "Comedy", "Horror", "Western")
CONTENTS = tuple(Content(categories=(name,)) for name in CATEGORIES for _ in range(5))


class World:
    """What a worker holds: items' and users' rows, and the catalogue that the items' rows give."""

    def __init__(self, learner: Mixture) -> None:
        self.learner = learner
        self.feed = CatalogueFeed(Settings(), TOPIC, learner, Metrics())
        self.items: dict[str, bytes | None] = {}
        self.users: dict[str, bytes | None] = {}
        self._offset = 0

    def announce(self, items: Iterable[Item]) -> None:
        """Take announcements in turn."""
        for item in items:
            body = pack_announcement(item)
            place = self._place(TopicCode.ITEMS)
            self._fold_items([(item.item_id, Internal(Kind.ANNOUNCEMENT, place, body))])

    def act(self, user: str, *items: str) -> None:
        """Take likes in turn, and their feedback."""
        for item in items:
            place = self._place(TopicCode.EVENTS)
            event = Event(user, "like", place.broker_ms, item_id=item)
            outcome = self._fold_user(Arrival(user, place, place, 0, event))
            self.users[user] = outcome.rows[0].pack()
            self._fold_items([(name, Internal.unpack(body)) for name, body in outcome.feedback])

    def listed(self, user: str, length: int) -> list[str]:
        """The ids of a user's list; a user without events has one as well."""
        place = self._place(TopicCode.USERS)
        states = self._fold_user(Arrival(user, place, place, 0, profile=b"")).after
        gate = self.learner.initial_gate()
        (items,) = lists_for(self.learner, states, gate, self.feed.catalogue, length)
        return ids_of(items)

    def _place(self, topic: TopicCode) -> Place:
        self._offset += 1
        return Place(topic, 0, self._offset, NOW_MS + self._offset)

    def _fold_user(self, arrival: Arrival) -> UserFold:
        rows = {arrival.user_id: self.users.get(arrival.user_id)}
        return fold_users(self.learner, Rules(), self.feed.catalogue, rows, [arrival])

    def _fold_items(self, arrivals: Sequence[tuple[str, Internal]]) -> None:
        rows = {item: self.items.get(item) for item, _ in arrivals}
        for item, row in fold_items(self.learner, rows, arrivals).rows.items():
            self.items[item] = row
            read = Read(0, self._offset, row_key(item), row, NOW_MS)
            self.feed.apply([consumer_record(TOPIC.name, read)])


def announced(category: str, count: int, prefix: str = "") -> list[Item]:
    """Return items of one category; an empty one: without content."""
    categories = (category,) if category else ()
    return [Item(f"{prefix}{category}-{n}", NOW_MS, categories=categories) for n in range(count)]


LEARNERS = {"no net": Mixture(), "a net": taste_mixture(CONTENTS), "any net": random_mixture(1, [])}


@pytest.mark.parametrize("learner", LEARNERS.values(), ids=LEARNERS)
def test_a_user_without_events_is_listed_what_others_like(learner: Mixture) -> None:
    """With items that nobody has acted on behind them, so that the list is full."""
    world = World(learner)
    world.announce(announced("", 6))
    for user in "abc":
        world.act(user, "-3")
    listed = world.listed("new", 6)
    assert (listed[0], sorted(listed)) == ("-3", [f"-{n}" for n in range(6)])


@pytest.mark.parametrize("learner", LEARNERS.values(), ids=LEARNERS)
def test_lists_exist_before_any_event(learner: Mixture) -> None:
    """Of items that were announced a moment ago, for a user of whom nothing is known."""
    world = World(learner)
    world.announce(announced("Drama", 3))
    assert sorted(world.listed("new", 10)) == ["Drama-0", "Drama-1", "Drama-2"]


def test_a_new_item_is_listed_to_those_whose_taste_its_content_meets() -> None:
    """Nobody has acted on it, and a hundred others are as new; the counters alone cannot know."""
    wanted = "Western-new"
    places = {}
    for name in ("no net", "a net"):
        world = World(LEARNERS[name])
        for category in CATEGORIES:
            world.announce(announced(category, 5))
        world.act("u", *(f"Western-{n}" for n in range(5)))
        world.act("v", *(f"Drama-{n}" for n in range(5)))
        world.announce(announced("Horror", 100, "new-"))
        world.announce([Item(wanted, NOW_MS, categories=("Western",))])
        places[name] = [wanted in world.listed(user, 5) for user in "uv"]
    assert places == {"no net": [False, False], "a net": [True, False]}


def test_a_changed_announcement_moves_an_item_to_another_taste() -> None:
    """The catalogue has the content of the last announcement."""
    world = World(LEARNERS["a net"])
    for category in CATEGORIES:
        world.announce(announced(category, 3))
    world.act("u", "Western-0", "Western-1", "Western-2")
    world.announce([Item("x", NOW_MS, categories=("Drama",))])
    assert "x" not in world.listed("u", 1)
    world.announce([Item("x", NOW_MS, categories=("Western",))])
    assert world.listed("u", 1) == ["x"]
