"""Settings: precedence, where each came from, one sentence for each mistake."""

from pathlib import Path

import pytest

from stream.errors import SettingsError
from stream.settings import Settings, load


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_defaults_are_the_design_s() -> None:
    """Without anything given, the documented defaults are in force."""
    loaded = load()
    assert loaded.settings.broker == "localhost:9092"
    assert loaded.settings.list_length == 10
    assert loaded.settings.http_port == 6066
    assert set(loaded.sources.values()) == {"default"}
    assert loaded.warnings == ()


def test_flags_stand_above_environment_above_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """The nearest source wins, and each value tells where it came from."""
    Path("headwater.toml").write_text("list_length = 7\npartitions = 7\nmax_run = 7\n")
    monkeypatch.setenv("HEADWATER_LIST_LENGTH", "8")
    monkeypatch.setenv("HEADWATER_PARTITIONS", "8")
    loaded = load({"list_length": "9", "group": None})
    settings = loaded.settings
    assert (settings.list_length, settings.partitions, settings.max_run) == (9, 8, 7)
    assert loaded.sources["list_length"] == "flag"
    assert loaded.sources["partitions"] == "environment HEADWATER_PARTITIONS"
    assert loaded.sources["max_run"] == "file headwater.toml"
    assert loaded.sources["group"] == "default"


def test_the_file_may_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """HEADWATER_CONFIG names another file, which must be there."""
    named = tmp_path / "other.toml"
    monkeypatch.setenv("HEADWATER_CONFIG", str(named))
    with pytest.raises(SettingsError, match=r"other\.toml, which is not a file"):
        load()
    named.write_text('group = "others"\n')
    assert load().settings.group == "others"


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    """Added event types come as one string or as a list in the file."""
    monkeypatch.setenv("HEADWATER_EVENT_TYPES", "listen, skip")
    Path("headwater.toml").write_text('neutral_types = ["skip", "view"]\n')
    settings = load().settings
    assert settings.event_types == ("listen", "skip")
    assert settings.neutral_types == ("skip", "view")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("list_length", "0", "greater than or equal to 1"),
        ("list_length", "1001", "less than or equal to 1000"),
        ("list_length", "ten", "valid integer"),
        ("broker", "localhost", "needs host:port"),
        ("broker", "localhost:99999", "needs host:port"),
        ("broker", "a:1,,b:2", "needs host:port"),
        ("topic_prefix", "head water", "letters, digits"),
        ("group", "", "letters, digits"),
        ("positive_min", "nan", "finite"),
        ("repeats", "maybe", "'exclude' or 'allow'"),
        ("http_port", "70000", "65535"),
        ("session_timeout", "0", "greater than 0"),
        ("heartbeat_interval", "9", "at most half"),
        ("neutral_types", "purchase", "purchase"),
        ("wait", "-1", "greater than or equal to 0"),
        ("embedding_size", "0", "greater than or equal to 1"),
        ("log_level", "LOUD", "'INFO'"),
    ],
)
def test_a_wrong_value_is_one_sentence(
    name: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sentence names the setting or what does not fit, and is a single line."""
    monkeypatch.setenv(f"HEADWATER_{name.upper()}", value)
    with pytest.raises(SettingsError, match=said) as caught:
        load()
    assert "\n" not in str(caught.value)
    assert name in str(caught.value)


def test_unknown_names_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistyped variable is warned of; a mistyped name in the file is refused."""
    monkeypatch.setenv("HEADWATER_BROKR", "x:1")
    assert load().warnings == ("HEADWATER_BROKR is not a setting and has no effect.",)
    Path("headwater.toml").write_text("brokr = 'x:1'\n")
    with pytest.raises(SettingsError, match="unknown setting brokr"):
        load()


def test_a_broken_file_is_refused() -> None:
    """TOML that cannot be read gives a sentence with the file's name."""
    Path("headwater.toml").write_text("list_length = \n")
    with pytest.raises(SettingsError, match=r"headwater\.toml is not a readable TOML file"):
        load()


def test_settings_are_frozen() -> None:
    """Nothing changes a setting after the start."""
    with pytest.raises(ValueError, match="frozen"):
        Settings().list_length = 3  # type: ignore[misc]  # what the test is about
