"""Hashes, type codes and the kernels' promise to compile nothing at run time."""

import subprocess
import sys

import numpy as np
import pytest

from models import gate_step, ranking, user_states
from models.events import EventBatch, type_code
from models.hashing import item_hash, item_hashes


def test_hashes_are_fixed():
    """Rows outlive processes, so an id's hash is the same for ever, and never 0."""
    assert item_hash("1") == 0x7637BA9F0342FCF6
    assert item_hashes(["a", "b"]).tolist() == [item_hash("a"), item_hash("b")]
    assert item_hashes(["a"]).dtype == np.uint64


def test_type_codes_are_fixed():
    """Standard types have their own codes, added ones lie above them."""
    standard = ["view", "click", "like", "dislike", "cart", "purchase"]
    standard += ["rate", "share", "comment", "follow", "search"]
    assert [type_code(name) for name in standard] == list(range(11))
    assert type_code("impression") == 11
    assert 32 <= type_code("watched") == type_code("watched") <= 255


def test_events_may_be_selected():
    """A selection keeps the order it was asked for."""
    events = EventBatch.of([0, 1, 2], [5, 6, 7], [0] * 3, [None, 1.0, 2.0], [0] * 3, [True] * 3)
    chosen = events.select(np.array([2, 0]))
    assert chosen.item.tolist() == [7, 5]
    assert len(chosen) == 2


def test_nothing_is_compiled_at_run_time():
    """A read-only array, or one of another type, is an error, not another compilation."""
    frozen = np.zeros(0, dtype=np.uint8)
    frozen.flags.writeable = False
    for kernel in (ranking.recommend, gate_step.learn, user_states._copy):
        assert len(kernel.signatures) == 1
    with pytest.raises(TypeError):
        user_states._copy(frozen, frozen)


def test_a_second_start_compiles_nothing():
    """Kernels are loaded from the cache that an earlier process filled."""
    program = (
        "from models import ranking, gate_step; from models.kernels import warm; warm();"
        "print([sum(k.stats.cache_misses.values()) for k in (ranking.recommend, gate_step.learn)])"
    )
    came = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert came.stdout.strip() == "[0, 0]"
