"""What judging lists costs a worker, per event.

    OMP_NUM_THREADS=1 python tests/bench/hit_ratio.py

CPU microseconds, at runs of several sizes: positive events of 20,000 users who have had 100 items
each, on 10,000 items, lists of 10.
"""

import random
import time

import numpy as np

from agents.hit_ratio import HitRatio
from agents.prequential import Trial
from models.mixture import Mixture
from stream.metrics import Metrics

ITEMS, USERS, EVENTS = 10_000, 20_000, 100_000


def measure(size):
    """CPU microseconds per event in runs of `size`."""
    learner, draw = Mixture(), random.Random(1)
    ids = [f"i{number}" for number in range(ITEMS)]
    catalogue = learner.catalogue()
    catalogue.update(ids, [True] * ITEMS, [0] * ITEMS, [None] * ITEMS)
    catalogue.shelves.popularity.liked[:ITEMS] = np.random.default_rng(1).integers(1, 999, ITEMS)
    had = np.random.default_rng(2).integers(0, 2**32, 100, dtype=np.uint32)
    lists = [draw.sample(ids, 10) for _ in range(1000)]
    meter, spent = HitRatio(learner, catalogue, 10, Metrics()), 0.0
    for _ in range(EVENTS // size):
        users = [f"u{draw.randrange(USERS)}" for _ in range(size)]
        trials = [Trial(user, draw.choice(ids), draw.randrange(30), had) for user in users]
        shown = [(user, draw.choice(lists)) for user in users]
        began = time.process_time()
        meter.measure(trials, shown, learner.initial_gate())
        spent += time.process_time() - began
    return spent / EVENTS * 1e6


if __name__ == "__main__":
    for size in (1, 8, 64, 512):
        print(f"runs of {size}: {measure(size):.1f} us per event")
