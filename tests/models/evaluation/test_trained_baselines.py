"""iALS, GRU4Rec and SASRec: they learn what there is to learn, alike each time, quietly."""

import sys
from collections.abc import Callable

import numpy as np
import pytest
import torch
from support.histories import history, random_history

from models.dataset import Dataset
from models.errors import DivergedError, MissingLibraryError
from models.evaluation.baselines import next_item, sequential
from models.evaluation.baselines.gru4rec import GRU4Rec
from models.evaluation.baselines.ials import IALS, Settings, Weights
from models.evaluation.baselines.passages import LENGTH, Passages
from models.evaluation.baselines.sasrec import SASRec
from models.evaluation.baselines.sequential import Sequential, Trial
from models.evaluation.baselines.validation import hits
from models.evaluation.contest import Context, ScoreContestant
from models.evaluation.contestants import contestant
from models.evaluation.windows import windows
from models.training.candidates import Drawer
from models.training.settings import TrainSettings

NETWORKS = (GRU4Rec, SASRec)
ALL = (IALS, *NETWORKS)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """One trial of few epochs; a small factorisation."""
    for kind in NETWORKS:
        monkeypatch.setattr(kind, "trials", (Trial(0.1, 1e-2),))
    monkeypatch.setattr(sequential, "_EPOCHS", 6)
    grid = (Settings(Weights(8, 1.0, 10.0), 20), Settings(Weights(8, 1.0, 10.0), 5))
    monkeypatch.setattr(IALS, "grid", grid)


def chains(users: int, events: int, items: int = 24) -> Dataset:
    """Users in turn step round a circle of items, each from a place of their own."""
    n = users * events
    user, step = np.arange(n) % users, np.arange(n) // users
    return history(user.tolist(), ((7 * user + step) % items).tolist(), items=items)


def fitted(kind: Callable[[Context], ScoreContestant], data: Dataset, end: int) -> ScoreContestant:
    """A contestant that has learned events [0, end)."""
    contestant = kind(Context(repeats=True))
    contestant.fit(data, end)
    return contestant


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_network_learns_a_chain(kind: type[Sequential]) -> None:
    """Which item follows on the last one."""
    data = chains(200, 12)
    contestant = fitted(kind, data, 2_200)
    found = []
    for window in windows(data.user, 2_200, 2_400):
        found.append(hits(contestant.rank(window, data.positive[window]), top=1))
        contestant.learn(window)
    assert np.concatenate(found).mean() > 0.9


def test_factors_find_the_items_of_the_users_kind() -> None:
    """Users of two kinds; a new one is folded in from what it has had so far."""
    draw = np.random.default_rng(0)
    user = np.append(draw.integers(0, 40, 1_500), [40, 40, 40])
    item = draw.integers(0, 15, 1_503) + 15 * (user % 2)
    contestant = fitted(IALS, history(user.tolist(), item.tolist(), items=31), 1_500)
    scores = contestant.scores(np.array([1_502]), np.array([True]))[0]
    assert scores[:15].mean() > 10 * abs(scores[15:]).mean()


@pytest.mark.parametrize("kind", ALL)
def test_the_same_seed_gives_the_same_scores(kind: type[ScoreContestant]) -> None:
    """To the bit, whatever the state of torch's own generator, which stays as it was."""
    data = random_history(600, 20, 30)
    window, targets = np.array([500]), np.array([True])
    torch.manual_seed(1)
    first = fitted(kind, data, 500)
    drawn = torch.rand(1)
    torch.manual_seed(1)
    assert torch.rand(1) == drawn
    second = fitted(kind, data, 500)
    np.testing.assert_array_equal(first.scores(window, targets), second.scores(window, targets))
    for each in (first, second):
        each.refit(data, 500)
    np.testing.assert_array_equal(first.scores(window, targets), second.scores(window, targets))


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("end", [0, 1, 9, 200])
def test_any_training_part_is_enough_to_score(
    kind: type[ScoreContestant], end: int, capfd: pytest.CaptureFixture[str]
) -> None:
    """No events, one, too few to choose by; users and items that come later; nothing printed."""
    data = random_history(240, 12, 40)
    contestant = fitted(kind, data, end)
    for window in windows(data.user, end, 240):
        targets = data.positive[window]
        scores = contestant.scores(window, targets)
        assert scores.shape == (targets.sum(), 40)
        assert scores.dtype == np.float32
        assert np.isfinite(scores).all()
        contestant.learn(window)
    contestant.refit(data, 220)
    assert contestant.state_bytes() > 0
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", NETWORKS)
def test_items_that_came_after_training_are_last(kind: type[Sequential]) -> None:
    """The most popular of them first; refitting makes them like any other."""
    data = chains(30, 20)
    late = history(
        [*data.user.tolist(), 0, 1, 2, 3], [*data.item.tolist(), 24, 25, 25, 24], items=26
    )
    contestant = fitted(kind, late, 600)
    for event in (600, 601, 602):
        contestant.learn(np.array([event]))
    scores = contestant.scores(np.array([603]), np.array([True]))[0]
    assert scores.argsort()[:2].tolist() == [24, 25]
    contestant.refit(late, 604)
    again = contestant.scores(np.array([603]), np.array([True]))[0]
    assert (again[24:] > again.min() + 1e-3).any()


