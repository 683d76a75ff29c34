"""What may vary: declared beside settings, narrowed by files, gathered into settings."""

import re
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the extra: pip install 'headwater[train]'")

from models.errors import DataError
from models.evaluation.contest import Context
from models.evaluation.contestants import CONTESTANTS, contestant
from models.gate import NAMES
from models.meta import LEARNERS, learner_of
from models.search.files import Found, checked, read_settings, write_settings
from models.search.modules import MODULES, features_of
from models.search.space import ON_OFF, Choice, Float, Int, gathered, read_space, start_of
from models.search.subject import subject_of

SPACE = {
    "width": Int(16, 128, log=True),
    "rate": Float(1e-3, 1e-1, log=True),
    "base": Choice(("dot", "mlp")),
    "modules.net": ON_OFF,
    "modules.liking": ON_OFF,
}
DEFAULTS = {"width": 64, "rate": 0.5, "base": "dot", "modules": ("liking", "net"), "other": 1}


def narrowed(path: Path, text: str):
    """Read such a file."""
    path.write_text(text)
    return read_space(path, SPACE)


def test_a_search_starts_at_the_defaults_or_the_nearest_point() -> None:
    """A default out of range is at its end."""
    start = start_of(SPACE, DEFAULTS)
    assert start == {
        "width": 64, "rate": 0.1, "base": "dot", "modules.net": True, "modules.liking": True,
    }  # fmt: skip


def test_of_numbers_the_nearest_is_tried_first() -> None:
    """Of texts the first."""
    space = {"width": Choice((16, 48, 128)), "rate": Choice((0.01, 0.02)), "base": Choice(("mlp",))}
    assert start_of(space, DEFAULTS) == {"width": 48, "rate": 0.02, "base": "mlp"}


def test_options_become_a_list_in_the_default_order() -> None:
    """Those that are off are left out; what is not told stays."""
    assert gathered({"width": 32, "modules.liking": False}, DEFAULTS) == {
        "width": 32, "modules": ("net",),
    }  # fmt: skip
    both = {"modules.net": True, "modules.liking": True}
    assert gathered(both, DEFAULTS) == {"modules": ("liking", "net")}
    assert gathered(dict.fromkeys(both, False), DEFAULTS) == {"modules": ()}


def test_a_file_searches_what_it_names_alone(tmp_path: Path) -> None:
    """Ranges, lists, values that stay, and what is as declared."""
    found = narrowed(
        tmp_path / "space.toml",
        "width = [32, 64]\nrate = {high = 0.01}\nbase = {}\n[modules]\nnet = false\n",
    )
    assert found.space == {
        "width": Choice((32, 64)), "rate": Float(1e-3, 1e-2, log=True), "base": SPACE["base"],
    }  # fmt: skip
    assert found.fixed == {"modules.net": False}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("widht = [32]", "unknown widht; what can be searched is width, rate"),
        ("modules.nett = true", "unknown modules.nett"),
        ("width = 32", "leaves nothing to search"),
        ("width = []", "an empty list"),
        ("width = [1.5]", "width is a whole number; got 1.5"),
        ("rate = [true]", "rate is a number; got True"),
        ("rate = {low = nan}", "rate.low is a number"),
        ("rate = {low = 0.1}", "needs a low end above 0 below the high one"),
        ("rate = {low = 0.0}", "rate.low is searched within 0.001 and 0.1; got 0"),
        (
            "rate = {low = 0.01, high = 1e9}",
            "rate.high is searched within 0.001 and 0.1; got 1e+09",
        ),
        ("rate = [0.01, 1]", "rate is searched within 0.001 and 0.1; got 1"),
        ("width = {low = -16, high = 64}", "width.low is searched within 16 and 128; got -16"),
        ("rate = {low = 0.01, step = 2}", "has low, high and log; got step"),
        ("rate = {log = 1}", "log is true or false"),
        ('base = ["cosine"]', "base may be 'dot', 'mlp'; got 'cosine'"),
        ("base = {low = 1}", "takes a list"),
        ("modules.net = [1]", "may be True, False; got 1"),
        ("width = ", "is no TOML"),
    ],
)
def test_a_wrong_file_is_told_by_what_is_wrong(tmp_path: Path, text: str, why: str) -> None:
    """With the parameter's name."""
    with pytest.raises(DataError, match=re.escape(why)):
        narrowed(tmp_path / "space.toml", text)
    with pytest.raises(DataError, match="cannot be read"):
        read_space(tmp_path / "absent.toml", SPACE)


def test_settings_come_back_as_they_were_written(tmp_path: Path) -> None:
    """With comments; whole numbers where the default has a fraction are taken."""
    path = tmp_path / "best.toml"
    settings = {"width": 48, "rate": 1e-05, "base": "mlp", "modules": ("net",)}
    write_settings(path, Found("mixture", settings), ["found so"])
    assert path.read_text().startswith("# found so\n")
    assert checked(path, read_settings(path), DEFAULTS) == settings
    assert checked(path, Found("mixture", {"rate": 1}), DEFAULTS) == {"rate": 1.0}


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"widht": 1, "rat": 2}, "unknown widht, rat; settings of mixture are width, rate"),
        ({"width": 1.5}, "width is a whole number; got 1.5"),
        ({"width": True}, "width is a whole number; got True"),
        ({"rate": float("inf")}, "rate is a finite number"),
        ({"rate": "fast"}, "rate is a finite number; got 'fast'"),
        ({"modules": "net"}, "modules is a list of names"),
    ],
)
def test_settings_that_do_not_fit_are_named(tmp_path: Path, settings, why: str) -> None:
    """Unknown ones, and those of another kind."""
    with pytest.raises(DataError, match=why):
        checked(tmp_path / "best.toml", Found("mixture", settings), DEFAULTS)


def test_modules_are_groups_of_all_features() -> None:
    """Each feature is in one; unknown modules are named."""
    assert features_of(MODULES) == NAMES
    assert sum(map(len, MODULES.values())) == len(NAMES)
    assert features_of(["net", "liking"]) == ("rate", "net")
    with pytest.raises(DataError, match="modules are popularity, liking"):
        features_of(["fun"])


def searchable() -> list[str]:
    """Learners with a space."""
    made = [(name, contestant(name, Context())) for name in CONTESTANTS]
    made += [(name, learner_of(name, {})) for name in LEARNERS]
    return [name for name, learner in made if hasattr(learner, "space")]


@pytest.mark.parametrize("name", searchable())
def test_every_declared_space_has_the_learners_own_settings(name: str) -> None:
    """What starts the search is what the learner does without one."""
    subject = subject_of(name, repeats=True)
    start = start_of(subject.space, subject.defaults)
    settings = gathered(start, subject.defaults)
    told = {key: subject.defaults[key] for key in settings}
    assert settings == told
    if subject.meta:
        assert learner_of(name, settings).settings == learner_of(name, {}).settings
    else:
        contestant(name, Context(settings={name: settings}))


def test_learners_without_a_space_are_named() -> None:
    """And those that do not exist."""
    with pytest.raises(DataError, match="popularity has no settings to search"):
        subject_of("popularity")
    with pytest.raises(DataError, match="got oracle"):
        subject_of("oracle")
    assert "modules.repeats" not in subject_of("counters").space
    assert "modules.repeats" in subject_of("counters", repeats=True).space
