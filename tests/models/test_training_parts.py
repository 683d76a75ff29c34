"""What training makes of a log: rows for values, histories, windows, candidates, the loss."""

import math

import numpy as np
import pytest
from support.logs import chain, dataset

torch = pytest.importorskip("torch")

from models.training.batches import Windows, batch, epoch, had_at  # noqa: E402
from models.training.candidates import Drawer  # noqa: E402
from models.training.epochs import one_cycle  # noqa: E402
from models.training.history import History, ragged  # noqa: E402
from models.training.loss import softmax_loss  # noqa: E402
from models.training.network import Network, Shape  # noqa: E402
from models.training.settings import TrainSettings  # noqa: E402
from models.training.values import ValueRows  # noqa: E402


def history(data):
    """All of a dataset's events."""
    return History.of(data, len(data), ValueRows.learn(data.kind, data.value))


class TestValueRows:
    """Rows of the value tables."""

    def test_few_values_have_a_row_each(self):
        """An event without a value and one of an unknown kind have rows of their own."""
        kind, value = np.full(4, 6, dtype=np.uint8), np.array([1, 2, 5, math.nan], np.float32)
        rows = ValueRows.learn(kind, value)
        assert rows.rows(kind, value).tolist() == [2, 3, 4, 1]
        assert rows.rows(np.zeros(1, np.uint8), value[:1]).tolist() == [0]

    def test_many_values_share_five_rows(self):
        """Their edges are next to even quantiles."""
        value = np.arange(1000, dtype=np.float32)
        kind = np.full(1000, 6, dtype=np.uint8)
        rows = ValueRows.learn(kind, value)
        assert np.bincount(rows.rows(kind, value)).tolist() == [0, 0, 200, 200, 200, 200, 200]

    def test_rows_fit_the_tables(self):
        """Infinite values and those of kinds that never had one stay within `size`."""
        kind = np.array([1, 1, 2, 3, 3], dtype=np.uint8)
        rows = ValueRows.learn(kind, np.array([1, 2, math.nan, 7, math.inf], np.float32))
        for value in (-math.inf, math.inf, 0.0, math.nan):
            found = rows.rows(np.arange(5, dtype=np.uint8), np.full(5, value, np.float32))
            assert found.max() < rows.size
            assert len(set(found[1:4].tolist())) == 3


class TestHistory:
    """Events by user."""

    def test_events_are_by_user_and_time(self):
        """With the number of earlier events, the gap before, and whether it is a repetition."""
        data = dataset([0, 1, 0, 0], [5, 5, 2, 5], time=[0, 1000, 3000, 2**40])
        found = history(data)
        assert found.event.tolist() == [0, 2, 3, 1]
        assert found.items[found.item].tolist() == [5, 2, 5, 5]
        assert found.place.tolist() == [0, 1, 2, 0]
        assert found.gap.tolist() == [0, 2, 11, 0]
        assert found.again.tolist() == [False, False, True, False]
        assert found.first.tolist() == [2, 0]

    def test_ragged_ranges(self):
        """Empty ranges give nothing."""
        row, value = ragged(np.array([5, 9, 0]), np.array([2, 0, 3]))
        assert row.tolist() == [0, 0, 2, 2, 2]
        assert value.tolist() == [5, 6, 0, 1, 2]


class TestBatches:
    """Windows and what is read of them."""

    def test_each_event_is_a_target_once(self):
        """However its user's history is cut."""
        found = history(chain(users=7, length=23))
        windows = Windows.of(found, length=10, burn_in=4)
        rng = np.random.default_rng(0)
        targets = []
        for part in epoch(windows, 4, rng):
            read = batch(found, part, np.ones(len(found), np.float32), 10**6, rng)
            event = part.low[read.user] + read.at % read.item.shape[1]
            assert (found.item[event] == read.target).all()
            targets += event.tolist()
        assert sorted(targets) == list(range(len(found)))

    def test_what_a_user_has_had(self):
        """Named by the place of its first time, from the user's first event on."""
        found = history(dataset([0, 0, 0, 0, 1], [0, 1, 0, 2, 2]))
        windows = Windows.of(found, length=2, burn_in=0)
        had = had_at(found, windows, np.arange(3), 3)
        later = np.iinfo(np.int32).max
        assert had.tolist() == [[0, 1, later], [0, 1, 3]]


