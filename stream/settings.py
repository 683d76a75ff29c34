"""All settings: flags over environment (HEADWATER_…) over file (headwater.toml) over defaults."""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from stream.errors import SettingsError

PREFIX = "HEADWATER_"
DEFAULT_FILE = Path("headwater.toml")
STANDARD_TYPES = (
    "view",
    "click",
    "like",
    "dislike",
    "cart",
    "purchase",
    "rate",
    "share",
    "comment",
    "follow",
    "search",
    "impression",
)
# What HEADWATER_NEUTRAL_TYPES may take out of the positive types; the others have a fixed meaning.
MAYBE_NEUTRAL = frozenset({"view", "click", "comment"})

_ADDRESS = re.compile(r"(?:[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:]+\]):(\d{1,5})")
_NAME = re.compile(r"[A-Za-z0-9._-]+")
# Kafka's limit for a topic's name is 249; the longest of ours, "recommendations", takes 15.
_LONGEST_PREFIX = 230

Names = Annotated[tuple[str, ...], NoDecode]


class Settings(BaseSettings):
    """What is in force for one process; frozen, read once and passed in.

    Times are seconds unless the name says otherwise. `Settings(**values)` takes the values first,
    then the environment and the file; use `load` to know where each came from.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    broker: str = Field("localhost:9092", description="Kafka's address, host:port[,host:port…]")
    topic_prefix: str = Field("headwater.", description="what every topic's name begins with")
    group: str = Field("headwater", description="the workers' consumer group")
    state_dir: Path = Field(Path("headwater-state"), description="where a worker keeps its tables")
    model: Path | None = Field(None, description="the trained snapshot to serve; none: no net")
    partitions: int = Field(4, ge=1, le=10_000, description="partitions of topics that are created")
    replication: int = Field(1, ge=1, le=32_767, description="replicas of topics that are created")
    list_length: int = Field(10, ge=1, le=1000, description="items in a list")
    repeats: Literal["exclude", "allow"] = Field(
        "exclude", description="whether lists may hold what the user has had"
    )
    positive_min: float = Field(
        4.0, allow_inf_nan=False, description="the least value of a rate that counts as positive"
    )
    event_types: Names = Field((), description="event types added to the standard ones")
    neutral_types: Names = Field(
        (), description="of view, click, comment and the added types: those that are not positive"
    )
    embedding_size: int | None = Field(
        None, ge=1, le=4096, description="length of an item's embedding; none: any up to 4096"
    )
    http_host: str = Field("127.0.0.1", description="where metrics and health are served")
    http_port: int = Field(6066, ge=0, le=65_535, description="their port; 0: any free one")
    store: Literal["rocksdb", "memory"] = Field("rocksdb", description="where tables are kept")
    session_timeout: float = Field(10.0, gt=0, le=1800, description="a silent worker is dropped")
    heartbeat_interval: float = Field(3.0, gt=0, description="how often a worker is heard of")
    commit_interval: float = Field(1.0, gt=0, description="how often offsets are committed")
    linger_ms: int = Field(
        5, ge=0, le=10_000, description="how long rows wait for company on their way"
    )
    request_timeout: float = Field(10.0, gt=0, description="how long Kafka may take to answer")
    item_gather_ms: int = Field(
        200, ge=0, le=10_000, description="at most so long is feedback gathered into one run"
    )
    default_list_interval: float = Field(
        3.0, gt=0, description="how often the list for unknown users (*) is refreshed"
    )
    max_run: int = Field(1000, ge=1, le=100_000, description="records folded at once, at most")
    wait: float | None = Field(
        None, ge=0, description="how long to wait for a broker; none: for ever"
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="the least important lines that are logged"
    )
    kafka_jars: Path | None = Field(
        None, description="Kafka's jars for the local broker; none: build/kafka of the clone"
    )
    test_feedback_delay: float = Field(
        0.0,
        ge=0,
        description="tests only: holds feedback back, so that it is acknowledged late",
    )

    @field_validator("broker")
    @classmethod
    def _addresses(cls, value: str) -> str:
        for address in value.split(","):
            match = _ADDRESS.fullmatch(address.strip())
            if match is None or not 0 < int(match[1]) <= 65_535:
                raise ValueError(f"needs host:port[,host:port…], got {value!r}")
        return value

    @field_validator("topic_prefix", "group")
    @classmethod
    def _plain_name(cls, value: str) -> str:
        if len(value) > _LONGEST_PREFIX or not _NAME.fullmatch(value):
            raise ValueError(
                f"needs 1 to {_LONGEST_PREFIX} letters, digits, dots, dashes or underscores,"
                f" got {value!r}"
            )
        return value

    @field_validator("event_types", "neutral_types", mode="before")
    @classmethod
    def _comma_separated(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(name.strip() for name in value.split(",") if name.strip())
        return value

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.heartbeat_interval * 2 > self.session_timeout:
            raise ValueError(
                f"heartbeat_interval ({self.heartbeat_interval:g} s) must be at most half of"
                f" session_timeout ({self.session_timeout:g} s)"
            )
        known = MAYBE_NEUTRAL | (set(self.event_types) - set(STANDARD_TYPES))
        if wrong := sorted(set(self.neutral_types) - known):
            raise ValueError(
                f"neutral_types may name {', '.join(sorted(known))}; got {', '.join(wrong)}"
            )
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # the base class passes it
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # the same
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags, then environment, then headwater.toml; no .env file and no secrets folder."""
        return init_settings, env_settings, _FileSource(settings_cls)


