"""Quality and cost of the learner without Kafka, driven by its public API in runs as workers would.

    python tests/bench/learner_offline.py quality [--data FOLDER] [--order time] [--modules]
    python tests/bench/learner_offline.py cost [--data FOLDER]
    python tests/bench/learner_offline.py synthetic

quality: the first 70 % of the ratings are back-filled in order, then come the first 100 ratings of
each user who appears only afterwards, with 50 users active at once or in time order. A prediction
is the list that the user had before the event; popularity counts ratings >= 4 so far. Intervals are
a bootstrap over users of the ratio to popularity. --modules adds lists by each feature alone.
cost: CPU microseconds per event on what the back-fill leaves, for users with full rings.
synthetic: the same for 20,000 users with a few events each and a catalogue of 10,000 items.
"""

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from pyarrow import csv

sys.path.insert(0, str(Path(__file__).parents[2]))

from models.events import EventBatch, type_code
from models.feedback import Feedback
from models.gate import NAMES, Gate
from models.hashing import item_hashes
from models.item_states import ItemStates
from models.mixture import Mixture

PARTITIONS = 4
ITEM_RUN = 500  # events after which item rows are folded while back-filling
LENGTH = 10
MISS = 10**6


class Log:
    """Ratings in time order; users and items as numbers."""

    def __init__(self, user, item, rating, milliseconds):
        users, self.user = np.unique(user, return_inverse=True)
        items, self.item = np.unique(item, return_inverse=True)
        self.users, self.ids = len(users), [str(item) for item in items]
        self.hash = item_hashes(self.ids)
        self.rating, self.time = np.asarray(rating, float), np.asarray(milliseconds, np.int64)
        self.positive = self.rating >= 4
        self.partition = np.random.default_rng(0).integers(0, PARTITIONS, self.users)
        self.earlier = earlier_events(self.user)

    @classmethod
    def read(cls, folder):
        """Read a folder's events.csv.gz (the demo's) or ratings.csv.gz (MovieLens')."""
        wire = folder / "events.csv.gz"
        table = csv.read_csv(wire if wire.exists() else folder / "ratings.csv.gz")
        user, item, *_, rating, time = (column.to_numpy() for column in table.columns)
        order = np.argsort(time, kind="stable")
        milliseconds = time[order] * (1 if wire.exists() else 1000)
        return cls(user[order], item[order], rating[order], milliseconds)

    def __len__(self):
        return len(self.user)

    def batch(self, events, users):
        """Events as the users of a run have them."""
        kind = np.full(len(events), type_code("rate"))
        item = self.hash[self.item[events]]
        rating, when = self.rating[events], self.time[events]
        return EventBatch.of(users, item, kind, rating, when, self.positive[events])


def earlier_events(user):
    """How many events of the same user come before each: int[n]."""
    order = np.argsort(user, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(user))[:-1]])
    earlier = np.empty(len(user), dtype=int)
    earlier[order] = np.arange(len(user)) - starts[user[order]]
    return earlier


