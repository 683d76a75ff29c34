"""What meta-learners cost an event to adapt, beside the Bayesian head, on one core.

    OMP_NUM_THREADS=1 python tests/bench/meta_cost.py [--events FILE] [--items FILE] [--users FILE]

Users are held out as `headwater evaluate --protocol user-cold` does it, by default of deploy/demo
(MovieLens latest-small). Learners train a single epoch, which changes what they know and not what
an event costs. Then all adapt to the held-out users' first events in turns: users at once as
evaluation has them, or each alone as a worker meets them. Processor time, medians over the turns.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from models.dataset_files import Positivity, read_dataset
from models.evaluation.user_cold.plan import split
from models.meta import learner_class, learner_of

DEMO = Path(__file__).parents[2] / "deploy" / "demo"
POSITIVE = Positivity(frozenset({"rate"}), frozenset(), 4.0)
ALONE = 40
"""Held-out users who adapt one by one."""


def trained(name, plan):
    """The learner after one epoch, and its vectors of the items."""
    defaults = getattr(learner_class(name), "defaults", None)
    quick = {"epochs": 1, "rounds": 4} if hasattr(defaults, "rounds") else {}
    learner = learner_of(name, quick).meta_train(plan.world, plan.train)
    return learner, learner.item_vectors(plan.world.hashes, plan.world.contents)


def spent(learner, vectors, supports):
    """Microseconds of processor time for an event of the supports, the users' starts aside."""
    starts = [learner.start(support.profiles) for support in supports]
    began = time.process_time_ns()
    for start, support in zip(starts, supports, strict=True):
        learner.adapted(start, support, vectors)
    events = sum(len(support.item) for support in supports)
    return (time.process_time_ns() - began) / 1000 / events


def main():
    """Train, measure in turns, and print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=Path, default=DEMO / "events.csv.gz")
    parser.add_argument("--items", type=Path, default=DEMO / "items.csv.gz")
    parser.add_argument("--users", type=Path)
    parser.add_argument("--learner", default="bayes,maml,fomaml,anil,metasgd,prototypes,mf")
    parser.add_argument("--rounds", type=int, default=31)
    given = parser.parse_args()
    plan = split(read_dataset(given.events, given.items, given.users, POSITIVE), 0.2, 0)
    learners = {name: trained(name, plan) for name in given.learner.split(",")}
    alone = [plan.support.select(np.array([user])) for user in range(min(ALONE, len(plan.support)))]
    ways = {"together": [plan.support], "alone": alone}
    times = {(name, way): [] for name in learners for way in ways}
    for _ in range(given.rounds):
        for (name, way), own in times.items():
            own.append(spent(*learners[name], ways[way]))
    first = next(iter(learners))
    print(f"{len(plan.support)} users, {len(plan.support.item)} events; µs an event,"
          f" and {first}'s share of it (median of the rounds' shares)")  # fmt: skip
    for name in learners:
        cells = []
        for way in ways:
            own = np.array(times[name, way])
            share = np.median(np.array(times[first, way]) / own)
            cells.append(f"{way} {np.median(own):8.2f} {share:6.3f}")
        print(f"{name:12} " + "   ".join(cells))


if __name__ == "__main__":
    main()
