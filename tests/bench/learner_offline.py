"""Quality and cost of the learner without Kafka, driven by its public API in runs as a worker would.

    python tests/bench/learner_offline.py quality [--data ml-latest-small] [--order time|interleaved]
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[2]))
from models.events import EventBatch, type_code
from models.gate import NAMES, Gate, empty_gate
from models.hashing import item_hashes
from models.item_states import ItemStates
from models.mixture import Mixture, MixtureSettings
from models.user_states import UserStates

PARTITIONS = 4


class Log:
    def __init__(self, folder: Path):
        d = pd.read_csv(next(folder.glob("ratings.csv*")))
        d.columns = ["user", "item", "rating", "time"]
        d = d.sort_values("time", kind="stable")
        self.user, self.users = pd.factorize(d.user)
        self.item, items = pd.factorize(d.item)
        self.ids = [str(i) for i in items]
        self.hash = item_hashes(self.ids)
        self.rating = d.rating.to_numpy(float)
        self.time = d.time.to_numpy(np.int64) * 1000
        self.positive = self.rating >= 4
        self.n = len(d)
        self.partition = np.random.default_rng(0).integers(0, PARTITIONS, len(self.users))

    def batch(self, events, local):
        return EventBatch.of(
            local, self.hash[self.item[events]], np.full(len(events), type_code("rate")),
            self.rating[events], self.time[events], self.positive[events])


class Worker:
    def __init__(self, log, mixture, extra_gates=None):
        self.log, self.mixture = log, mixture
        self.users = [None] * len(log.users)
        self.items = [None] * len(log.ids)
        self.catalogue = mixture.catalogue()
        self.gates = [mixture.initial_gate() for _ in range(PARTITIONS)]
        n = len(log.ids)
        self.catalogue.update(log.ids, [True] * n, [0] * n, [None] * n)
        self.extra = extra_gates or {}
        self.pending = ([], [])
        self.steps = 0
        self.clock = dict.fromkeys(("unpack", "gate", "fold", "pack", "list", "items", "catalogue"), 0.0)
        self.lists = {}

    def run(self, events, want_lists=False):
        """Events (indices) of one partition."""
        clock = time.perf_counter
        log = self.log
        who, local = np.unique(log.user[events], return_inverse=True)
        batch = log.batch(events, local)
        t0 = clock()
        before = UserStates.unpack([self.users[u] for u in who])
        t1 = clock()
        p = log.partition[who[0]]
        self.steps += len(events)
        self.gates[p] = self.mixture.learn_gate(self.gates[p], before, batch, self.catalogue, self.steps)
        t2 = clock()
        after, feedback = self.mixture.adapt(before, batch)
        t3 = clock()
        for u, row in zip(who, after.pack(), strict=True):
            self.users[u] = row
        records = feedback.pack()
        t4 = clock()
        self.pending[0].extend(log.item[events])
        self.pending[1].extend(records)
        if want_lists:
            lists = self.mixture.recommend(after, self.gates[p], self.catalogue, 10)
            for u, row in zip(who, lists.position, strict=True):
                self.lists[u] = row
            for name, gate in self.extra.items():
                for u, row in zip(who, self.mixture.recommend(after, gate, self.catalogue, 10).position, strict=True):
                    self.lists[u, name] = row
        t5 = clock()
        for k, v in zip(("unpack", "gate", "fold", "pack", "list"), (t1 - t0, t2 - t1, t3 - t2, t4 - t3, t5 - t4), strict=True):
            self.clock[k] += v

    def flush(self):
        from models.feedback import Feedback
        index, records = self.pending
        if not index:
            return
        t0 = time.perf_counter()
        who, local = np.unique(np.array(index), return_inverse=True)
        items = ItemStates.unpack([self.items[i] for i in who])
        rows = self.mixture.adapt_items(items, local, Feedback.unpack(records)).pack()
        t1 = time.perf_counter()
        for i, row in zip(who, rows, strict=True):
            self.items[i] = row
        n = len(who)
        self.catalogue.update([self.log.ids[i] for i in who], [True] * n, [0] * n, rows)
        t2 = time.perf_counter()
        self.clock["items"] += t1 - t0
        self.clock["catalogue"] += t2 - t1
        self.pending = ([], [])

    def fill(self, events, block=500):
        for start in range(0, len(events), block):
            part = events[start : start + block]
            for p in range(PARTITIONS):
                mine = part[self.log.partition[self.log.user[part]] == p]
                if len(mine):
                    self.run(mine)
            self.flush()


def live_events(log, start, limit=100):
    new = np.setdiff1d(log.user[start:], log.user[:start])
    k = pd.Series(np.arange(log.n)).groupby(log.user).cumcount().to_numpy()
    mine = np.flatnonzero(np.isin(log.user, new) & (k < limit))
    return mine[mine >= start], k


def blocks_in_time(log, events):
    out, block, seen = [], [], set()
    for e in events:
        if log.user[e] in seen or len(block) >= 50:
            out.append(block)
            block, seen = [], set()
        block.append(e)
        seen.add(log.user[e])
    return [np.array(b) for b in (*out, block) if len(b)]


def blocks_interleaved(log, events, active=50):
    queues = [g.tolist() for _, g in pd.Series(events).groupby(log.user[events], sort=False)]
    out, running = [], []
    while queues or running:
        while queues and len(running) < active:
            running.append(queues.pop(0))
        out.append(np.array([q.pop(0) for q in running]))
        running = [q for q in running if q]
    return out


def single_gates():
    gates = {}
    for m, name in enumerate(NAMES):
        c = empty_gate()
        c.weight[:] = 0
        c.weight[0] = 1e-3
        c.weight[m] = 1.0
        gates[name] = Gate(c)
    return gates


def evaluate(log, mixture, order, modules=False, share=0.7, quiet=False):
    start = int(share * log.n)
    events, k = live_events(log, start)
    worker = Worker(log, mixture, single_gates() if modules else None)
    t = time.time()
    worker.fill(np.arange(start))
    if not quiet:
        print(f"back-fill {start} events, {time.time()-t:.1f} s,", {a: round(b / start * 1e6, 1) for a, b in worker.clock.items()}, "us/event")
    for a in worker.clock: worker.clock[a] = 0.0
    liked = np.bincount(log.item[:start][log.positive[:start]], minlength=len(log.ids)).astype(float)
    names = ["headwater", *worker.extra]
    ranks = {n: [] for n in [*names, "popularity"]}
    had = {}
    pos = worker.catalogue._find(log.hash)
    users, ks = [], []
    t = time.time()
    for block in (blocks_in_time if order == "time" else blocks_interleaved)(log, events):
        for e in block:
            if not log.positive[e]:
                continue
            u, i = log.user[e], log.item[e]
            users.append(u); ks.append(k[e])
            for n in names:
                key = u if n == "headwater" else (u, n)
                if key not in worker.lists:
                    gate = worker.gates[log.partition[0]] if n == "headwater" else worker.extra[n]
                    lst = mixture.recommend(mixture.initial(1), gate, worker.catalogue, 10).position[0]
                else:
                    lst = worker.lists[key]
                hit = np.flatnonzero(lst == pos[i])
                ranks[n].append(hit[0] if len(hit) else 99)
            v = liked[i]
            mask = liked.copy()
            mask[had.get(u, [])] = -1
            ranks["popularity"].append(99 if i in had.get(u, []) else int((mask > v).sum() + (mask[:i] == v).sum()))
        for p in range(PARTITIONS):
            mine = block[log.partition[log.user[block]] == p]
            if len(mine):
                worker.run(mine, True)
        worker.flush()
        for e in block:
            had.setdefault(log.user[e], []).append(log.item[e])
            liked[log.item[e]] += log.positive[e]
    if not quiet:
        print(f"live {len(events)} events, {len(users)} targets, {time.time()-t:.1f} s,", {a: round(b / len(events) * 1e6, 1) for a, b in worker.clock.items()})
    return worker, np.array(users), np.array(ks), {n: np.array(r) for n, r in ranks.items()}


def interval(users, a, b, draws=1000):
    """Bootstrap over users of the ratio of sums."""
    f = pd.DataFrame({"u": users, "a": a, "b": b}).groupby("u").sum()
    r = np.random.default_rng(0).integers(0, len(f), (draws, len(f)))
    x, y = f.a.to_numpy()[r].sum(1), f.b.to_numpy()[r].sum(1)
    return np.quantile(x / y, [0.025, 0.975])


def report(users, ks, ranks, full=True):
    ndcg = lambda r: np.where(r < 10, 1 / np.log2(r + 2), 0)
    for n, r in ranks.items():
        hit = r < 10
        lo, hi = interval(users, hit, ranks["popularity"] < 10)
        by = [round(float(hit[(ks >= a) & (ks < b)].mean()), 3) for a, b in ((0, 1), (1, 5), (5, 10), (10, 10**9))]
        print(f"{n:22s} HR {hit.mean():.4f} NDCG {ndcg(r).mean():.4f} ratio {hit.mean()/(ranks['popularity']<10).mean():.2f} [{lo:.2f} {hi:.2f}] by history {by}")


def show_gate(gate):
    c = gate.columns
    print("weights/sigma:")
    for b in range(4):
        w = c.weight + c.offset[b]
        print(b, {n: round(float(x), 2) for n, x in zip(NAMES, w, strict=True)})
    print("sigma", {n: round(float(x), 2) for n, x in zip(NAMES, np.sqrt(c.variance), strict=True)})


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("what")
    p.add_argument("--data", default="ml-latest-small")
    p.add_argument("--order", default="interleaved")
    p.add_argument("--modules", action="store_true")
    a = p.parse_args()
    log = Log(Path("/work/shared/data") / a.data)
    worker, users, ks, ranks = evaluate(log, Mixture(MixtureSettings()), a.order, a.modules)
    report(users, ks, ranks)
    show_gate(worker.gates[0])
