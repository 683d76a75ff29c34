"""What ratings teach of tastes: two kinds of item, and users who like one and not the other."""

from dataclasses import replace

import numpy as np
import pytest
from support.logs import dataset

torch = pytest.importorskip("torch")

from models.taste import dimensions, features_of, fill_tastes  # noqa: E402
from models.training.taste import learn_taste  # noqa: E402

USERS, ITEMS = 60, 40


@pytest.fixture(scope="module")
def data():
    """Users of either taste rate 20 items each, 1 to 5, some better than others."""
    draw = np.random.default_rng(0)
    user = np.tile(np.arange(USERS), 20)
    item = np.concatenate([draw.permutation(ITEMS)[:20] for _ in range(USERS)])
    item = item.reshape(USERS, 20).T.ravel()
    suits = np.where(user % 2 == item % 2, 1.0, -1.0)
    value = np.clip(np.round(3 + suits + item % 3 - 1 + draw.normal(0, 0.5, len(user))), 1, 5)
    return dataset(user.tolist(), item.tolist(), value=value.tolist(), kind="rate")


def test_a_few_ratings_tell_a_users_taste(data):
    """After three ratings of one kind all items of it suit the user better than the others."""
    order = np.argsort(data.hashes)
    taste = learn_taste(data, len(data), 0).table(data.hashes[order])
    dim = dimensions(len(taste.start), taste.item.shape[1])
    phi = features_of(taste.item, dim)
    kind = order % 2
    liked = taste.item[kind == 0][:3]
    sums = np.zeros((1, len(taste.start)), dtype=np.float32)
    for item in liked:
        sums[0, :dim] += item[1 : 1 + dim] * (5 - item[0]) + item[1 + dim : 1 + 2 * dim]
        sums[0, dim:] += item[1 + 2 * dim :]
    found = np.empty((1, dim - 1), dtype=np.float32)
    fill_tastes(taste.start, sums, found)
    suits = phi @ found[0]
    assert suits[kind == 0].min() > suits[kind == 1].max()
    assert taste.range.tolist() == [1, 5]


def test_what_comes_later_and_other_items_teach_nothing(data):
    """Equal pasts and seeds give equal tastes; items without ratings have none."""
    hashes = np.sort(np.append(data.hashes, np.uint64(7)))
    later = data.value.copy()
    later[900:] = 6 - later[900:]
    first = learn_taste(data, 900, 0).table(hashes)
    second = learn_taste(replace(data, value=later), 900, 0).table(hashes)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)
    assert not first.item[np.searchsorted(hashes, 7)].any()


@pytest.mark.parametrize(
    "change",
    [
        {"value": np.full(1200, 4, dtype=np.float32)},
        {"value": np.full(1200, np.nan, dtype=np.float32)},
        {"kind": np.zeros(1200, dtype=np.uint8)},
    ],
    ids=["all alike", "no value", "no ratings"],
)
def test_values_that_say_nothing_teach_nothing(data, change):
    """There are no tastes then."""
    assert learn_taste(replace(data, **change), len(data), 0) is None


def test_a_few_ratings_teach_nothing(data):
    """Fewer than 50."""
    assert learn_taste(data, 49, 0) is None


def test_going_on_keeps_what_numbers_mean_and_learns_new_items(data):
    """With later events, on items that the earlier fit did not know, tastes stay comparable."""
    late = np.isin(data.item, (0, 1))
    order = np.argsort(late, kind="stable")
    columns = ("user", "item", "value", "kind", "positive")
    sorted_ = replace(data, **{name: getattr(data, name)[order] for name in columns})
    hashes, known = np.sort(data.hashes), int((~late).sum())
    before = learn_taste(sorted_, known, 0)
    after = learn_taste(sorted_, len(data), 0, before)
    dim = dimensions(len(before.table(hashes).start), before.table(hashes).item.shape[1])
    new = np.searchsorted(hashes, data.hashes[:2])
    assert not before.table(hashes).item[new].any()
    mine = after.table(hashes).item
    assert (mine[new, 1] > 0).all()
    rest = np.setdiff1d(np.arange(ITEMS), new)
    old = features_of(before.table(hashes).item[rest], dim)
    moved = features_of(mine[rest], dim) - old
    assert np.linalg.norm(moved) < 0.5 * np.linalg.norm(old)
    kind = np.argsort(data.hashes)[rest] % 2
    centre = [features_of(mine[rest], dim)[kind == one].mean(axis=0) for one in (0, 1)]
    for place, own in zip(new, (0, 1), strict=True):
        phi = features_of(mine[place : place + 1], dim)[0]
        assert np.linalg.norm(phi - centre[own]) < np.linalg.norm(phi - centre[1 - own])
