"""The net as it is served, against its equations written down in plain numpy."""

from dataclasses import replace

import numpy as np
import pytest

from models.content import Content
from models.errors import CodecError
from models.events import EventBatch
from models.fast_weights import gap_of
from models.gate import NET, TASTE
from models.hashing import item_hash, item_hashes
from models.limits import RING
from models.mixture import Mixture, MixtureSettings
from models.net import Net
from models.replay import replay
from models.samples import CONTENTS, ITEMS, USERS, sample_events, sample_log, sample_net
from models.taste import RATE

NETWORK = sample_net()
MIXTURE = Mixture(net=NETWORK)


def plain_gap(seconds):
    """The gap's row by its formula."""
    return min(11, 1 + int(np.log2(1 + max(seconds, 0)) // 2))


def plain_value_row(weights, kind, value):
    """The value's row by its formula."""
    first, edges = weights.kind_first[kind], weights.kind_edges[kind]
    if first == 0 or np.isnan(value) or np.isinf(edges).all():
        return first
    return first + 1 + (edges < value).sum()


def plain_state(events, user, enter):
    """A user's fast weights after all events: [K, d]."""
    weights = NETWORK.weights
    state = np.zeros((len(weights.decay), NETWORK.size))
    before = None
    for place in np.flatnonzero(events.user == user):
        gap = 0 if before is None else plain_gap((events.time[place] - before) / 1000)
        row = plain_value_row(weights, events.kind[place], events.value[place])
        x = enter[place] * (1 + weights.value_scale[row])
        x = x + weights.value_shift[row] + weights.gap[gap]
        scale = weights.gain * np.sqrt(1 - weights.decay**2)
        state = weights.decay[:, None] * state + x * scale[:, None]
        before = events.time[place]
    return state


def plain_logits(state, count, leave, bias):
    """Logits of all items for one user."""
    weights = NETWORK.weights
    z = np.append(state.ravel(), 0.3 * np.log1p(count))
    x = z @ weights.read_in + weights.read_in_bias
    hidden = 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    query = hidden @ weights.read_out + weights.read_out_bias + z @ weights.read_linear
    return leave @ query + bias


def plain_vectors(ids, contents):
    """What items enter and leave by, and their biases."""
    weights = NETWORK.weights
    enter, leave = np.zeros((2, len(ids), NETWORK.size))
    bias = np.zeros(len(ids))
    for row, (name, content) in enumerate(zip(ids, contents, strict=True)):
        (at,) = (np.flatnonzero(weights.item == item_hash(name)),)
        if len(at):
            enter[row], leave[row] = weights.enter[at[0]], weights.leave[at[0]]
            bias[row] = weights.bias[at[0]]
        cells = NETWORK.features.transform([content])
        enter[row] += cells.weight @ weights.content_enter[cells.feature]
        leave[row] += cells.weight @ weights.content_leave[cells.feature]
    return enter, leave, bias


@pytest.fixture(scope="module")
def described():
    """A catalogue of all items with their content, and rows of few users' events."""
    catalogue = MIXTURE.catalogue()
    catalogue.update(ITEMS, [True] * len(ITEMS), [0] * len(ITEMS), [None] * len(ITEMS))
    catalogue.describe(ITEMS, CONTENTS)
    return catalogue


def test_gaps_are_those_of_the_formula():
    """From the first event's 0 over seconds to years; time that runs backwards is no time."""
    for seconds in (0, 0.5, 1, 2.9, 3, 14.9, 15, 63, 3600, 86_400, 10**6, 10**7, 10**9):
        assert gap_of(int(seconds * 1000)) == plain_gap(seconds)
    assert gap_of(-5000) == 1


def test_fast_weights_and_logits_are_those_of_the_equations(described):
    """Events of several kinds, with values and without, on known and unknown items."""
    events = sample_events(200)
    states, _ = MIXTURE.adapt(MIXTURE.initial(USERS), events, described)
    enter, leave, bias = plain_vectors(ITEMS, CONTENTS)
    place = {item_hash(name): row for row, name in enumerate(ITEMS)}
    entered = enter[[place[item] for item in events.item.tolist()]]
    positions = described.positions(item_hashes(ITEMS)).astype(np.int32)
    features = MIXTURE.module_scores(states, described, np.tile(positions, (USERS, 1)))
    for user in range(USERS):
        state = plain_state(events, user, entered)
        summed = states.columns.fast[user, : state.size]
        assert summed == pytest.approx(state.ravel(), abs=1e-5)
        logits = plain_logits(state, states.count[user], leave, bias)
        assert features[user, :, NET] == pytest.approx(logits - logits.mean(), abs=1e-4)


def plain_taste(events, user):
    """What a user's ratings of known items say of the user's taste, by one solve: [d]."""
    weights = NETWORK.weights
    dim = NETWORK.tastes + 1
    row, column = np.tril_indices(dim)
    told, precision = weights.taste_start[:dim].astype(float), np.zeros((dim, dim))
    precision[row, column] = weights.taste_start[dim:]
    for place in np.flatnonzero((events.user == user) & (events.kind == RATE)):
        (at,) = np.nonzero(weights.item == events.item[place])
        if len(at) and np.isfinite(events.value[place]):
            item = weights.taste[at[0]].astype(float)
            away = np.clip(events.value[place], *weights.taste_range) - item[0]
            told += item[1 : 1 + dim] * away + item[1 + dim : 1 + 2 * dim]
            precision[row, column] += item[1 + 2 * dim :]
    whole = np.tril(precision) + np.tril(precision, -1).T
    return np.linalg.solve(whole, told)[1:]


def test_tastes_are_those_of_one_solve_over_all_ratings(described):
    """Values below and above those known are cut; other events and unknown items say nothing."""
    events = sample_events(400)
    value = np.where(events.value == 5, 90, events.value).astype(np.float32)
    events = replace(events, value=value)
    states, _ = MIXTURE.adapt(MIXTURE.initial(USERS), events, described)
    known = NETWORK.weights.item
    positions = described.positions(known).astype(np.int32)
    features = MIXTURE.module_scores(states, described, np.tile(positions, (USERS, 1)))
    mean = described.vectors.leave[NETWORK.size :, : described.vectors.size].mean(axis=1)
    phi = NETWORK.weights.taste[:, 2 : 2 + NETWORK.tastes] / NETWORK.weights.taste[:, 1:2]
    for user in range(USERS):
        wanted = (phi - mean) @ plain_taste(events, user)
        assert wanted.any()
        assert features[user, :, TASTE] == pytest.approx(wanted, abs=1e-4)


def test_a_net_without_tastes_leaves_them_out():
    """Its gate has no weight for them."""
    mixture = Mixture(net=sample_net(tastes=0))
    learns = mixture.initial_gate().columns.learns
    assert (learns[NET], learns[TASTE]) == (1, 0)
    catalogue = mixture.catalogue()
    catalogue.update(ITEMS, [True] * len(ITEMS), [0] * len(ITEMS), [None] * len(ITEMS))
    states, _ = mixture.adapt(mixture.initial(USERS), sample_events(100), catalogue)
    scores = mixture.module_scores(states, catalogue, np.zeros((USERS, 3), dtype=np.int32))
    assert scores[..., NET].any()
    assert not scores[..., TASTE].any()


def test_content_alone_serves_an_item_that_training_did_not_know(described):
    """Without content such an item is nothing; what is announced later changes its vectors."""
    catalogue = MIXTURE.catalogue()
    (place,) = catalogue.positions(item_hashes(["new"]))
    assert not catalogue.vectors.enter[place].any()
    assert not catalogue.vectors.leave[:, place].any()
    catalogue.describe(["new"], [Content(categories=("kind-1",))])
    enter, leave, _ = plain_vectors(["new"], [Content(categories=("kind-1",))])
    vectors, size = catalogue.vectors, NETWORK.size
    assert vectors.enter[place, :size] == pytest.approx(enter[0], abs=1e-6)
    assert vectors.leave[:size, place] == pytest.approx(leave[0], abs=1e-6)
    assert not vectors.enter[place, size:].any()
    catalogue.describe(["new"], [Content()])
    assert not catalogue.vectors.enter[place].any()


def test_vectors_grow_with_the_catalogue():
    """More items than there was room for keep the vectors they have."""
    catalogue = MIXTURE.catalogue()
    catalogue.positions(item_hashes(ITEMS))
    first = catalogue.vectors.enter[: len(ITEMS)].copy()
    catalogue.positions(item_hashes([str(number) for number in range(5000)]))
    assert catalogue.vectors.size == len(ITEMS) + 5000
    np.testing.assert_array_equal(catalogue.vectors.enter[: len(ITEMS)], first)
    enter, _, _ = plain_vectors(ITEMS, [None] * len(ITEMS))
    assert first[:, : NETWORK.size] == pytest.approx(enter, abs=1e-6)


def test_an_event_on_an_item_without_a_position_enters_by_its_embedding():
    """The fold reads of the catalogue only what model and announcement fix."""
    event = EventBatch.of([0], item_hashes(ITEMS[:1]), [0], [None], [10**12], [True])
    bare, full = MIXTURE.catalogue(), MIXTURE.catalogue()
    full.positions(item_hashes(ITEMS))
    rows = [MIXTURE.adapt(MIXTURE.initial(1), event, one)[0].pack() for one in (bare, full)]
    assert rows[0] == rows[1]
    assert bare.shelves.size[0] == 0


def test_lists_hold_the_best_of_all_items():
    """With a net every item may lead: lists are those of scoring everything."""
    ids = tuple(f"item-{number}" for number in range(3000))
    mixture = Mixture(net=sample_net(known=item_hashes(ids)))
    catalogue = mixture.catalogue()
    catalogue.update(ids, [n % 7 > 0 for n in range(3000)], [0] * 3000, [None] * 3000)
    states, _ = mixture.adapt(mixture.initial(20), sample_events(900, 1, 20, 3000), catalogue)
    gate = mixture.initial_gate()
    positions = catalogue.positions(item_hashes(ids))
    features = mixture.module_scores(states, catalogue, np.tile(positions, (20, 1)))
    deviation = np.sqrt(gate.columns.variance) + 1e-3
    scores = features @ (gate.columns.weight / deviation)
    scores[:, ::7] = -np.inf
    for user in range(20):
        had = np.isin(item_hashes(ids) >> np.uint64(32), states.facts(user)["had"])
        scores[user, had] = -np.inf
    for length in (1, 10, 100, 3000):
        lists = mixture.recommend(states, gate, catalogue, length)
        wanted = -np.sort(-scores, axis=1)[:, :length]
        assert np.where(lists.position >= 0, lists.score, -np.inf) == pytest.approx(
            wanted, abs=1e-3
        )


def test_what_the_net_has_seen_teaches_the_gate_nothing(described):
    """Events up to the end of training leave the gate alone; those after it move it."""
    events = sample_events(40)
    end = int(np.sort(events.time)[20])
    learned = {
        until: Mixture(net=NETWORK, trained_until=until) for until in (end, int(events.time.max()))
    }
    states = MIXTURE.initial(USERS)
    gates = {
        until: mixture.learn_gate(mixture.initial_gate(), states, events, described, 1)
        for until, mixture in learned.items()
    }
    taught = ((events.time > end) & events.positive).sum()
    assert 1 < gates[end].columns.steps[0] <= 1 + taught
    assert gates[int(events.time.max())].columns.steps[0] == 1


def test_a_long_past_is_served_from_the_ring():
    """Another version's user is served from the last RING events, whatever came before."""
    older = Mixture(net=sample_net(seed=1))
    events = sample_events(3 * RING, users=1)
    catalogue = older.catalogue()
    states, _ = older.adapt(older.initial(1), events, catalogue)
    taken = MIXTURE.unpack_users(states.pack())
    last = events.select(slice(len(events) - RING, None))
    wanted, _ = MIXTURE.adapt(MIXTURE.initial(1), last, MIXTURE.catalogue())
    assert MIXTURE._fast(taken, MIXTURE.catalogue()) == pytest.approx(wanted.columns.fast)


def test_rows_of_a_mixture_without_a_net_are_taken_over():
    """Counters' rows have no fast weights, and a net's rows lose them where there is no net."""
    state = replay(Mixture(), sample_log())
    states = MIXTURE.unpack_users(state.users)
    assert not states.columns.version.any()
    catalogue = MIXTURE.catalogue()
    after, _ = MIXTURE.adapt(states, sample_events(60), catalogue)
    assert after.columns.fast.any(axis=1).all()
    back = Mixture().unpack_users(after.pack())
    assert back.width == 0
    for user in range(USERS):
        assert back.facts(user)["ring"] == after.facts(user)["ring"]


def test_another_learners_states_and_catalogue_are_refused():
    """They would be read with the wrong vectors."""
    events = sample_events(3)
    with pytest.raises(ValueError, match="this learner"):
        MIXTURE.adapt(MIXTURE.initial(USERS), events, Mixture().catalogue())
    with pytest.raises(ValueError, match="this learner"):
        Mixture().adapt(MIXTURE.initial(USERS), events, Mixture().catalogue())


def test_a_mixture_whose_features_leave_the_net_out_has_none():
    """The counters of a snapshot are the same learner without its net."""
    counters = Mixture(MixtureSettings(features=("liked", "day")), net=NETWORK)
    assert counters.net is None
    assert counters.initial(1).width == 0


def test_too_many_fast_weights_are_refused():
    """A user's row could not hold them."""
    with pytest.raises(CodecError, match="fast weights number 1 to 65535; the net has 70000"):
        sample_net(size=7000, scales=10, hidden=1)


def test_ranks_of_equal_scores_are_ties():
    """Where nothing is known all items tie."""
    nothing = Net(
        NETWORK.weights._replace(
            bias=np.zeros_like(NETWORK.weights.bias), leave=np.zeros_like(NETWORK.weights.leave)
        ),
        NETWORK.features,
    )
    mixture = Mixture(MixtureSettings(features=("net",)), net=nothing)
    catalogue = mixture.catalogue()
    catalogue.update(ITEMS, [True] * len(ITEMS), [0] * len(ITEMS), [None] * len(ITEMS))
    targets = np.array([3, -1])
    ranks = mixture.ranks(mixture.initial(2), mixture.initial_gate(), catalogue, targets)
    assert ranks.better.tolist() == [0, -1]
    assert ranks.ties.tolist() == [len(ITEMS) - 1, 0]
    assert ranks.among.tolist() == [len(ITEMS)] * 2
