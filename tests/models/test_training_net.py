"""The net's training: that it learns, stops, repeats itself, and goes on after a kill."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from support.logs import chain, dataset

torch = pytest.importorskip("torch")

from models.content import Content  # noqa: E402
from models.training.checkpoint import Checkpoint  # noqa: E402
from models.training.net_training import NetTraining, key, why_not  # noqa: E402
from models.training.progress import silent  # noqa: E402
from models.training.settings import TrainSettings  # noqa: E402

SMALL = TrainSettings(width=16, hidden=32, epochs=8, batch=8, rate=1e-2, device="cpu")
CONTENTS = [
    Content(f"Film {number} (19{number % 90 + 10})", (f"genre {number % 7}",))
    for number in range(30)
]


def trained(data, settings=SMALL, progress=silent, checkpoint=None):
    """Train on all of a dataset."""
    return NetTraining(data, len(data), settings, progress, checkpoint).run()


def payload(nets):
    """All weights as bytes."""
    weights = [column.tobytes() for model in nets[:2] for column in model.weights()]
    return b"".join(weights)


@pytest.fixture(scope="module")
def nets():
    """Trained on a chain of items with contents."""
    return trained(chain(contents=CONTENTS))


def test_the_net_finds_the_successor(nets):
    """Of a user who takes one item after the other; chance would be a third."""
    assert nets.hit_rate > 0.9


def test_without_contents_it_learns_from_ids_alone():
    """Features may be missing altogether."""
    nets = trained(chain())
    assert nets.before.features.size == 0
    assert nets.hit_rate > 0.9


def test_a_sampled_softmax_learns_too():
    """Where the catalogue counts as large."""
    settings = TrainSettings(
        width=16, hidden=32, epochs=8, batch=8, rate=1e-2, whole_softmax=0, negatives=5
    )
    assert trained(chain(), settings).hit_rate > 0.8


def test_repeats_may_be_targets():
    """A user who goes through few items again and again is predicted only where that is asked."""
    data = chain(items=5, length=30)
    assert trained(data).hit_rate == 0.0
    repeated = TrainSettings(
        width=16, hidden=32, epochs=4, batch=8, rate=1e-2, device="cpu", repeats=True
    )
    assert trained(data, repeated).hit_rate == 1.0


def test_equal_seeds_give_equal_weights(nets):
    """To the last bit, whatever the threads; another seed gives others."""
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        again = trained(chain(contents=CONTENTS))
    finally:
        torch.set_num_threads(threads)
    assert payload(again) == payload(nets)
    other = trained(chain(contents=CONTENTS), TrainSettings(**{**vars_of(SMALL), "seed": 1}))
    assert payload(other) != payload(nets)


def vars_of(settings):
    """A settings' fields."""
    return {name: getattr(settings, name) for name in settings.__dataclass_fields__}


def test_random_numbers_of_others_are_left_alone():
    """Training draws its own."""
    torch.manual_seed(7)
    wanted = torch.rand(1)
    torch.manual_seed(7)
    trained(chain(users=10), TrainSettings(width=4, hidden=4, epochs=1, device="cpu"))
    assert torch.equal(torch.rand(1), wanted)


def test_training_stops_when_validation_gets_no_better():
    """And the best weights are kept."""
    steps = []
    settings = TrainSettings(width=4, hidden=4, epochs=30, patience=2, rate=1e-9, device="cpu")
    nets = trained(chain(users=10), settings, steps.append)
    rates = [step.hit_rate for step in steps if step.loss is not None]
    assert nets.epochs == len(rates) < 30
    assert nets.hit_rate == max(rates) == rates[nets.best - 1]
    assert nets.epochs == nets.best + 2


def test_newest_events_are_learned_too():
    """Items that only the last tenth has get vectors of their own."""
    user = [number % 10 for number in range(300)]
    item = [number // 10 for number in range(300)]
    nets = trained(dataset(user, item))
    assert len(nets.before.hashes) == 27
    assert len(nets.after.hashes) == 30
    weights = nets.after.weights()
    assert (np.diff(weights.item.astype(object)) > 0).all()
    assert np.abs(weights.leave).sum(axis=1).all()


def test_exported_weights_say_what_torch_says(nets):
    """The equations in plain numpy, event by event, give the same queries and vectors."""
    model, data = nets.after, chain(contents=CONTENTS)
    w = model.weights()
    events = np.flatnonzero(data.user == 3)
    place = np.searchsorted(w.item, data.hashes)
    features = np.zeros((len(data.items), model.features.size), np.float32)
    sparse = model.features.transform(data.contents)
    features[np.repeat(np.arange(30), np.diff(sparse.start)), sparse.feature] = sparse.weight
    enter = w.enter[place] + features @ w.content_enter
    state = np.zeros((len(w.decay), w.enter.shape[1]))
    rows = model.rows.rows(data.kind, data.value)
    gaps = [0] + [1 + int(np.log2(1 + 3600) / 2)] * (len(events) - 1)
    for event, gap in zip(events, gaps, strict=True):
        x = enter[data.item[event]] * (1 + w.value_scale[rows[event]])
        x = x + w.value_shift[rows[event]] + w.gap[gap]
        state = w.decay[:, None] * state + x * (w.gain * np.sqrt(1 - w.decay**2))[:, None]
    z = np.append(state.ravel(), 0.3 * np.log1p(len(events)))
    y = z @ w.read_in + w.read_in_bias
    y = 0.5 * y * (1 + np.tanh(np.sqrt(2 / np.pi) * (y + 0.044715 * y**3)))
    query = y @ w.read_out + w.read_out_bias + z @ w.read_linear
    network = model.network.eval()
    with torch.no_grad():
        one = [torch.from_numpy(column)[None] for column in (rows[events], np.array(gaps))]
        ids = torch.from_numpy(enter[data.item[events]])[None]
        ids, one = torch.cat([ids, ids[:, :1]], 1), [torch.cat([x, x[:, :1]], 1) for x in one]
        states = network.states(ids, *one)[:, -1]
        wanted = network.queries(states, torch.tensor([float(len(events))]))[0].numpy()
    assert np.allclose(query, wanted, atol=1e-4)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (chain(users=2, length=10), "50 events"),
        (dataset([0, 1] * 40, [0] * 80), "two items"),
        (dataset([0, 1] * 40, [*range(40)] * 2, positive=[False] * 80), "positive"),
        (dataset(range(80), [*range(40)] * 2), "users with two events"),
    ],
)
def test_logs_that_train_no_net(data, reason):
    """Each with its reason."""
    assert reason in why_not(data, len(data))


