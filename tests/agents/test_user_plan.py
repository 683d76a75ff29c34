"""A wave leads to what its runs would lead to one by one: partitions share the calls alone."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.nets import random_mixture

from agents.adapt_users import Arrival
from agents.catalogue_feed import CatalogueFeed
from agents.keys import GATE, row_key
from agents.publish import Publisher
from agents.records import Place, TopicCode
from agents.user_plan import Known, Outputs, Planner
from models.mixture import Mixture
from stream.metrics import Metrics
from stream.rules import Rules
from stream.schemas import Event, decode_recommendation
from stream.settings import Settings
from stream.topics import Topics

NOW_MS = 1_700_000_000_000
ITEMS = [f"i{number}" for number in range(30)]
TOPIC = Topics(Settings()).item_vectors


def planner(learner: Mixture) -> Planner:
    """A planner whose catalogue knows all items."""
    feed = CatalogueFeed(Settings(), TOPIC, learner, Metrics())
    count = len(ITEMS)
    feed.catalogue.update(ITEMS, [True] * count, [0] * count, [None] * count)
    publisher = Publisher({TopicCode.EVENTS: "events"}, "version")
    return Planner(learner, Rules(), feed, publisher, Metrics(), 5)


PLANNERS = {"no net": planner(Mixture()), "a net": planner(random_mixture(1, ITEMS))}

Happening = tuple[int, int, str, int, bool]  # partition, user, type, item, wants a list

HAPPENINGS: st.SearchStrategy[list[Happening]] = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.integers(0, 2),
        st.sampled_from(["click", "like", "dislike", "search", "impression"]),
        st.integers(0, 9),
        st.booleans(),
    ),
    max_size=12,
)


def arrivals_of(happenings: Sequence[Happening], first: int) -> dict[int, list[Arrival]]:
    """The arrivals of each partition, from offset `first` on."""
    found: dict[int, list[Arrival]] = {}
    for offset, (partition, user, kind, item, wants_list) in enumerate(happenings, first):
        place = Place(TopicCode.EVENTS, partition, offset, NOW_MS + offset)
        user_id = f"u{partition}-{user}"
        item_id = None if kind in ("search", "impression") else ITEMS[item]
        event = Event(user_id, kind, place.broker_ms, item_id=item_id)
        arrival = Arrival(user_id, place, place, offset, event, wants_list=wants_list)
        found.setdefault(partition, []).append(arrival)
    return found


def known_of(
    arrivals: dict[int, list[Arrival]], tables: dict[int, dict[bytes, bytes]]
) -> dict[int, Known]:
    """What the tables say of each partition."""
    return {
        partition: Known(
            {one.user_id: tables[partition].get(row_key(one.user_id)) for one in mine},
            tables[partition].get(GATE),
            mine[-1].read.offset,
        )
        for partition, mine in arrivals.items()
    }


def said(outputs: Outputs) -> object:
    """What is sent, without the lists' moment."""
    lists = [(key, decode_recommendation(value)) for key, value in outputs.lists]
    return (
        outputs.rows,
        list(outputs.feedback),
        [(key, one.items, one.source, one.cause, one.event_time) for key, one in lists],
        outputs.sources,
    )


@pytest.mark.parametrize("planner", PLANNERS.values(), ids=PLANNERS)
@given(HAPPENINGS, HAPPENINGS)
@settings(max_examples=40, deadline=None)
def test_a_wave_leads_to_what_its_runs_lead_to(
    planner: Planner, before: list[Happening], now: list[Happening]
) -> None:
    """Rows, gates, feedback, lists and counts, for users and gates with a past."""
    tables: dict[int, dict[bytes, bytes]] = {0: {}, 1: {}, 2: {}}
    for first, happenings in ((0, before), (100, now)):
        arrivals = arrivals_of(happenings, first)
        known = known_of(arrivals, tables)
        wave = planner.plan(known, [one for mine in arrivals.values() for one in mine])
        runs = [planner.plan(known, mine) for mine in arrivals.values()]
        apart = {partition: out for run in runs for partition, out in run.outputs.items()}
        assert {p: said(out) for p, out in wave.outputs.items()} == {
            p: said(out) for p, out in apart.items()
        }
        for counted in ("applied", "trials", "shown", "causes"):
            assert str(getattr(wave, counted)) == str(
                [one for run in runs for one in getattr(run, counted)]
            )
        for partition, outputs in wave.outputs.items():
            tables[partition] |= dict(outputs.rows)
