"""Profiles in users' rows: a meta-learner that has learned of such reads them for lists."""

import json
from dataclasses import replace

import pytest
from support.tasks import ITEMS, synthetic

pytest.importorskip("torch", reason="needs the extra: pip install 'headwater[train]'")

from agents.adapt_users import Arrival
from agents.catalogue_feed import CatalogueFeed
from agents.profiles import attributes_of
from agents.publish import Publisher
from agents.records import Place, TopicCode
from agents.user_plan import Known, Outputs, Planner
from models.meta import learner_of
from models.meta.learner import MetaLearner
from models.mixture import Mixture
from stream.metrics import Metrics
from stream.rules import Rules
from stream.schemas import Event, ListItem, decode_recommendation
from stream.settings import Settings
from stream.topics import Topics

NOW_MS = 1_700_000_000_000
NAMES = [f"i{number}" for number in range(ITEMS)]
SOURCES = {TopicCode.EVENTS: "events", TopicCode.USERS: "users"}


def trained(*, profiles: bool) -> MetaLearner:
    """A Bayesian head, of users whose profiles, if any, tell their taste."""
    world, tasks = synthetic(profiles=profiles)
    few = {"size": 3, "rounds": 6, "epochs": 1}
    return learner_of("bayes", few).meta_train(world, tasks)


@pytest.fixture(scope="module")
def learner() -> MetaLearner:
    """One that has learned what profiles say."""
    return trained(profiles=True)


def planner(learner: MetaLearner) -> Planner:
    """A planner whose catalogue knows all items."""
    feed = CatalogueFeed(Settings(), Topics(Settings()).item_vectors, learner, Metrics())
    feed.catalogue.update(NAMES, [True] * ITEMS, [0] * ITEMS, [None] * ITEMS)
    return Planner(learner, Rules(), feed, Publisher(SOURCES, "version"), Metrics(), 10)


def body(**attributes: object) -> bytes:
    """A profile as it is written."""
    return json.dumps({"user_id": "u", "attributes": attributes}).encode()


def arrival(offset: int, profile: bytes) -> Arrival:
    """A profile of user `u`."""
    place = Place(TopicCode.USERS, 0, offset, NOW_MS + offset)
    return Arrival("u", place, place, offset, profile=profile)


def rated(offset: int, row: bytes | None, planner: Planner) -> Outputs:
    """What comes of a like of an even item by user `u`."""
    place = Place(TopicCode.EVENTS, 0, offset, NOW_MS + offset)
    event = Event("u", "rate", place.broker_ms, item_id="i0", value=5.0)
    known = {0: Known({"u": row}, None, offset)}
    return planner.plan(known, [Arrival("u", place, place, offset, event)]).outputs[0]


def told(planner: Planner, profile: bytes) -> Outputs:
    """What comes of a profile of a user without events."""
    return planner.plan({0: Known({"u": None}, None, 0)}, [arrival(0, profile)]).outputs[0]


def listed(outputs: Outputs) -> list[ListItem]:
    """The one list."""
    ((_, value),) = outputs.lists
    return list(decode_recommendation(value).items)


def test_profiles_alone_make_lists_personal(learner: MetaLearner) -> None:
    """The lists are the learner's own by the profile, and hold what such users like."""
    plan = planner(learner)
    lists = []
    for group in (0, 1):
        outputs = told(plan, body(group=f"g{group}"))
        lists.append([item.item_id for item in listed(outputs)])
        assert decode_recommendation(outputs.lists[0][1]).cause == "profile"
        states = replace(learner.initial(1), profiles=({"group": f"g{group}"},))
        catalogue = plan.feed.catalogue
        own = learner.recommend(states, learner.initial_gate(), catalogue, 10)
        assert lists[-1] == catalogue.ids(own.position[0])
        assert sum(int(name[1:]) % 2 == group for name in lists[-1]) >= 9
    assert not set(lists[0]) & set(lists[1])


def test_a_profile_still_counts_once_its_user_acts(learner: MetaLearner) -> None:
    """The row keeps it: lists of later events start from it, too."""
    plan = planner(learner)
    lists = []
    for profile in (body(group="g0"), body(group="g1"), b""):
        ((_, row), *_) = told(plan, profile).rows
        lists.append(listed(rated(1, row, plan)))
    assert lists[0] != lists[1]
    assert lists[2] == listed(rated(1, None, plan))


@pytest.mark.parametrize(
    "profile",
    [
        body(),
        body(group="never seen", country=["x"], age=10**300),
        body(group={"g0": ["g1", None]}),
        b'{"user_id": "u"}',
        b'{"user_id": "u", "attributes": "g0"}',
        b"{",
        b"\xff",
        b"[" * 8000,
    ],
)
def test_what_says_nothing_or_cannot_be_read_shifts_nothing(
    learner: MetaLearner, profile: bytes
) -> None:
    """Values never seen and rows with a broken profile: the list of one without a profile."""
    plan = planner(learner)
    assert listed(told(plan, profile)) == listed(told(plan, b""))


def test_each_users_own_profile_counts() -> None:
    """Attributes come in the order of the rows."""
    bodies = [b"", body(group="g1"), b"{", body(age=3)]
    assert attributes_of(bodies) == (None, {"group": "g1"}, None, {"age": 3})


def test_only_who_has_learned_of_profiles_reads_them(learner: MetaLearner) -> None:
    """The mixture does not, nor a learner whose training had none."""
    assert learner.reads_profiles
    assert not Mixture().reads_profiles
    assert not trained(profiles=False).reads_profiles
    assert not learner_of("bayes", {}).reads_profiles
    assert not learner_of("mf", {}).reads_profiles
