"""The catalogue: links both ways, names, availability, and what happens when two hashes collide."""

import numpy as np
import pytest

from models.catalogue import Catalogue
from models.errors import CodecError
from models.events import EventBatch
from models.feedback import Feedback
from models.hashing import item_hash, item_hashes
from models.item_states import ItemStates
from models.limits import PREDECESSORS
from models.links import PEER, WEIGHTS
from models.mixture import Mixture
from models.samples import ITEMS, USERS, sample_events


def updates(users=6, items=400, runs=12, size=150):
    """Rows of items as a worker sends them, run by run: (ids, payloads)."""
    mixture = Mixture()
    ids = [f"item-{number}" for number in range(items)]
    hashes, rows = item_hashes(ids), [None] * items
    states = mixture.initial(users)
    for run in range(runs):
        events = sample_events(size, run, users, items)
        states, feedback = mixture.adapt(states, events, mixture.catalogue())
        index = np.array([np.flatnonzero(hashes == item)[0] for item in events.item])
        changed, local = np.unique(index, return_inverse=True)
        before = ItemStates.unpack([rows[item] for item in changed])
        for item, row in zip(
            changed, mixture.adapt_items(before, local, feedback).pack(), strict=True
        ):
            rows[item] = row
        yield [ids[item] for item in changed], [rows[item] for item in changed]


def update(catalogue, ids, payloads, available=True):
    """Update a catalogue with items created at 0."""
    n = len(ids)
    return catalogue.update(ids, [available] * n, [0] * n, payloads)


def assert_links_are_those_of(catalogue, rows):
    """Both sides of every link agree with the items' rows, and so do the sums."""
    links, n = catalogue.shelves.links, int(catalogue.shelves.size[0])
    totals, pairs, after = np.zeros((n, WEIGHTS), int), np.zeros(n, int), np.zeros(n, int)
    for name, row in rows.items():
        item = int(catalogue.positions(item_hashes([name]))[0])
        wanted = ItemStates.unpack([row]).facts(0)["before"]
        assert links.before_size[item] == len(wanted)
        for slot in range(links.before_size[item]):
            cell = links.before_start[item] + slot
            weights = links.before[cell, 1:PEER]
            assert tuple(weights) == wanted[int(links.before_hash[cell])][:WEIGHTS]
            before = int(links.before[cell, 0])
            assert catalogue.shelves.hash[before] == links.before_hash[cell]
            assert links.before[cell, PEER] < links.after_size[before]
            back = links.after_start[before] + links.before[cell, PEER]
            assert tuple(links.after[back, :PEER]) == (item, *weights)
            assert links.after[back, PEER] == slot
            totals[before] += weights
            after[before] += 1
            pairs[[item, before]] += weights[2]
    assert (links.after_total[:n] == totals).all()
    assert (links.after_size[:n] == after).all()
    assert (links.pairs[:n] == pairs).all()


@pytest.mark.parametrize("users", [1, 6])
def test_links_stay_those_of_the_rows(users):
    """After many updates, growth, replaced slots and all, links are those of the latest rows."""
    catalogue, rows = Catalogue(), {}
    for ids, payloads in updates(users, items=400 if users > 1 else 2000, runs=25):
        update(catalogue, ids, payloads)
        rows.update(zip(ids, payloads, strict=True))
    assert max(len(row) for row in rows.values()) > 72 + 32 * 100
    assert_links_are_those_of(catalogue, rows)


def test_slots_are_replaced_when_rows_are_full():
    """A row whose weak predecessors made room for new ones replaces exactly their links."""
    mixture, catalogue = Mixture(), Catalogue()
    state, rows = ItemStates.initial(1), {}
    for run in range(12):
        events = sample_events(120, run, 1, 4000)
        events.item[1::2] = item_hash("x")
        _, feedback = mixture.adapt(mixture.initial(1), events, mixture.catalogue())
        records = Feedback.unpack(feedback.pack()[1::2])
        state = mixture.adapt_items(state, np.zeros(60, dtype=int), records)
        rows["x"] = state.pack()[0]
        update(catalogue, ["x"], [rows["x"]])
        assert_links_are_those_of(catalogue, rows)
    assert state.columns.size[0] == PREDECESSORS


def test_a_reset_row_takes_its_links_away():
    """An item whose row is empty again has no predecessors left."""
    catalogue, rows = Catalogue(), {}
    for ids, payloads in updates():
        rows.update(zip(ids, payloads, strict=True))
    update(catalogue, list(rows), list(rows.values()))
    update(catalogue, list(rows), [None] * len(rows))
    assert not catalogue.shelves.links.after_size.any()


