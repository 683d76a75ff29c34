"""The template of a learner in one file passes the shared checks, and learns."""

import inspect
import sys
import textwrap
from types import ModuleType

import numpy as np
import pytest
from safetensors.numpy import save_file

import models
from models import whole_file
from models.checks import CHECKS
from models.errors import CodecError, LearnerError
from models.events import EventBatch
from models.hashing import item_hashes
from models.learner import Log
from models.replay import replay
from models.samples import sample_log
from models.scorer import Scorer


def template() -> type[Scorer]:
    """Run the code in the package's docstring as a module."""
    text = inspect.cleandoc(models.__doc__ or "")
    code = text[text.index('    """What was liked') : text.index("Then `headwater evaluate")]
    module = ModuleType("template")
    sys.modules["template"] = module
    exec(compile(textwrap.dedent(code), "template.py", "exec"), module.__dict__)
    return module.__dict__["Follower"]


Follower = template()


@pytest.mark.parametrize("repeats", [False, True])
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_template_holds_to_the_contract(check, repeats):
    """What a reader copies from the docstring works."""
    check(Follower(repeats=repeats))


def test_the_template_learns_what_follows():
    """After fitting to a log in which b follows a, a user at a gets b."""
    ids = ("a", "b", "c", "d")
    hashes = item_hashes(ids)
    when = 1_600_000_000_000 + 1000 * np.arange(6)
    ones = np.ones(6)
    run = EventBatch.of([0, 0, 1, 1, 2, 2], hashes[[0, 1, 0, 1, 2, 3]], ones, ones, when, ones)
    log = Log(3, ids, (run,))
    learner = Follower().fit(log)
    state = replay(learner, log)
    at_a = EventBatch.of([0], hashes[:1], [1], [1], [1_600_000_010_000], [True])
    states, _ = learner.adapt(learner.initial(1), at_a, state.catalogue)
    lists = learner.recommend(states, state.gate, state.catalogue, 1)
    assert state.catalogue.ids(lists.position[0]) == ["b"]


@pytest.fixture
def path(tmp_path):
    """A file of a learner that has learned."""
    path = tmp_path / "learner.safetensors"
    Follower(learned={"pairs": np.arange(64, dtype=np.uint64).reshape(32, 2)}).save(path)
    return path


def test_a_file_of_another_learner_is_refused(path):
    """By name."""

    class Other(Follower):
        """Another."""

    with pytest.raises(CodecError, match="of Follower, not of"):
        Other.load(path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-4],
        lambda content: content[:-4] + bytes([content[-4] ^ 1]) + content[-3:],
        lambda content: content.replace(b'"repeats": "0"', b'"repeats": "1"'),
        lambda _: b"",
        lambda _: b"no learner at all",
    ],
    ids=["cut short", "one bit turned", "other repeats", "empty", "text"],
)
def test_a_damaged_file_is_refused(path, damage):
    """By name, whatever was damaged."""
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(CodecError, match=f"{path} is damaged"):
        Follower.load(path)


def test_a_file_without_a_digest_is_refused(path):
    """Nobody could tell whether it is damaged."""
    save_file({"pairs": np.zeros((1, 2))}, path, {"of": "Follower", "repeats": "0"})
    with pytest.raises(CodecError, match=f"{path} has no sha256"):
        Follower.load(path)


def test_a_save_that_fails_leaves_the_old_file(path, monkeypatch):
    """The new file takes the old one's place only once it is whole; nothing else stays behind."""
    before = path.read_bytes()

    def fails(_):
        raise OSError("no space left")

    monkeypatch.setattr(whole_file.os, "fsync", fails)
    with pytest.raises(OSError, match="no space"):
        Follower(learned={"pairs": np.zeros((1, 2), dtype=np.uint64)}).save(path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_the_same_content_gives_the_same_bytes(path, tmp_path):
    """So that files can be compared."""
    again = tmp_path / "again.safetensors"
    Follower.load(path).save(again)
    assert again.read_bytes() == path.read_bytes()


class Broken(Follower):
    """Scores by what it is given."""

    given = np.nan

    def scores(self, states, catalogue):
        """No numbers."""
        return super().scores(states, catalogue) * self.given


def test_scores_that_are_no_numbers_win_nothing():
    """All items are equally bad: a target ties with all others."""
    learner = Broken()
    state = replay(learner, sample_log())
    states = learner.unpack_users(state.users)
    targets = np.arange(len(states))
    ranks = learner.ranks(states, state.gate, state.catalogue, targets)
    listed = ranks.better >= 0
    assert (ranks.better[listed] == 0).all()
    assert (ranks.ties[listed] == ranks.among[listed] - 1).all()


def test_scores_of_another_shape_are_refused():
    """In words, not somewhere inside."""

    class Shape(Follower):
        """Too few."""

        def scores(self, states, catalogue):
            return np.zeros((1, 3), dtype=np.float32)

    state = replay(Shape(), sample_log())
    states = Shape().unpack_users(state.users)
    with pytest.raises(LearnerError, match=r"Shape\.scores must give \(12, 80\), .*; got \(1, 3\)"):
        Shape().recommend(states, state.gate, state.catalogue, 3)
