"""The protocol: what is predicted, from what, and that nothing else can help."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.histories import history, random_history

from models.arrays import Bools, Float32s, Int64s
from models.dataset import Dataset
from models.dataset_files import read_dataset
from models.errors import DataError
from models.evaluation.baselines.neighbours import Neighbours
from models.evaluation.baselines.popularity import Popularity
from models.evaluation.by_rows import ByRows, Counters
from models.evaluation.contest import Contestant, Context, ScoreContestant, silent
from models.evaluation.contestants import CONTESTANTS
from models.evaluation.excerpts import of_events
from models.evaluation.metrics import figures
from models.evaluation.prequential import Outcome, Protocol, plan, run
from models.evaluation.ranks import draw_ranks
from models.mixture import Mixture
from models.samples import CONTENTS, sample_net

DEMO = Path(__file__).resolve().parents[3] / "deploy" / "demo"


class Constant(ScoreContestant):
    """Finds all items equally good."""

    name = "constant"

    def start(self, end: int) -> None:
        """Learn nothing."""

    def fold(self, window: Int64s) -> None:
        """Learn nothing."""

    def scores(self, window: Int64s, targets: Bools) -> Float32s:
        """All the same."""
        return np.zeros((int(targets.sum()), len(self.data.items)), dtype=np.float32)

    def state_bytes(self) -> int:
        """Nothing is kept."""
        return 0


class Netted(ByRows):
    """A mixture with a small net that nobody trained, another one after each refit."""

    name = "netted"

    def fit(self, data: Dataset, end: int) -> None:
        """Replay."""
        self.begin(Mixture(net=sample_net(known=np.sort(data.hashes[::2]))), data, end)

    def refit(self, data: Dataset, end: int) -> None:
        """Take another net."""
        self.use(Mixture(net=sample_net(end, known=np.sort(data.hashes[::3]))))


def contents(items: int) -> list[object]:
    """What was announced: of each third item nothing."""
    return [None if place % 3 == 0 else CONTENTS[place] for place in range(items)]


def outcome(contestant: Contestant, data: Dataset, protocol: Protocol | None = None) -> Outcome:
    """One contestant's run."""
    return run(contestant, plan(data, protocol or Protocol()), silent)


def hit_rate(found: Outcome, data: Dataset, seed: int = 0) -> float:
    """Its HR@10."""
    rows = data.row[plan(data, Protocol()).targets]
    return float(figures(draw_ranks(found.better, found.ties, rows, seed), 10)["hit_rate@10"] or 0)


@pytest.mark.parametrize("repeats", [True, False])
def test_a_constant_scorer_scores_what_chance_scores(repeats: bool) -> None:
    """The mean of 10 / (items that the list may hold), over targets that may be listed."""
    data = random_history(6000, 300, 60)
    contestant = Constant(Context(repeats=repeats))
    found = outcome(contestant, data)
    chances = np.where(found.better < 0, 0.0, np.minimum(10 / (found.ties + 1), 1))
    rates = [hit_rate(found, data, seed) for seed in range(5)]
    error = np.sqrt(chances.mean() / len(chances) / 5)
    assert np.mean(rates) == pytest.approx(chances.mean(), abs=3 * error)
    assert (found.better <= 0).all()


@pytest.mark.parametrize("make", [Counters, Netted, Popularity, Neighbours])
def test_the_future_never_leaks(make: Callable[[Context], Contestant]) -> None:
    """With all events after a time permuted, every place before it is as it was."""
    data = random_history(900, 25, 40)
    data = replace(data, contents=tuple(contents(40)))
    cut = 780
    later = cut + np.random.default_rng(1).permutation(len(data) - cut)
    order = np.concatenate([np.arange(cut), later])
    changed = replace(
        data,
        **{
            name: getattr(data, name)[order] for name in ("user", "item", "kind", "positive", "row")
        },
    )
    protocol = Protocol(refit_every=0.1, window=8)
    one, other = (
        outcome(make(Context()), data, protocol),
        outcome(make(Context()), changed, protocol),
    )
    before = int((plan(data, protocol).targets < cut).sum())
    assert 0 < before < len(one.better)
    assert (one.better[:before] == other.better[:before]).all()
    assert (one.ties[:before] == other.ties[:before]).all()
    assert (one.better[before:] != other.better[before : len(one.better)]).any()


@pytest.mark.parametrize("make", [Counters, Netted])
def test_windows_of_one_event_are_exact_and_larger_ones_nearly_so(
    make: Callable[[Context], Contestant],
) -> None:
    """On real ratings, where a window is a moment, the two differ by less than noise."""
    whole = read_dataset(DEMO / "events.csv.gz", DEMO / "items.csv.gz")
    data = of_events(whole, np.arange(9000, 13000))
    rates = [
        hit_rate(outcome(make(Context()), data, Protocol(window=window)), data)
        for window in (1, 64)
    ]
    noise = np.sqrt(rates[0] * (1 - rates[0]) / data.positive[2800:].sum())
    assert abs(rates[0] - rates[1]) < noise


def test_the_learner_places_targets_as_the_others_are_placed() -> None:
    """A target that no list may hold is one for the rows of a worker and for plain sets alike."""
    data = random_history(900, 25, 40)
    for repeats in (True, False):
        context = Context(repeats=repeats)
        rows, sets = outcome(Counters(context), data), outcome(Constant(context), data)
        assert ((rows.better < 0) == (sets.better < 0)).all()
        assert (rows.better + rows.ties <= np.maximum(sets.ties, -1) + (rows.better < 0)).all()