def test_the_same_rows_again_change_nothing():
    """A row that is sent twice is merged once."""
    catalogue = Catalogue()
    for ids, payloads in updates():
        update(catalogue, ids, payloads)
        links = catalogue.shelves.links
        kept = links.after_total.copy(), links.after_size.copy(), links.pairs.copy()
        update(catalogue, ids, payloads)
        links = catalogue.shelves.links
        now = links.after_total, links.after_size, links.pairs
        assert all(np.array_equal(one, other) for one, other in zip(kept, now, strict=True))


def test_a_predecessor_is_placed_but_not_shown_before_its_row_comes():
    """Items that only others' rows name are neither counted nor recommended."""
    mixture, catalogue = Mixture(), Catalogue()
    ids, payloads = next(updates())
    update(catalogue, ids[:5], payloads[:5])
    assert catalogue.size == 5
    assert catalogue.shelves.size[0] > 5
    lists = mixture.recommend(mixture.initial(1), mixture.initial_gate(), catalogue, 10)
    assert sorted(filter(None, catalogue.ids(lists.position[0]))) == sorted(ids[:5])


def test_what_is_not_available_is_in_no_list_until_it_is():
    """Availability counts from the next list on, both ways."""
    mixture, catalogue = Mixture(), Catalogue()
    update(catalogue, list(ITEMS), [None] * len(ITEMS))
    update(catalogue, ["item-3"], [None], available=False)
    everything = len(ITEMS)

    def listed():
        lists = mixture.recommend(mixture.initial(1), mixture.initial_gate(), catalogue, everything)
        return set(catalogue.ids(lists.position[0]))

    assert listed() == set(ITEMS) - {"item-3"} | {""}
    update(catalogue, ["item-3"], [None])
    assert listed() == set(ITEMS)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_two_ids_with_one_hash_the_older_stays(order, caplog):
    """Whichever comes first, the later created is left out and named."""
    names = [(5, "older"), (9, "later")]
    catalogue = Catalogue()
    # No two ids with one 64-bit hash are known, so both are put where one hash would put them.
    place = np.array([0, 0])
    came = [names[index] for index in order]
    ids, created = [name for _, name in came], [time for time, _ in came]
    catalogue.positions(item_hashes(["older"]))
    left_out = catalogue._name(place, ids, [True, True], created)
    assert left_out == ["later"]
    assert catalogue.ids([0]) == ["older"]
    assert place[ids.index("later")] == (-1 if order == (0, 1) else 0)
    assert "'later' is left out" in caplog.text


def test_a_broken_payload_changes_nothing():
    """Nothing of a batch with a broken row is taken."""
    catalogue = Catalogue()
    with pytest.raises(CodecError):
        update(catalogue, ["a", "b"], [None, b"broken"])
    assert catalogue.size == 0


def test_no_rows_are_no_update():
    """An empty batch is taken."""
    assert update(Catalogue(), [], []) == []


def test_newest_time_is_that_of_the_newest_event():
    """It only ever grows."""
    catalogue = Catalogue()
    assert catalogue.newest_time == 0
    times = []
    for ids, payloads in updates(USERS):
        update(catalogue, ids, payloads)
        times.append(catalogue.newest_time)
    assert times == sorted(times)
    assert times[0] > 1_500_000_000_000


def test_a_large_catalogue_lists_what_few_events_made_popular():
    """After `freshen` at the latest, an item that three users liked stands in a newcomer's list."""
    mixture, catalogue = Mixture(), Mixture().catalogue()
    ids = [f"film-{number}" for number in range(9742)]
    update(catalogue, ids, [b""] * len(ids))
    item = item_hashes([ids[7000]] * 3)
    liked = EventBatch.of([0, 1, 2], item, [5] * 3, [5] * 3, [1] * 3, [True] * 3)
    _, feedback = mixture.adapt(mixture.initial(3), liked, mixture.catalogue())
    row = mixture.adapt_items(ItemStates.unpack([None]), np.zeros(3, int), feedback)
    mixture.recommend(mixture.initial(1), mixture.initial_gate(), catalogue, 10)
    update(catalogue, [ids[7000]], row.pack())
    catalogue.freshen()
    lists = mixture.recommend(mixture.initial(1), mixture.initial_gate(), catalogue, 10)
    assert catalogue.ids(lists.position[0])[0] == ids[7000]
