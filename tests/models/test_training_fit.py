"""From a log to a mixture: the gate's start, refreshing, and what is served."""

import numpy as np
import pytest
from support.logs import chain, dataset

torch = pytest.importorskip("torch")

from models.content import Content  # noqa: E402
from models.events import EventBatch  # noqa: E402
from models.gate import NAMES, NET  # noqa: E402
from models.mixture import Mixture  # noqa: E402
from models.training import TrainSettings, refresh, train  # noqa: E402

SETTINGS = TrainSettings(width=16, hidden=32, epochs=6, batch=8, rate=1e-2, device="cpu")
CONTENTS = [Content(categories=(f"genre {number % 7}",)) for number in range(30)]


@pytest.fixture(scope="module")
def data():
    """Users who take one item after the other."""
    return chain(contents=CONTENTS)


@pytest.fixture(scope="module")
def trained(data):
    """Trained on all but the last events."""
    return train(data, 1080, SETTINGS)


def batch(data, first, end):
    """Events as the learner takes them."""
    rows = slice(first, end)
    item = data.hashes[data.item[rows]]
    columns = (data.kind[rows], data.value[rows], data.time[rows], data.positive[rows])
    return EventBatch.of(data.user[rows], item, *columns)


def test_the_net_has_a_say_from_the_start(trained, data):
    """Its weight is learned on events that it had not seen, and the notes say what was done."""
    mixture = trained.mixture
    assert mixture.initial_gate().columns.weight[NET] > 0
    learns = mixture.initial_gate().columns.learns
    assert [NAMES[place] for place in np.flatnonzero(learns == 0)] == ["taste"]  # without ratings
    assert mixture.trained_until == data.time[1079]
    assert mixture.notes["events"] == 1080
    assert mixture.notes["fingerprint"] == data.fingerprint
    assert 0.9 < mixture.notes["validation hit_rate@10"] <= 1


def test_the_served_net_says_what_torch_says(trained, data):
    """States folded by the learner give torch's queries and vectors, to 1e-4."""
    mixture, model = trained.mixture, trained.model
    catalogue = mixture.catalogue()
    catalogue.describe(data.items, data.contents)
    states, _ = mixture.adapt(mixture.initial(60), batch(data, 0, 1080), catalogue)
    size = mixture.net.size
    query = mixture.net.read_out(states.columns.fast, states.count)[:, :size]
    enter, leave, bias = mixture.net.vectors(data.hashes, data.contents)
    enter, leave = enter[:, :size], leave[:, :size]
    network = model.network.eval()
    order = np.argsort(data.user[:1080], kind="stable").reshape(60, 18)
    table = torch.from_numpy(model.table(data.hashes))
    gap = np.where(np.arange(18) == 0, 0, 1 + int(np.log2(1 + 3600) / 2))
    rows = model.rows.rows(data.kind[:1080], data.value[:1080])[order]
    with torch.no_grad():
        columns = (
            data.item[order].astype(np.int64),
            rows,
            np.broadcast_to(gap, order.shape).copy(),
        )
        item, row, gaps = (torch.from_numpy(np.c_[x, x[:, :1]]) for x in columns)
        vectors = torch.nn.functional.embedding(item, torch.from_numpy(enter))
        states_ = network.states(vectors, row, gaps)[:, -1]
        wanted = network.queries(states_, torch.full((60,), 18.0)).numpy()
        wanted_bias = network.biases(table).numpy()
    assert np.allclose(query, wanted, atol=1e-4)
    assert np.allclose(bias, wanted_bias, atol=1e-6)
    assert np.allclose(
        leave[0] - leave[7], (network.leave[table[0]] - network.leave[table[7]]).detach(), atol=1e-5
    )


def test_a_snapshot_keeps_what_was_trained(trained, tmp_path):
    """Saved and loaded it is the same learner."""
    path = tmp_path / "snapshot.safetensors"
    trained.mixture.save(path)
    loaded = Mixture.load(path)
    assert loaded.version == trained.mixture.version
    assert loaded.notes == trained.mixture.notes


def test_equal_seeds_give_equal_learners(trained, data):
    """Net and gate, to the last bit."""
    assert train(data, 1080, SETTINGS).mixture.version == trained.mixture.version


def test_refreshing_learns_what_came_since(trained, data):
    """The gate starts as before; without new events nothing changes."""
    after = refresh(trained, data, len(data))
    assert after.mixture.trained_until == data.time[-1]
    assert after.mixture.initial_gate().pack() == trained.mixture.initial_gate().pack()
    assert after.mixture.version != trained.mixture.version
    assert after.mixture.notes["events"] == len(data)
    assert refresh(trained, data, 1080) is trained


def test_refreshing_gives_new_items_vectors(data):
    """Also where the items come in another order."""
    user = [number % 10 for number in range(300)]
    item = [29 - number // 10 for number in range(300)]
    log = dataset(user, item)
    first = train(log, 200, SETTINGS)
    after = refresh(first, log, 300)
    assert len(first.model.hashes) == 20
    assert len(after.model.hashes) == 30
    assert np.abs(after.mixture.net.weights.leave).sum(axis=1).all()


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        (dataset([], []), "50 events"),
        (dataset([0], [0]), "50 events"),
        (dataset([0, 1] * 40, [0] * 80), "two items"),
        (dataset([0, 1] * 40, [*range(40)] * 2, positive=[False] * 80), "positive"),
        (dataset(range(80), [*range(40)] * 2), "users with two events"),
    ],
)
def test_where_no_net_can_be_trained_counters_serve(log, reason):
    """The notes say why; refreshing tries again."""
    trained = train(log, len(log), SETTINGS)
    assert trained.mixture.net is None
    assert trained.model is None
    assert reason in trained.mixture.notes["net"]
    assert reason in refresh(trained, log, len(log)).mixture.notes["net"]


def test_the_checkpoint_stays_until_the_mixture_is_saved(data, tmp_path):
    """A disk that is full then costs no epoch."""
    path = tmp_path / "training"
    train(data, 500, SETTINGS, checkpoint=path)
    assert path.exists()


def test_features_need_no_items_file():
    """A log without any contents trains on ids alone."""
    trained = train(chain(users=30), 600, SETTINGS)
    assert trained.mixture.net.features.size == 0