def test_announced_items_are_ranked_before_their_first_event() -> None:
    """By the learner's catalogue as by everybody else."""
    data = random_history(900, 25, 40)
    unseen = np.where(np.arange(40) % 2, 0, data.announced)
    data = replace(data, announced=unseen, contents=tuple(contents(40)))
    rows, sets = outcome(Netted(Context()), data), outcome(Constant(Context()), data)
    assert ((rows.better < 0) == (sets.better < 0)).all()


def test_partitions_keep_gates_of_their_own() -> None:
    """Two that differ from each other and from one for all, while places stay near."""
    data = random_history(1500, 25, 40)
    halves = (np.arange(25) % 2).astype(np.int32)
    one, two = Counters(Context()), Counters(Context(partition=halves))
    together, apart = outcome(one, data), outcome(two, data)
    assert (len(one._gates), len(two._gates)) == (1, 2)
    weights = [gate.columns.weight for gate in (*one._gates, *two._gates)]
    assert not np.array_equal(weights[1], weights[2])
    assert not np.array_equal(weights[0], weights[1])
    assert (together.better != apart.better).any()
    single = Counters(Context(partition=np.zeros(25, dtype=np.int32)))
    assert (outcome(single, data).better == together.better).all()


def test_slow_weights_are_learned_anew_from_all_that_lies_behind() -> None:
    """At each tenth of all events, and a version made of another net goes on from the rings."""
    told: list[int] = []

    class Refitted(Constant):
        def refit(self, data: Dataset, end: int) -> None:
            told.append(end)

    data = random_history(1000, 25, 40)
    outcome(Refitted(Context()), data, Protocol(refit_every=0.1))
    assert told == [800, 900]
    once = outcome(Netted(Context()), data)
    again = outcome(Netted(Context()), data, Protocol(refit_every=0.1))
    early = plan(data, Protocol()).targets < 800
    assert (once.better[early] == again.better[early]).all()
    assert (once.better[~early] != again.better[~early]).any()


def test_what_is_predicted_and_what_was_known() -> None:
    """Positive events of the rest; the user's earlier events; who shares user and second."""
    data = history(
        [0, 0, 1, 0, 0, 1, 2],
        [0, 1, 1, 2, 3, 0, 0],
        time=[1000, 2000, 2100, 2200, 2999, 2999, 2999],
        positive=[True, True, True, True, False, True, True],
    )
    laid_out = plan(data, Protocol(warm_up=3 / 7))
    assert laid_out.targets.tolist() == [3, 5, 6]
    assert laid_out.history.tolist() == [2, 1, 0]
    assert laid_out.same_second == 2


@pytest.mark.parametrize(
    "data",
    [
        history([0] * 12, list(range(12))),
        history([0] * 12, [0] * 12),
        history(list(range(12)), [0] * 12),
        history([0, 1] * 6, list(range(12)), time=[5 * 10**11] * 12),
        history([0] * 9 + [1, 2, 3], [*range(9), 0, 1, 2]),
    ],
    ids=["one user", "one item, one user", "one item", "all at one time", "users in the test only"],
)
@pytest.mark.parametrize("make", [Constant, Counters, Netted])
def test_strange_histories_have_figures_too(
    data: Dataset, make: Callable[[Context], Contestant]
) -> None:
    """Each target has a place or is a miss."""
    found = outcome(make(Context()), data)
    assert len(found.better) == len(plan(data, Protocol()).targets) > 0
    assert ((found.better >= -1) & (found.ties >= 0)).all()
    assert 0 <= hit_rate(found, data) <= 1


def test_what_cannot_be_evaluated_is_told() -> None:
    """Nothing to learn from, or nothing to predict."""
    with pytest.raises(DataError, match="of the last 3 of 10 events none is positive"):
        plan(history([0] * 10, list(range(10)), positive=[True] * 7 + [False] * 3), Protocol())
    with pytest.raises(DataError, match="holds none"):
        plan(history([0], [0]), Protocol(warm_up=0.2))


def test_the_headline_is_trained_on_what_lies_behind_alone() -> None:
    """Its net and its gate's start know nothing of what is predicted before it is."""
    pytest.importorskip("torch", reason="needs the extra: pip install 'headwater[train]'")
    data = replace(random_history(900, 25, 40), contents=tuple(contents(40)))
    order = np.concatenate([np.arange(780), 780 + np.random.default_rng(1).permutation(120)])
    names = ("user", "item", "kind", "positive", "row")
    changed = replace(data, **{name: getattr(data, name)[order] for name in names})
    protocol = Protocol(refit_every=0.1)
    make = CONTESTANTS["mixture"]
    one, other = (outcome(make(Context()), some, protocol) for some in (data, changed))
    before = int((plan(data, protocol).targets < 780).sum())
    assert (one.better[:before] == other.better[:before]).all()
    assert (one.better[before:] != other.better[before : len(one.better)]).any()
    assert one.train_seconds > 0


def test_a_history_too_small_for_a_net_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """The mixture is then one of counters, and says why."""
    pytest.importorskip("torch", reason="needs the extra: pip install 'headwater[train]'")
    outcome(CONTESTANTS["mixture"](Context()), history([0, 1] * 10, list(range(20))))
    assert "The mixture has no net: a net needs 50 events" in caplog.text