class Worker:
    """Rows, catalogue and gates, and the two hops over them."""

    def __init__(self, log, mixture, others=None):
        self.log, self.mixture = log, mixture
        self.users, self.items = [None] * log.users, [None] * len(log.ids)
        self.gates = [mixture.initial_gate() for _ in range(PARTITIONS)]
        self.others = others or {}
        self.catalogue = mixture.catalogue()
        self._update(range(len(log.ids)))
        self.lists = {}
        self.seconds = defaultdict(float)
        self._seed = 0
        self._sent = ([], [])

    @contextmanager
    def _timed(self, stage):
        began = time.process_time()
        yield
        self.seconds[stage] += time.process_time() - began

    def run(self, events, *, lists=False):
        """Apply events of one partition, with lists for their users if wanted."""
        users, local = np.unique(self.log.user[events], return_inverse=True)
        batch = self.log.batch(events, local)
        partition = self.log.partition[users[0]]
        with self._timed("rows"):
            before = self.mixture.unpack_users([self.users[user] for user in users])
        with self._timed("gate"):
            gate = self.gates[partition] = self.mixture.learn_gate(
                self.gates[partition], before, batch, self.catalogue, self._seed
            )
        self._seed += len(events)
        with self._timed("fold"):
            after, feedback = self.mixture.adapt(before, batch, self.catalogue)
        with self._timed("rows"):
            rows, records = after.pack(), feedback.pack()
        for user, row in zip(users, rows, strict=True):
            self.users[user] = row
        self._sent[0].extend(self.log.item[events])
        self._sent[1].extend(records)
        if lists:
            with self._timed("list"):
                positions = self.mixture.recommend(after, gate, self.catalogue, LENGTH).position
            self._keep("headwater", users, positions)
            for name, other in self.others.items():
                other_lists = self.mixture.recommend(after, other, self.catalogue, LENGTH)
                self._keep(name, users, other_lists.position)

    def _keep(self, name, users, positions):
        for user, row in zip(users, positions, strict=True):
            self.lists[name, user] = row

    def flush(self):
        """Fold what was sent into the items' rows, and these into the catalogue."""
        index, records = self._sent
        items, local = np.unique(np.array(index, dtype=int), return_inverse=True)
        with self._timed("items"):
            before = ItemStates.unpack([self.items[item] for item in items])
            after = self.mixture.adapt_items(before, local, Feedback.unpack(records))
            rows = after.pack()
        for item, row in zip(items, rows, strict=True):
            self.items[item] = row
        with self._timed("catalogue"):
            self._update(items)
        self._sent = ([], [])

    def _update(self, items):
        n, ids = len(items), [self.log.ids[item] for item in items]
        rows = [self.items[item] for item in items]
        self.catalogue.update(ids, [True] * n, [0] * n, rows)

    def apply(self, events, *, lists=False):
        """Apply events of all partitions, then fold their feedback."""
        partition = self.log.partition[self.log.user[events]]
        for wanted in range(PARTITIONS):
            if (partition == wanted).any():
                self.run(events[partition == wanted], lists=lists)
        self.flush()

    def fill(self, events):
        """Apply events in runs, without lists."""
        for start in range(0, len(events), ITEM_RUN):
            self.apply(events[start : start + ITEM_RUN])

    def list_of(self, name, user):
        """The list the user has; before the first event the one for everyone, as it is now."""
        if (name, user) in self.lists:
            return self.lists[name, user]
        gate = self.others.get(name, self.gates[0])
        lists = self.mixture.recommend(self.mixture.initial(1), gate, self.catalogue, LENGTH)
        return lists.position[0]

    def report_seconds(self, events):
        """Print and forget what stages took."""
        stages = {stage: spent / events * 1e6 for stage, spent in self.seconds.items()}
        self.seconds.clear()
        print("  us per event:", ", ".join(f"{s} {us:.1f}" for s, us in stages.items()),
              f"= {sum(stages.values()):.1f}")  # fmt: skip


def live_events(log, start, limit=100):
    """The first events of users who appear only from `start` on."""
    new = np.setdiff1d(log.user[start:], log.user[:start])
    return np.flatnonzero(np.isin(log.user, new) & (log.earlier < limit))


def in_time_order(log, events) -> Iterator[np.ndarray]:
    """Runs that end before a user would come twice."""
    run, users = [], set()
    for event in events:
        if log.user[event] in users:
            yield np.array(run)
            run, users = [], set()
        run.append(event)
        users.add(log.user[event])
    yield np.array(run)


def interleaved(log, events, active=50) -> Iterator[np.ndarray]:
    """One event of each of `active` users at a time; a user who is done makes room for the next."""
    queues: defaultdict[int, list[int]] = defaultdict(list)
    for event in events.tolist():
        queues[log.user[event]].append(event)
    waiting = list(queues.values())
    running = []
    while waiting or running:
        while waiting and len(running) < active:
            running.append(waiting.pop(0))
        yield np.array([queue.pop(0) for queue in running])
        running = [queue for queue in running if queue]


class Popularity:
    """Ranks by ratings >= 4 so far, what the user has had left out."""

    def __init__(self, log, start):
        self.log, self.had = log, defaultdict(list)
        liked = log.item[:start][log.positive[:start]]
        self.count = np.bincount(liked, minlength=len(log.ids)).astype(float)

    def rank(self, event):
        """Rank of the event's item, best 0."""
        item, had = self.log.item[event], self.had[self.log.user[event]]
        if item in had:
            return MISS
        count = self.count.copy()
        count[had] = -1
        return int((count > count[item]).sum() + (count[:item] == count[item]).sum())

    def learn(self, events):
        """Count events."""
        for event in events:
            self.had[self.log.user[event]].append(self.log.item[event])
            self.count[self.log.item[event]] += self.log.positive[event]


def single_gates():
    """A gate for each feature alone, ties by likes."""
    gates = {}
    for place, name in enumerate(NAMES):
        gate = Gate.initial(()).copy()
        gate.columns.weight[place] = 1.0
        gates[name] = gate
    return gates