class TestLoss:
    """The softmax, its gradients and its sample."""

    def test_loss_and_gradients_equal_autograd(self):
        """With columns hidden, weights and several blocks."""
        draw = torch.Generator().manual_seed(0)
        query, leave, bias = (
            torch.randn(size, generator=draw, requires_grad=True)
            for size in ((700, 4), (900, 4), (900,))
        )
        target = torch.arange(700)
        weight = torch.rand(700, generator=draw)
        had = torch.full((1, 900), 10, dtype=torch.int32)
        had[0, 800:] = 0
        hidden = had, torch.zeros(700, dtype=torch.int64), torch.ones(700, dtype=torch.int32)
        loss = softmax_loss(query, leave, bias, target, weight, hidden)
        ours = [column.grad.clone() for column in (query, leave, bias)]
        for column in (query, leave, bias):
            column.grad = None
        score = (query @ leave.T + bias)[:, :800]
        each = torch.nn.functional.cross_entropy(score, target, reduction="none")
        wanted = (each * weight).sum() / weight.sum()
        wanted.backward()
        assert loss == pytest.approx(wanted.item(), rel=1e-5)
        for found, column in zip(ours, (query, leave, bias), strict=True):
            assert torch.allclose(found, column.grad, atol=1e-6)

    def test_a_sample_estimates_the_whole_softmax(self):
        """The mean over many samples is near the loss over all items."""
        data = chain(users=40, items=200, length=20)
        found, rng = history(data), np.random.default_rng(1)
        drawer = Drawer(found, TrainSettings(whole_softmax=0, negatives=100))
        draw = torch.Generator().manual_seed(0)
        leave, query = torch.randn(200, 4, generator=draw), torch.randn(50, 4, generator=draw)
        bias, one = torch.zeros(200), torch.ones(50)
        target = found.item[rng.choice(len(found), 50)]
        losses = []
        for _ in range(40):
            candidates = drawer.draw(np.unique(target), rng)
            columns = torch.from_numpy(candidates.column[target])
            losses.append(
                softmax_loss(
                    query.requires_grad_(),
                    leave[candidates.items].requires_grad_(),
                    bias[candidates.items].requires_grad_(),
                    columns,
                    one,
                    correction=torch.from_numpy(candidates.correction),
                )
            )
        whole = torch.nn.functional.cross_entropy(query @ leave.T, torch.from_numpy(target))
        assert np.mean(losses) == pytest.approx(whole.item(), abs=0.1)

    def test_a_small_catalogue_is_not_sampled(self):
        """All its items are candidates."""
        found = history(chain())
        drawn = Drawer(found, TrainSettings()).draw(np.array([1]), np.random.default_rng(0))
        assert drawn.items.tolist() == list(range(30))
        assert drawn.correction is None


def test_decayed_sums_equal_a_loop():
    """However many chunks the events fill."""
    torch.manual_seed(0)
    network = Network(Shape(1, 0, 1, 3, 4, 2))
    x = torch.randn(2, 75, 3)
    with torch.no_grad():
        found, decay = network.sums(x), torch.sigmoid(network.decay)
        state = torch.zeros(2, 4, 3)
        for t in range(75):
            assert torch.allclose(found[:, t], state, atol=1e-5)
            gain = (network.gain * torch.sqrt(1 - decay**2))[:, None]
            state = decay[:, None] * state + x[:, t, None] * gain


def test_the_rate_rises_and_falls():
    """Its peak is at a fifth of the steps."""
    assert one_cycle(0.2, 1.0) == 1.0
    assert one_cycle(0.0, 1.0) == pytest.approx(0.04)
    assert one_cycle(1.0, 1.0) == pytest.approx(0.0)