@pytest.mark.parametrize(
    "data",
    [
        dataset([0] * 80, [*range(40)] * 2),
        dataset([*range(8)] * 10, [*range(40)] * 2, time=[5] * 80),
        dataset([*range(8)] * 10, [*range(40)] * 2, positive=[True] * 40 + [False] * 40),
        dataset([*range(8)] * 10, [*range(40)] * 2, value=[np.inf, -1.0, np.nan, 2.0] * 20),
    ],
)
def test_odd_logs_that_train_a_net(data):
    """One user, all events at one time, no target to validate on, odd values."""
    assert why_not(data, len(data)) is None
    nets = trained(data, TrainSettings(width=4, hidden=4, epochs=2, device="cpu"))
    assert all(np.isfinite(column).all() for column in nets.after.weights()[1:6])


class TestCheckpoint:
    """Going on after an interruption."""

    SCRIPT = """
import sys
from pathlib import Path
from support.logs import chain
from test_training_net import CONTENTS, SMALL, trained
from models.training.checkpoint import Checkpoint
from models.training.net_training import key
data = chain(contents=CONTENTS)
def show(step):
    if step.loss is not None or step.stage == "newest":
        print(step.stage, step.epoch, flush=True)
trained(data, SMALL, show, Checkpoint(Path(sys.argv[1]), key(data, len(data), SMALL)))
"""

    def test_a_killed_training_goes_on(self, nets, tmp_path):
        """Killed in the middle and resumed, it gives what an uninterrupted one gives."""
        path = tmp_path / "training"
        here = Path(__file__).parent
        folders = os.pathsep.join(map(str, (here, here.parent, here.parent.parent)))
        process = subprocess.Popen(
            [sys.executable, "-c", self.SCRIPT, str(path)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": folders},
        )
        with process:
            for line in process.stdout:
                if line.startswith("net 3"):
                    process.send_signal(signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL
        data, steps = chain(contents=CONTENTS), []
        told = []
        checkpoint = Checkpoint(path, key(data, len(data), SMALL), told.append)
        resumed = trained(data, SMALL, steps.append, checkpoint)
        assert len(told) == 1
        assert told[0].startswith("Going on from epoch ")
        assert f"{steps[0].stage} {steps[0].epoch}" != "net 0"
        assert payload(resumed) == payload(nets)

    @pytest.mark.parametrize(("stage", "epoch"), [("net", 2), ("newest", 0), ("newest", 2)])
    def test_an_interrupted_training_goes_on(self, nets, tmp_path, stage, epoch):
        """Wherever it was, also while it learns the newest events."""
        data, steps = chain(contents=CONTENTS), []
        checkpoint = Checkpoint(tmp_path / "training", key(data, len(data), SMALL))

        def interrupt(step):
            if (step.stage, step.epoch) == (stage, epoch) and step.part > 0.5:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            trained(data, SMALL, interrupt, checkpoint)
        resumed = trained(data, SMALL, steps.append, checkpoint)
        assert (steps[0].stage, steps[0].epoch) == (stage, epoch)
        assert payload(resumed) == payload(nets)

    def test_other_settings_start_anew(self, tmp_path):
        """With a note; so does a file that is no checkpoint."""
        path, told, state = tmp_path / "training", [], {"ran": 2, "warm": 1}
        one, other = (Checkpoint(path, key, told.append) for key in ("one", "two"))
        one.save(state)
        assert one.load() == state
        assert other.load() is None
        over = "the training starts over."
        assert told == [
            f"Going on from epoch 3 of {path}.",
            f"{path} is of other data, another seed or other settings: {over}",
        ]
        for damage in (b"", b"damaged", path.read_bytes()[:200]):
            path.write_bytes(damage)
            assert one.load() is None
            assert told[-1].startswith(f"{path} is damaged (")
            assert told[-1].endswith(over)
        path.unlink()
        assert one.load() is None
        assert len(told) == 5

    def test_a_reader_never_sees_half_a_file(self, tmp_path):
        """What is written replaces the file when it is whole."""
        checkpoint = Checkpoint(tmp_path / "deep" / "training", "key")
        before = time.time_ns()
        for warm in (0, 1):
            checkpoint.save({"ran": before, "warm": warm})
            assert checkpoint.load() == {"ran": before, "warm": warm}
        assert [file.name for file in (tmp_path / "deep").iterdir()] == ["training"]
