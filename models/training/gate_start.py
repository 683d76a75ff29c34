"""The gate from which a snapshot's partitions start: learned on events that its net has not seen.

The log is replayed as workers would apply it. Until the last tenth there is no net and the
counters' weights alone are learned, on the newest of these events; over the last tenth a net that
was trained on the rest has its say, as it will when it serves.
"""

from collections.abc import Callable
from typing import Final

import numpy as np

from models.catalogue import Catalogue
from models.dataset import Dataset
from models.gate import NET, TASTE, Gate
from models.learner import Log
from models.mixture import Mixture, MixtureSettings
from models.net import Net
from models.replay import Replayed, go_on

_RUN: Final = 64
_FAST_RUN: Final = 4096
"""Of events that teach the gate nothing."""
_TEACHING: Final = 20_000
"""Events before the last tenth that teach the counters' weights."""
_NET_START, _TASTE_START = 1.0, 0.2
"""The weights of net and taste, in deviations, before the net's tenth: on MovieLens-100K that of
the net went from .6 to 1.4."""
_SAMPLE_USERS, _SAMPLE_ITEMS = 256, 128


def learn_start(
    data: Dataset,
    cut: int,
    end: int,
    settings: MixtureSettings,
    net: Net | None,
    report: Callable[[float], None],
) -> Gate:
    """Learn the gate from events [0, end), of which `net` has seen none from `cut` on.

    Report is told what part is done.
    """
    teaching = max(0, cut - _TEACHING)
    counters = Mixture(settings, trained_until=_until(data, teaching))
    n = len(data.items)
    state = Replayed(
        [None] * len(data.users), [None] * n, counters.catalogue(), counters.initial_gate()
    )
    _fold(counters, data, 0, teaching, _FAST_RUN, state)
    report(0.2)
    _fold(counters, data, teaching, cut, _RUN, state)
    report(0.6)
    mixture = Mixture(settings, net=net, trained_until=_until(data, cut))
    if mixture.net is not None:
        state.catalogue = _described(mixture, data, cut, state)
        state.gate = _with_net(mixture, data, state)
    _fold(mixture, data, cut, end, _RUN, state)
    report(1.0)
    return _without_offsets(state.gate)


def _without_offsets(gate: Gate) -> Gate:
    """Let the weights by history start from nothing: a log's newest part has few new users.

    Kept as the last tenth leaves them, HR@10 of users with fewer than 5 events was .003 to .013
    lower in each of three runs (MovieLens-100K), and that of all .0003 to .0009.
    """
    columns = gate.copy().columns
    columns.offset[:] = 0.0
    columns.offset_square[:] = columns.bucket_steps[:] = 1.0
    return Gate(columns)


def _until(data: Dataset, first: int) -> int:
    """The time of the event before."""
    return int(data.time[first - 1]) if first else 0


def _fold(
    learner: Mixture, data: Dataset, first: int, end: int, size: int, state: Replayed
) -> None:
    starts = range(first, end, size)
    runs = tuple(data.batch(slice(start, min(start + size, end))) for start in starts)
    go_on(learner, Log(len(data.users), data.items, runs), state)


def _described(mixture: Mixture, data: Dataset, cut: int, state: Replayed) -> Catalogue:
    """Build a catalogue of the items so far, with what was announced of all that will come."""
    catalogue = mixture.catalogue()
    told = [item for item, content in enumerate(data.contents) if content is not None]
    contents = [data.contents[item] for item in told]
    catalogue.describe(
        [data.items[item] for item in told], [content for content in contents if content]
    )
    known = np.unique(data.item[:cut]).tolist()
    catalogue.update(
        [data.items[item] for item in known],
        [True] * len(known),
        [0] * len(known),
        [state.items[item] for item in known],
    )
    return catalogue


def _with_net(mixture: Mixture, data: Dataset, state: Replayed) -> Gate:
    """Let net and taste have their say, at their deviations over random users and items."""
    gate = state.gate.copy()
    draw = np.random.default_rng(0)
    had = [row for row in state.users if row is not None]
    users = [had[place] for place in draw.integers(0, len(had), _SAMPLE_USERS)]
    known = [item for item, row in enumerate(state.items) if row is not None]
    items = draw.choice(known, (_SAMPLE_USERS, _SAMPLE_ITEMS))
    places = state.catalogue.positions(data.hashes[items.ravel()]).reshape(items.shape)
    scores = mixture.module_scores(
        mixture.unpack_users(users), state.catalogue, places.astype(np.int32)
    )
    columns, learns = gate.columns, mixture.initial_gate().columns.learns
    for place, weight in ((NET, _NET_START), (TASTE, _TASTE_START)):
        if learns[place]:
            found = scores[:, :, place]
            columns.learns[place], columns.weight[place] = 1.0, weight
            columns.mean[place], columns.variance[place] = found.mean(), max(found.var(), 1e-6)
    return gate
