"""Fixtures for all tests: one real broker per run, a fresh topic prefix per test."""

import os
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from stream.broker import LocalBroker, free_port
from stream.settings import PREFIX, Settings

# No test is timed: on a busy machine one example may take long.
hypothesis.settings.register_profile(
    "untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("untimed")


@pytest.fixture(scope="session", autouse=True)
def _no_settings_from_outside() -> None:
    """The person's own HEADWATER_ variables do not reach the tests."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[name]


@pytest.fixture(scope="session", autouse=True)
def _ctrl_c_reaches_processes() -> None:
    """A shell lets what it starts in the background ignore SIGINT, and its children with it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real Kafka, started once per run and stopped at its end."""
    local = LocalBroker(tmp_path_factory.mktemp("kafka"), free_port())
    local.start()
    yield local.address
    local.stop()


@pytest.fixture
def prefix() -> str:
    """A topic prefix that no other test uses; also good as a group."""
    return f"test-{uuid.uuid4().hex[:12]}."


@pytest.fixture
def settings(broker: str, prefix: str, tmp_path: Path) -> Settings:
    """Settings for the test's own topics, group and state on the real broker."""
    return Settings(
        broker=broker,
        topic_prefix=prefix,
        group=prefix.rstrip("."),
        state_dir=tmp_path / "state",
        http_port=0,
        wait=10,
    )
