"""Lists and ranks by scores of all items (see models.dense)."""

from typing import Final, NamedTuple

import numpy as np

from models import shelves as shelves_
from models import walk
from models.arrays import Float32s, Int64s
from models.compiled import column, helper, kernel
from models.dense import EXAMPLE as DENSE
from models.dense import Dense, best_of_all, fill_base, fill_scores
from models.gate import BUCKETS, FEATURES, GateColumns, bucket_of, effective
from models.gate import EXAMPLE as GATE
from models.ranking import Lists, empty_lists
from models.shelves import Shelves
from models.user_columns import EXAMPLE as USERS
from models.user_columns import UserColumns
from models.walk import Scratch


class Ranks(NamedTuple):
    """Where n users' lists would hold a target each, if they held all items that they may."""

    better: Int64s  # [n], other items with a higher score; -1: a list may not hold the target
    ties: Int64s  # [n], other items with the same score
    among: Int64s  # [n], items that the list may hold


def empty_ranks(n: int) -> Ranks:
    """Build n ranks to be filled."""
    return Ranks(*(np.empty(n, dtype=np.int64) for _ in Ranks._fields))


class Scan(NamedTuple):
    """Memory for a scan of N items: one user's scores, and by bucket what is alike for everyone.

    The latter is there as far as a user of the bucket has come.
    """

    filled: Int64s  # [BUCKETS]
    weight: Float32s  # [BUCKETS, FEATURES]
    base: Float32s  # [BUCKETS, N]
    score: Float32s  # [N]


@helper
def _scan_of(size: int) -> Scan:
    return Scan(
        np.zeros(BUCKETS, dtype=np.int64),
        np.empty((BUCKETS, FEATURES), dtype=np.float32),
        np.empty((BUCKETS, size), dtype=np.float32),
        np.empty(size, dtype=np.float32),
    )


@helper
def _score_all(
    users: UserColumns,
    user: int,
    shelves: Shelves,
    scratch: Scratch,
    gate: GateColumns,
    repeats: bool,
    dense: Dense,
    row: int,
    scan: Scan,
) -> Float32s:
    """Score all items for one user: the scan's scores."""
    bucket = bucket_of(users.events[user])
    weight, base, score = scan.weight[bucket], scan.base[bucket], scan.score
    if scan.filled[bucket] == 0:
        effective(gate, bucket, weight)
        fill_base(dense, shelves.shown, weight, base)
        scan.filled[bucket] = 1
    touched = walk.walk(users, user, shelves, scratch, repeats)
    fill_scores(dense, row, base, scratch, touched, weight, score)
    return score


_RANKS: Final = empty_ranks(0)


@kernel(USERS, 0, 0, shelves_.EXAMPLE, walk.EXAMPLE, GATE, True, DENSE, empty_lists(0, 0))
def recommend(
    users: UserColumns,
    first: int,
    stop: int,
    shelves: Shelves,
    scratch: Scratch,
    gate: GateColumns,
    repeats: bool,
    dense: Dense,
    lists: Lists,
) -> None:
    """Fill in the lists of users first .. stop - 1, whose logits are in rows 0, 1 and so on."""
    size = dense.static.shape[1]
    wanted = min(lists.position.shape[1], size)
    scan, block = _scan_of(size), np.empty(size, dtype=np.float32)
    for user in range(first, stop):
        row = user - first
        score = _score_all(users, user, shelves, scratch, gate, repeats, dense, row, scan)
        found = best_of_all(score, block, lists.position[user, :wanted], lists.score[user, :wanted])
        lists.position[user, found:] = -1
        lists.score[user, found:] = -np.inf


@kernel(USERS, 0, 0, shelves_.EXAMPLE, walk.EXAMPLE, GATE, True, DENSE, column(np.int64), _RANKS)
def ranks(
    users: UserColumns,
    first: int,
    stop: int,
    shelves: Shelves,
    scratch: Scratch,
    gate: GateColumns,
    repeats: bool,
    dense: Dense,
    target: Int64s,
    out: Ranks,
) -> None:
    """Fill in the ranks of the targets (positions, -1: none) of users first .. stop - 1."""
    size = dense.static.shape[1]
    scan = _scan_of(size)
    for user in range(first, stop):
        row = user - first
        score = _score_all(users, user, shelves, scratch, gate, repeats, dense, row, scan)
        wanted = score[target[user]] if target[user] >= 0 else np.float32(-np.inf)
        better, equal, among = 0, 0, 0
        for item in range(size):
            better += score[item] > wanted
            equal += score[item] == wanted
            among += score[item] > -np.inf
        listed = wanted > -np.inf
        out.better[user] = better if listed else -1
        out.ties[user] = equal - 1 if listed else 0
        out.among[user] = among