@pytest.mark.parametrize("repeats", [True, False])
def test_each_event_is_a_target_once_and_sees_what_it_will_see(repeats: bool) -> None:
    """From its last 15 to 50 events, or all where there are fewer; the start comes first."""
    data = random_history(900, 4, 300)
    passages = Passages(data, 800, repeats=repeats)
    history = passages.history
    again = history.item[history.again] if not repeats else np.zeros(0, dtype=np.int64)
    for epoch in range(3):
        told = np.zeros(len(history.items))
        for cut, part, inputs in passages.batches(np.random.default_rng(epoch)):
            assert inputs.shape[1] <= LENGTH
            np.add.at(told, part.target, 1)
            place = part.at % inputs.shape[1]
            assert ((place >= 15) | (place == part.earlier)).all()
            before = history.item[cut.user[part.user] + np.maximum(part.earlier - 1, 0)]
            read = np.where(part.earlier > 0, history.items[before], 300)
            np.testing.assert_array_equal(inputs[part.user, place], read)
            np.testing.assert_array_equal(inputs[:, 0] == 300, cut.low == cut.user)
        expected = np.bincount(history.item, minlength=len(told))
        np.testing.assert_array_equal(told, expected - np.bincount(again, minlength=len(told)))


def test_what_the_user_has_had_is_not_told_from_the_target() -> None:
    """Unless repeats are allowed: then its scores are pushed down too."""
    data = history([0, 0, 0, 0, 1, 1], [0, 1, 2, 3, 4, 5], items=6)
    pushed = []
    for repeats in (False, True):
        torch.manual_seed(0)
        network = next_item.Network(6, torch.nn.Identity(), 0.0).eval()
        gradients(network, data, TrainSettings(), repeats=repeats)
        gradient = network.bias.weight.grad
        assert gradient is not None
        pushed.append(gradient[0, 0].item())
    assert pushed[0] < pushed[1] - 0.05  # about 1/6 for each of three targets of weight 1/6


def gradients(
    network: next_item.Network,
    data: Dataset,
    settings: TrainSettings,
    *,
    repeats: bool,
    seed: int = 0,
) -> float:
    """The loss of the first batch, whose gradients are added."""
    draw = np.random.default_rng(seed)
    passages = Passages(data, len(data), repeats=repeats)
    passage = next(passages.batches(np.random.default_rng(0)))
    candidates = Drawer(passages.history, settings).draw(passage.batch.target, draw)
    seen = torch.from_numpy(next_item.seen_items(data, len(data)))
    return next_item.learn_from(
        network, passages.history, passage, candidates, seen, repeats=repeats
    )


@pytest.mark.parametrize("repeats", [True, False])
def test_sampled_softmax_agrees_with_the_full_one(repeats: bool) -> None:
    """The log-Q correction makes its expected loss nearly that of all items."""
    data = random_history(2_000, 40, 300)
    torch.manual_seed(0)
    network = next_item.Network(300, torch.nn.Identity(), 0.0).eval()
    full = gradients(network, data, TrainSettings(), repeats=repeats)
    few = TrainSettings(whole_softmax=100, negatives=100)
    losses = [gradients(network, data, few, repeats=repeats, seed=seed) for seed in range(20)]
    assert np.mean(losses) == pytest.approx(full, rel=0.02)


def test_only_the_trial_that_is_ahead_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them run the first epochs; progress is told from the start."""
    monkeypatch.setattr(GRU4Rec, "trials", (Trial(0.1, 1e-7), Trial(0.1, 1e-2)))
    told: list[tuple[str, int, int]] = []
    contestant = GRU4Rec(Context(repeats=True, progress=lambda *step: told.append(step)))
    contestant.fit(chains(200, 12), 2_200)
    assert contestant.chosen == Trial(0.1, 1e-2)
    epochs = [(what, done) for what, done, _ in told]
    first, second = list(dict.fromkeys(what for what, _ in epochs))[:2]
    assert [done for what, done in epochs if what == first] == [0, 1, 2, 3, 4]
    assert (second, 6) in epochs


@pytest.mark.parametrize(
    ("name", "library"), [("ials", "implicit"), ("gru4rec", "torch"), ("sasrec", "torch")]
)
def test_a_missing_library_is_named(
    name: str, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the command that installs it."""
    for module in [module for module in sys.modules if module.startswith("models.evaluation.b")]:
        monkeypatch.delitem(sys.modules, module)
    for module in [module for module in sys.modules if module.split(".")[0] == library]:
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(
        MissingLibraryError, match=f"Learner {name}: {library}.* is not installed: pip install"
    ):
        contestant(name, Context())


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("rate", [1e2, 1e30])
def test_a_rate_that_diverges_is_named(kind: type[Sequential], rate: float) -> None:
    """Whether numbers stay finite or not."""
    settings = {kind.name: {"rate": rate}}
    with pytest.raises(DivergedError, match=f"Learner {kind.name} diverged") as told:
        kind(Context(settings=settings)).fit(random_history(600, 20, 30), 500)
    assert f"the rate {rate:g}" in str(told.value)


@pytest.mark.parametrize("kind", NETWORKS)
def test_warm_epochs_that_diverge_are_named(kind: type[Sequential]) -> None:
    """With the rate that was chosen, of which theirs is half."""
    data = random_history(600, 20, 30)
    contestant = fitted(kind, data, 500)
    contestant.chosen = Trial(0.1, 1e30)
    with pytest.raises(DivergedError, match=r"rate 1e\+30"):
        contestant.refit(data, 550)