class _FileSource(PydanticBaseSettingsSource):
    """headwater.toml, or the file that HEADWATER_CONFIG names."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        """Unused: the whole file is read at once."""
        raise NotImplementedError

    def __call__(self) -> dict[str, Any]:
        return _read_file(config_file())


@dataclass(frozen=True)
class Loaded:
    """Settings, and for each name where its value came from."""

    settings: Settings
    sources: Mapping[str, str]
    warnings: tuple[str, ...]


def load(flags: Mapping[str, object] | None = None) -> Loaded:
    """Read flags (None: not given), environment and file.

    Raises SettingsError, one sentence: a wrong value, an unknown name in the file, no such file.
    """
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    path = config_file()
    in_file = _read_file(path)
    sources = dict.fromkeys(Settings.model_fields, "default")
    sources |= dict.fromkeys(in_file, f"file {path}")
    sources |= {
        name: f"environment {PREFIX}{name.upper()}"
        for name in Settings.model_fields
        if _environment(name) is not None
    }
    sources |= dict.fromkeys(given, "flag")
    try:
        settings = Settings(**given)  # type: ignore[arg-type]  # values are checked by pydantic
    except ValidationError as error:
        raise SettingsError(_sentence(error, sources)) from error
    return Loaded(settings, sources, tuple(_unknown_variables()))


def config_file() -> Path | None:
    """The settings file in force, if any; raises SettingsError if a named one is missing."""
    named = os.environ.get(PREFIX + "CONFIG")
    if named:
        if not Path(named).is_file():
            raise SettingsError(f"{PREFIX}CONFIG names {named}, which is not a file.")
        return Path(named)
    return DEFAULT_FILE if DEFAULT_FILE.is_file() else None


def _environment(name: str) -> str | None:
    wanted = (PREFIX + name).upper()
    return next((value for key, value in os.environ.items() if key.upper() == wanted), None)


def _read_file(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path} is not a readable TOML file: {error}.") from error
    if unknown := sorted(set(values) - set(Settings.model_fields)):
        raise SettingsError(f"{path}: unknown setting {', '.join(unknown)}.")
    return values


def _unknown_variables() -> list[str]:
    known = {(PREFIX + name).upper() for name in Settings.model_fields} | {PREFIX + "CONFIG"}
    return [
        f"{name} is not a setting and has no effect."
        for name in sorted(os.environ)
        if name.upper().startswith(PREFIX) and name.upper() not in known
    ]


def _sentence(error: ValidationError, sources: Mapping[str, str]) -> str:
    first = error.errors()[0]
    what = first["msg"].removeprefix("Value error, ")
    if not first["loc"]:
        return f"Settings do not fit together: {what}."
    name = str(first["loc"][0])
    shown = f", got {first['input']!r}" if ", got " not in what else ""
    where = sources.get(name, "unknown")
    return f"Setting {name} ({where}): {what[0].lower()}{what[1:]}{shown}."
