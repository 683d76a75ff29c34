"""The Bayesian head's update in a kernel: what events add to precision and mean, and the solve.

Matrices are lower halves, row by row: cell (i, j <= i) is at i (i + 1) / 2 + j. Equations are in
models.meta.bayes.
"""

import numpy as np

from models.arrays import Float32s, Float64s, Int64s
from models.compiled import column, fused, helper, kernel


@helper
def _times(half: Float64s, vector: Float32s, out: Float64s) -> None:
    """Fill out [D] with a symmetric matrix times a vector."""
    out[:] = 0.0
    place = 0
    for row in range(len(out)):
        for col in range(row):
            out[row] += half[place] * vector[col]
            out[col] += half[place] * vector[row]
            place += 1
        out[row] += half[place] * vector[row]
        place += 1


@helper
def _solve(half: Float64s, out: Float64s) -> None:
    """Solve in place for out [D], by L D L'; the matrix is lost."""
    dim = len(out)
    for row in range(dim):
        own = row * (row + 1) // 2
        for col in range(row):
            other = col * (col + 1) // 2
            rest = half[own + col]
            for k in range(col):
                rest -= half[own + k] * half[other + k]
            half[own + col] = rest
        for col in range(row):
            scaled = half[own + col] / half[col * (col + 1) // 2 + col]
            half[own + row] -= half[own + col] * scaled
            half[own + col] = scaled
            out[row] -= scaled * out[col]
    for row in range(dim - 1, -1, -1):
        own = row * (row + 1) // 2
        out[row] /= half[own + row]
        for below in range(row + 1, dim):
            out[row] -= half[below * (below + 1) // 2 + row] * out[below]


@fused
def _add(
    seen: Float32s, away: np.float32, count: np.float32, half: Float32s, target: Float32s
) -> None:
    """Add an event that counts so much to the precision, and to this times the mean.

    away: count times how far its value lies from the item's bias. Sums of one call are of single
    precision, as rows are; of double they took a fifth longer.
    """
    dim = len(target)
    shared = len(seen) - dim
    target[0] += away - count * seen[shared]
    half[0] += count
    place, unsure = 1, dim
    for row in range(1, dim):
        much = count * seen[row]
        target[row] += away * seen[row] - count * seen[shared + row]
        half[place] += much
        unsure += row - 1
        for col in range(1, row + 1):
            half[place + col] += much * seen[col] + count * seen[unsure + col - 1]
        place += row + 1


@helper
def _note(
    value: float, expected: float, count: float, steps: Float32s, chances: Float32s, notes: Float64s
) -> None:
    """Note that an event came, and which steps it reached other than expected."""
    notes[0] += 1.0
    notes[1] += count
    for step in range(chances.shape[1]):
        chance = chances[0, step] + chances[1, step] * expected
        reached = 1.0 if value >= steps[step + 1] else 0.0
        notes[3 + step] += count * (reached - min(max(chance, 0.0), 1.0))


_VECTOR, _TABLE, _NUMBERS = column(np.float32), column(np.float32, 2), column(np.int64)


@kernel(
    _TABLE, _VECTOR, _TABLE, _VECTOR, _TABLE, 1, _TABLE, _NUMBERS, _VECTOR, _NUMBERS, 1.0, 1.0,
    _TABLE,
)  # fmt: skip
def adapt(
    before: Float32s,
    prior: Float32s,
    places: Float32s,
    steps: Float32s,
    chances: Float32s,
    dim: int,
    vectors: Float32s,
    item: Int64s,
    value: Float32s,
    first: Int64s,
    noise: float,
    forgetting: float,
    after: Float32s,
) -> None:
    """Fill after [n, w] with the posterior of before [n, w] and of events.

    User u's are first[u] .. first[u + 1] - 1, of n + 1 firsts: value[e], and the row item[e] of the
    vectors [I, p].
    prior: mean twice and precision, which does not fade. places [k, 2]: how much a user's first
    events count, and what their values differ by; the last row is that of all later ones. chances
    [2, c]: how likely each step is to be reached, by what the prior expects. noise: the variance of
    an event's value.
    """
    cells = dim * (dim + 1) // 2
    end = 2 * dim + cells
    notes = np.empty(before.shape[1] - end)
    base, half = np.empty(cells), np.empty(cells)
    base[:] = prior[2 * dim :]
    target, start = np.empty(dim), np.empty(dim)
    more, pull = np.empty(cells, np.float32), np.empty(dim, np.float32)
    for user in range(len(before)):
        events = first[user + 1] - first[user]
        after[user] = before[user]
        if events == 0:
            continue
        kept = forgetting**events
        half[:] = before[user, 2 * dim : end]
        notes[:] = before[user, end:]
        seen = int(notes[0])
        notes[1:] *= kept
        _times(half, before[user, :dim], target)
        _times(base, before[user, dim : 2 * dim], start)
        for row in range(dim):
            target[row] = start[row] + kept * (target[row] - start[row])
        for cell in range(cells):
            half[cell] = base[cell] + kept * (half[cell] - base[cell])
        more[:], pull[:] = np.float32(0), np.float32(0)
        count = 1.0
        for event in range(events - 1, -1, -1):
            place = min(seen + event, len(places) - 1)
            trusted = count * places[place, 0]
            at = first[user] + event
            seen_item, said = vectors[item[at]], value[at]
            told = said - places[place, 1]
            weight = trusted / noise
            away = weight * (told - seen_item[0])
            _add(seen_item, np.float32(away), np.float32(weight), more, pull)
            expected = float(seen_item[0] + before[user, dim])
            for row in range(1, dim):
                expected += before[user, dim + row] * seen_item[row]
            notes[2] += trusted * (told - expected) ** 2
            _note(said, expected, count, steps, chances, notes)
            count *= forgetting
        for row in range(dim):
            target[row] += pull[row]
        for cell in range(cells):
            half[cell] += more[cell]
        after[user, 2 * dim : end] = half
        after[user, end:] = notes
        _solve(half, target)
        after[user, :dim] = target
