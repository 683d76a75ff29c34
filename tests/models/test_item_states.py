"""Items' rows: counts, decayed sums and predecessors against a plain fold, and their bytes."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import CodecError
from models.events import EventBatch
from models.feedback import Feedback, empty_feedback
from models.hashing import item_hashes
from models.item_fold import fold_items
from models.item_states import Fact, ItemStates
from models.limits import (
    DEPTH,
    DISLIKED_WEIGHT,
    HALF_LIVES_MS,
    PREDECESSORS,
    PROTECTED,
    STEP,
)
from models.mixture import Mixture
from models.samples import sample_events


def plain_fold(events):
    """What an item's row is to hold after events (user, item, time, liked), by item."""
    rings, items = defaultdict(list), {}
    newest = {item: max(t for _, i, t, _ in events if i == item) for _, item, _, _ in events}
    for user, item, time, liked in events:
        facts = items.setdefault(
            item, {"events": 0, "liked": 0, "sums": np.zeros(len(HALF_LIVES_MS)), "before": {}}
        )
        facts["events"] += 1
        facts["liked"] += liked
        weight = 1.0 if liked else DISLIKED_WEIGHT
        facts["sums"] += weight * 2.0 ** ((time - newest[item]) / HALF_LIVES_MS)
        for age, (before, was_liked) in enumerate(reversed(rings[user][-50:])):
            fact = facts["before"].setdefault(before, [0] * len(Fact))
            step = STEP // (age + 1) if age < DEPTH else 0
            pair = int(before != item)
            gained = step, step * liked, pair, pair * liked, pair * was_liked
            fact[:5] = [old + new for old, new in zip(fact, gained, strict=False)]
            fact[Fact.NEWEST] = max(fact[Fact.NEWEST], time // 1000)
        rings[user].append((item, liked))
    return items, newest


@given(st.integers(0, 2**32), st.integers(1, 150), st.integers(1, 5), st.integers(1, 40))
@settings(max_examples=40, deadline=None)
def test_the_fold_keeps_counts_sums_and_predecessors(seed, n, users, items):
    """Rows are those of a plain fold: whole numbers exactly, decayed sums to 1e-9."""
    events = sample_events(n, seed, users, items)
    mixture = Mixture()
    _, feedback = mixture.adapt(mixture.initial(users), events, mixture.catalogue())
    known, index = np.unique(events.item, return_inverse=True)
    states = mixture.adapt_items(ItemStates.initial(len(known)), index, feedback)
    rows = zip(events.user, events.item, events.time, events.positive, strict=True)
    wanted, newest = plain_fold([tuple(value.item() for value in row) for row in rows])
    for place, item in enumerate(known.tolist()):
        facts = states.facts(place)
        assert facts["sums"] == pytest.approx(wanted[item]["sums"], rel=1e-9)
        assert facts["newest"] == newest[item]
        assert {hash_: list(fact) for hash_, fact in facts["before"].items()} == (
            wanted[item]["before"]
        )
        assert (facts["events"], facts["liked"]) == (wanted[item]["events"], wanted[item]["liked"])


def row_of_one_item(predecessors, start=0):
    """Feedback of one user each, who had predecessors[i] and then the item, a minute apart."""
    mixture = Mixture()
    n = len(predecessors)
    item = np.empty(2 * n, dtype=np.uint64)
    item[0::2] = item_hashes([str(number) for number in predecessors])
    item[1::2] = 1
    time = 60_000 * (start + np.repeat(np.arange(n), 2))
    ones = np.ones(2 * n)
    events = EventBatch.of(np.repeat(np.arange(n), 2), item, ones, ones, time, ones)
    _, feedback = mixture.adapt(mixture.initial(n), events, mixture.catalogue())
    return feedback.pack()[1::2]


def test_the_newest_are_protected_and_the_strongest_stay():
    """A full row keeps the newest however weak, and of the rest those that came most often."""
    strong = [number for number in range(200) for _ in range(3)]
    weak = list(range(1000, 1000 + PREDECESSORS))
    records = row_of_one_item(strong) + row_of_one_item(weak, start=len(strong))
    index = np.zeros(len(records), dtype=int)
    states = Mixture().adapt_items(ItemStates.initial(1), index, Feedback.unpack(records))
    kept = set(states.facts(0)["before"])
    assert len(kept) == PREDECESSORS
    newest = item_hashes([str(number) for number in weak[-PROTECTED:]]).tolist()
    assert kept >= set(newest)
    of_the_strong = item_hashes([str(number) for number in range(200)]).tolist()
    assert len(kept & set(of_the_strong)) == PREDECESSORS - PROTECTED


def plain_trim(facts):
    """What is left of {hash: facts}: the newest, and of the rest the strongest."""

    def by_age(hash_):
        return facts[hash_][Fact.NEWEST], hash_ >> 32

    def by_strength(hash_):
        return STEP * facts[hash_][Fact.PAIRS] + facts[hash_][Fact.STEPS], hash_ >> 32

    if len(facts) <= PREDECESSORS:
        return facts
    ordered = sorted(facts, key=by_age)
    old, newest = ordered[:-PROTECTED], ordered[-PROTECTED:]
    strongest = sorted(old, key=by_strength)[PROTECTED - PREDECESSORS :]
    return {hash_: facts[hash_] for hash_ in (*strongest, *newest)}


@given(st.integers(0, 2**32), st.sampled_from([0.0, 0.5, 1.0]), st.integers(0, 3))
@settings(max_examples=30, deadline=None)
def test_a_full_row_drops_exactly_the_weakest_that_are_not_among_the_newest(seed, slope, pause):
    """Record by record, with many of equal age and many of equal strength: as a plain sort does."""
    draw = np.random.default_rng(seed)
    names = item_hashes([str(number) for number in range(500)])
    chances = 1 / np.arange(1, 501) ** slope
    row, seconds, dropped = ItemStates.initial(1), 0, 0
    for _ in range(40):
        seconds += int(draw.integers(0, pause + 1))
        before = draw.choice(names, 50, replace=False, p=chances / chances.sum())
        record = empty_feedback(1)._replace(
            item=np.ones(1, dtype=np.uint64),
            time=np.full(1, 1000 * seconds),
            liked=np.ones(1, dtype=np.uint8),
            size=np.full(1, 50),
            before=before[None],
            before_liked=np.zeros(1, dtype=np.uint64),
        )
        wanted = {hash_: list(fact) for hash_, fact in row.facts(0)["before"].items()}
        for age, hash_ in enumerate(before.tolist()):
            fact = wanted.setdefault(hash_, [0] * len(Fact))
            step = STEP // (age + 1) if age < DEPTH else 0
            fact[:4] = [old + new for old, new in zip(fact, (step, step, 1, 1), strict=False)]
            fact[Fact.NEWEST] = seconds
        row = fold_items(row, np.zeros(1, dtype=int), Feedback(record))
        kept = {hash_: list(fact) for hash_, fact in row.facts(0)["before"].items()}
        assert kept == plain_trim(wanted)
        dropped += len(wanted) - len(kept)
    assert dropped > 0


def test_rows_survive_their_bytes():
    """Unpacked rows hold what was packed, and are packed to the same bytes."""
    mixture, events = Mixture(), sample_events(300, items=30)
    _, feedback = mixture.adapt(mixture.initial(12), events, mixture.catalogue())
    known, index = np.unique(events.item, return_inverse=True)
    rows = mixture.adapt_items(ItemStates.initial(len(known)), index, feedback).pack()
    again = ItemStates.unpack([*rows, None])
    assert again.pack()[:-1] == rows
    assert again.facts(len(rows))["events"] == 0


@given(st.binary(min_size=1, max_size=300))
def test_any_bytes_are_a_row_or_refused(row):
    """Bytes that are no row are refused as such."""
    try:
        ItemStates.unpack([row])
    except CodecError:
        return
    pytest.fail("no random bytes are a row of 72 bytes and more")


def test_a_damaged_row_is_refused():
    """A row cut short and one of another codec are named."""
    row = ItemStates.initial(1).pack()[0]
    for broken in (row[:-1], row + b"\0", b"\xff" + row[1:]):
        with pytest.raises(CodecError):
            ItemStates.unpack([row, broken])
