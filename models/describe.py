"""All features of some items for the user who was walked."""

import numpy as np

from models import popularity, walk
from models import shelves as shelves_
from models.arrays import Float32s, Int32s
from models.compiled import column, helper, kernel
from models.dense import EXAMPLE as DENSE
from models.dense import Dense
from models.gate import NET, TASTE
from models.shelves import Shelves
from models.user_columns import EXAMPLE as USERS
from models.user_columns import UserColumns
from models.walk import Scratch, touched_slot


@helper
def describe_items(
    shelves: Shelves,
    scratch: Scratch,
    touched: int,
    dense: Dense,
    row: int,
    items: Int32s,
    feature: Float32s,
) -> None:
    """Fill in all features of n items: [n, FEATURES]. The user's logits are in the row."""
    static, walked = shelves.popularity.feature, scratch.feature
    for index in range(len(items)):
        item = items[index]
        for place in range(popularity.FEATURES):
            feature[index, place] = static[item, place]
        slot = touched_slot(scratch, item, touched)
        for place in range(walk.FEATURES):
            value = walked[slot, place] if slot >= 0 else np.float32(0.0)
            feature[index, popularity.FEATURES + place] = value
        feature[index, NET] = 0
        if len(dense.logit) > 0:
            feature[index, NET] = dense.logit[row, item]
        feature[index, TASTE] = 0
        if len(dense.taste) > 0:
            feature[index, TASTE] = dense.taste[row, item]


@kernel(
    USERS,
    0,
    0,
    shelves_.EXAMPLE,
    walk.EXAMPLE,
    column(np.int32, 2),
    True,
    DENSE,
    column(np.float32, 3),
)
def describe(
    users: UserColumns,
    first: int,
    stop: int,
    shelves: Shelves,
    scratch: Scratch,
    candidates: Int32s,
    repeats: bool,
    dense: Dense,
    features: Float32s,
) -> None:
    """Fill in all features of the candidates of users first .. stop - 1.

    candidates: [n, c] positions; features: [n, c, FEATURES].
    """
    for user in range(first, stop):
        touched = walk.walk(users, user, shelves, scratch, repeats)
        describe_items(
            shelves, scratch, touched, dense, user - first, candidates[user], features[user]
        )