def quality(log, order, *, modules=False):
    """Print how good lists are on the live part."""
    start = int(0.7 * len(log))
    worker = Worker(log, Mixture(), single_gates() if modules else None)
    print(f"back-fill: {start} events")
    worker.fill(np.arange(start))
    worker.report_seconds(start)
    events, baseline = live_events(log, start), Popularity(log, start)
    position = worker.catalogue.positions(log.hash)
    names = ["headwater", *worker.others]
    targets, ranks = [], defaultdict(list)
    for run in (in_time_order if order == "time" else interleaved)(log, events):
        for event in run[log.positive[run]]:
            targets.append(event)
            ranks["popularity"].append(baseline.rank(event))
            for name in names:
                held = worker.list_of(name, log.user[event]) == position[log.item[event]]
                ranks[name].append(held.argmax() if held.any() else MISS)
        worker.apply(run, lists=True)
        baseline.learn(run)
    print(f"live ({order}): {len(events)} events, {len(targets)} targets")
    worker.report_seconds(len(events))
    report(log, np.array(targets), {name: np.array(rank) for name, rank in ranks.items()})
    return worker


def ratio_interval(users, own, other, draws=2000):
    """Bootstrap over users of the ratio of two sums."""
    _, user = np.unique(users, return_inverse=True)
    owns, others = np.bincount(user, own), np.bincount(user, other)
    drawn = np.random.default_rng(0).integers(0, len(owns), (draws, len(owns)))
    ratio = owns[drawn].sum(1) / others[drawn].sum(1)
    return np.quantile(ratio, [0.025, 0.975])


def report(log, targets, ranks):
    """Print the table of hit rates."""
    users, earlier = log.user[targets], log.earlier[targets]
    groups = [
        earlier == 0,
        (earlier > 0) & (earlier < 5),
        (earlier > 4) & (earlier < 10),
        earlier > 9,
    ]
    print(f"{'':18s} HR@10  NDCG@10 ratio of HR      by history 0, 1-4, 5-9, 10+")
    gains = {name: np.where(r < LENGTH, 1 / np.log2(r + 2), 0) for name, r in ranks.items()}
    for name, rank in ranks.items():
        hit, popular = rank < LENGTH, ranks["popularity"] < LENGTH
        low, high = ratio_interval(users, hit, popular)
        by = " ".join(f"{hit[group].mean():.3f}" for group in groups)
        print(f"{name:18s} {hit.mean():.4f} {gains[name].mean():.4f}  "
              f"{hit.mean() / popular.mean():.2f} [{low:.2f}, {high:.2f}] {by}")  # fmt: skip
    low, high = ratio_interval(users, gains["headwater"], gains["popularity"])
    print(f"ratio of NDCG [{low:.2f}, {high:.2f}]")


def show_gate(gate):
    """Print a gate's weights."""
    columns = gate.columns
    print(f"{'weights':18s} by bucket 0, 1-4, 5-19, 20+; deviation")
    for place, name in enumerate(NAMES):
        weights = columns.weight[place] + columns.offset[:, place]
        deviation = np.sqrt(columns.variance[place])
        print(f"{name:18s}", " ".join(f"{w:6.2f}" for w in weights), f"{deviation:6.2f}")


def cost(log, start, sizes: Sequence[int], full_rings):
    """Time runs of distinct users on what the first `start` events leave."""
    worker = Worker(log, Mixture())
    worker.fill(np.arange(start))
    worker.seconds.clear()
    count = np.bincount(log.user[:start], minlength=log.users)
    users = np.flatnonzero(count >= 50) if full_rings else np.arange(log.users)
    draw = np.random.default_rng(1)
    for size in sizes:
        runs = max(2048 // size, 3)
        for _ in range(runs):
            who = draw.permutation(users)[:size]
            events = draw.integers(0, len(log), len(who))
            kept, log.user[events] = log.user[events].copy(), who
            log.partition[who] = 0
            worker.run(events, lists=True)
            log.user[events] = kept
            worker.flush()
        print(f"runs of {len(who)} users")
        worker.report_seconds(runs * len(who))


def synthetic_log(users=20_000, items=10_000, events=120_000):
    """Users and items at random, items by a power law, a few events per user."""
    draw = np.random.default_rng(0)
    item = (items * draw.random(events) ** 2.5).astype(int)
    item[:items] = np.arange(items)
    rating = draw.integers(1, 6, events)
    return Log(draw.integers(0, users, events), item, rating, np.arange(events) * 1000)


def main():
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("what", choices=("quality", "cost", "synthetic"))
    parser.add_argument("--data", type=Path, default=Path("deploy/demo"))
    parser.add_argument("--order", choices=("interleaved", "time"), default="interleaved")
    parser.add_argument("--modules", action="store_true")
    parser.add_argument("--run", type=int, nargs="+", default=[1, 8, 64, 512])
    options = parser.parse_args()
    if options.what == "synthetic":
        log = synthetic_log()
        cost(log, len(log), options.run, full_rings=False)
        return
    log = Log.read(options.data)
    if options.what == "cost":
        cost(log, int(0.7 * len(log)), options.run, full_rings=True)
    else:
        show_gate(quality(log, options.order, modules=options.modules).gates[0])


if __name__ == "__main__":
    main()
