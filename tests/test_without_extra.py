"""A worker is installed without the extra `train`, and serves a snapshot all the same."""

import subprocess
import sys
from pathlib import Path

from support.nets import random_mixture

# Serves: everything that a worker imports, a snapshot, an event, a list. `None` in sys.modules
# makes an import fail as it would where the package is missing.
PROGRAM = """
import sys
from pathlib import Path

for name in ("torch", "polars", "matplotlib", "implicit"):
    sys.modules[name] = None

import agents.worker
from agents.adapt_users import Arrival, fold_users
from agents.records import Place, TopicCode
from agents.score import ids_of, lists_for
from agents.snapshot import load_learner
from stream.cli import application
from stream.rules import Rules
from stream.schemas import Event
from stream.settings import Settings

application()
learner = load_learner(Settings(model=Path(sys.argv[1])))
catalogue = learner.catalogue()
catalogue.update(["a", "b", "c"], [True] * 3, [0] * 3, [None] * 3)
place = Place(TopicCode.EVENTS, 0, 0, 1_700_000_000_000)
event = Event("u", "like", place.broker_ms, item_id="b")
fold = fold_users(learner, Rules(), catalogue, {"u": None}, [Arrival("u", place, place, 0, event)])
(items,) = lists_for(learner, fold.after, learner.initial_gate(), catalogue, 3)
print(learner.version.hex(), *sorted(ids_of(items)))
"""


def test_a_worker_serves_a_snapshot_without_what_training_needs(tmp_path: Path) -> None:
    """In a process in which none of it can be imported."""
    path = tmp_path / "small.safetensors"
    learner = random_mixture(1, ["a", "b", "c"])
    learner.save(path)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [learner.version.hex(), "a", "c"]
