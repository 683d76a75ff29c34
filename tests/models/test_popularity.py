"""Popularity's features are those of its equations, whatever the clock."""

import numpy as np
import pytest

from models import popularity
from models.hashing import item_hash
from models.item_states import ItemStates
from models.limits import HALF_LIVES_MS
from models.mixture import Mixture
from models.samples import sample_events

YEAR = 365 * 24 * 3_600_000


def filled(shift=0):
    """What some events, all later by `shift` ms, leave: (events, items, their features)."""
    mixture = Mixture()
    events = sample_events(400, items=20)
    events.time[:] += shift
    _, feedback = mixture.adapt(mixture.initial(12), events, mixture.catalogue())
    items, index = np.unique(events.item, return_inverse=True)
    rows = mixture.adapt_items(ItemStates.initial(len(items)), index, feedback).pack()
    n, catalogue = len(items), mixture.catalogue()
    by_hash = dict(zip(items.tolist(), rows, strict=True))
    names = [f"item-{number}" for number in range(20)]
    names = [name for name in names if item_hash(name) in by_hash]
    catalogue.update(names, [True] * n, [0] * n, [by_hash[item_hash(name)] for name in names])
    place = catalogue.positions(items)
    return events, items, catalogue.shelves.popularity.feature[place]


def test_features_are_those_of_the_equations():
    """Likes, the rate shrunk to the catalogue's, shares shrunk to those of longer half-lives."""
    events, items, feature = filled()
    index = np.searchsorted(items, events.item)
    liked, count = np.bincount(index, events.positive), np.bincount(index)
    rate = (liked.sum() + 1) / (count.sum() + 2)
    assert feature[:, popularity.LIKED] == pytest.approx(np.log(liked + 1), abs=5e-5)
    assert feature[:, popularity.RATE] == pytest.approx(
        np.log((liked + 5 * rate) / (count + 5)), abs=5e-5
    )
    weight = np.where(events.positive, 1.0, 0.3)
    share = (liked + 1) / (liked.sum() + len(items) + 1)
    for place, half_life in reversed(list(enumerate(HALF_LIVES_MS))):
        sums = np.bincount(index, weight * 2.0 ** ((events.time - events.time.max()) / half_life))
        share = (sums + 100 * share) / (sums.sum() + 100)
        came = feature[:, popularity.RECENT + place]
        assert came == pytest.approx(np.log(share * len(items) + 0.05), abs=5e-5)


@pytest.mark.parametrize("shift", [1, YEAR, 25 * YEAR])
def test_only_differences_in_time_count(shift):
    """The same events a year later give the same features."""
    assert filled(shift)[2] == pytest.approx(filled()[2], abs=1e-4)


def test_decades_of_hours_do_not_overflow():
    """A catalogue that lives through twenty years keeps finite features at every half-life."""
    catalogue = Mixture().catalogue()
    mixture = Mixture()
    row = ItemStates.initial(2)
    for year in range(20):
        events = sample_events(2, users=1)
        events.time[:] = year * YEAR
        _, feedback = mixture.adapt(mixture.initial(1), events, mixture.catalogue())
        row = mixture.adapt_items(row, np.array([0, 1]), feedback)
        catalogue.update(["a", "b"], [True] * 2, [0] * 2, row.pack())
        assert np.isfinite(catalogue.shelves.popularity.feature[:2]).all()
