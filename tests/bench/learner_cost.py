"""What each verb of the learner costs, per event or list, with a net and without, on one core.

    OMP_NUM_THREADS=1 python tests/bench/learner_cost.py [--data FOLDER] [--batch 1 8 64 512]

CPU microseconds, the median of many calls, (a) on what the first 70 % of the ratings in FOLDER
(deploy/demo, MovieLens latest-small) leave behind and (b) on 10,000 items by a power law and 2,000
users with 60 events each. Batches are of different users. The net is one that nobody trained, of
the size of a trained one (d = 64, K = 4, H = 128) that knows all items.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from learner_offline import Log, Worker

from models.feedback import Feedback
from models.item_states import ItemStates
from models.mixture import Mixture
from models.samples import sample_net

VERBS = ("adapt users", "adapt items", "gate", "list of 10", "list of 100", "ranks", "rows")


class Clock:
    """CPU microseconds by verb, of each batch that it has timed."""

    def __init__(self):
        self.spent = {verb: [] for verb in VERBS}

    def time(self, verb, function, *arguments):
        """Call the function, and return what it does."""
        began = time.process_time_ns()
        result = function(*arguments)
        self.spent[verb].append((time.process_time_ns() - began) / 1000)
        return result

    def medians(self):
        """The median of each verb."""
        return {verb: float(np.median(times)) for verb, times in self.spent.items()}


def synthetic(users=2_000, items=10_000, events=120_000):
    """Users who each stay in a part of the catalogue; items by a power law."""
    draw = np.random.default_rng(0)
    user = draw.integers(0, users, events)
    item = (items * draw.random(events) ** 2.5).astype(int)
    item = (item // 20 * 20 + user % 20) % items
    item[:items] = np.arange(items)
    return Log(user, item, draw.integers(1, 6, events), np.arange(events) * 60_000)


def measure(worker, size, draw):
    """Median CPU microseconds of each verb for `size` users' events, on the rows of the worker.

    In the worker's order, so that each verb finds in the cache what it would find there.
    """
    log, mixture, catalogue, clock = worker.log, worker.mixture, worker.catalogue, Clock()
    gate = worker.gates[0]
    known = [user for user, row in enumerate(worker.users) if row]
    number = {item: index for index, item in enumerate(log.hash.tolist())}
    for _ in range(max(3, min(60, 2048 // size))):
        users = draw.permutation(known)[:size]
        events = log.batch(draw.integers(0, len(log), len(users)), np.arange(len(users)))
        rows = [worker.users[user] for user in users]
        before = mixture.unpack_users(rows)
        after, feedback = clock.time("adapt users", mixture.adapt, before, events, catalogue)
        clock.time("gate", mixture.learn_gate, gate, before, events, catalogue, 1)
        clock.time("list of 10", mixture.recommend, after, gate, catalogue, 10)
        clock.time("list of 100", mixture.recommend, after, gate, catalogue, 100)
        records = feedback.pack()
        clock.time("rows", both_ways, mixture, rows, after, records)
        target = catalogue.positions(events.item)
        clock.time("ranks", mixture.ranks, before, gate, catalogue, target)
        items, local = np.unique(feedback.item, return_inverse=True)
        states = ItemStates.unpack([worker.items[number[item]] for item in items.tolist()])
        clock.time("adapt items", mixture.adapt_items, states, local, Feedback.unpack(records))
    return clock.medians()


def both_ways(mixture, rows, after, records):
    """Read users' rows and feedback, and write users' rows."""
    mixture.unpack_users(rows)
    after.pack()
    Feedback.unpack(records)


def report(title, log, start, sizes):
    """Print the table for one history."""
    print(f"{title}: {start} events, {len(log.ids)} items")
    print(f"{'':22s}" + "".join(f"{verb:>12s}" for verb in VERBS))
    for name, net in (("net", sample_net(0, 64, 4, 128, log.hash, 8)), ("no net", None)):
        worker = Worker(log, Mixture(net=net))
        worker.fill(np.arange(start))
        for size in sizes:
            spent = measure(worker, size, np.random.default_rng(1))
            cells = "".join(f"{spent[verb] / size:12.2f}" for verb in VERBS)
            print(f"{name:8s} batch {size:<8d}{cells}", flush=True)


def main():
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--data", type=Path, default=Path("deploy/demo"))
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 8, 64, 512])
    options = parser.parse_args()
    log = Log.read(options.data)
    report(str(options.data), log, int(0.7 * len(log)), options.batch)
    log = synthetic()
    report("synthetic", log, len(log), options.batch)


if __name__ == "__main__":
    main()
