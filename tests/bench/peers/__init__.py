"""The same stateful job in other libraries: count a user's events, 1 kB out for each."""

import asyncio
import importlib.util
import subprocess
import sys
from pathlib import Path

from support.client import wait_until
from support.workers import environment

from bench.figures import Figures
from bench.ground import Ground, per_second
from bench.shell import count_up, load, shell
from stream.errors import UsageError

_PATIENCE = 300.0
_MODULES = {"quix_streams": "bench.peers.quix_count", "bytewax": "bench.peers.bytewax_count"}
_EXTRA = {"quixstreams": "quixstreams", "bytewax": "bytewax"}


def require_peers() -> None:
    """Raise UsageError, naming the extra, if the libraries are not installed."""
    missing = [name for name in _EXTRA if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(
            f"--peers needs {' and '.join(missing)}: pip install --editable '.[bench-peers]'."
        )


def peers(ground: Ground) -> Figures:
    """Events per second of one process each, by the broker's times of the first and last output."""
    require_peers()
    found: Figures = {}
    events = ground.sizes.shell_events
    aside = ground.beside("counting")
    asyncio.run(load(aside.settings, aside.topics, events, ground.sizes.users))
    asyncio.run(shell(aside.settings, aside.topics, events, count_up))
    found["peers.headwater"] = per_second(aside.read(aside.topics.recommendations.name))
    for name, module in _MODULES.items():
        aside = ground.beside(name.replace("_", "-"))
        asyncio.run(load(aside.settings, aside.topics, events, ground.sizes.users))
        found[f"peers.{name}"] = _run(aside, module, events)
    return found


def _run(ground: Ground, module: str, events: int) -> float:
    """Run a peer until it has answered every event."""
    topics, name = ground.topics, ground.settings.group
    folder = ground.folder / f"peer-{name}"
    folder.mkdir()
    command = [
        sys.executable, "-m", module,
        ground.settings.broker, topics.events.name, topics.recommendations.name, name, str(folder),
    ]  # fmt: skip
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command,
            env=environment(ground.settings),
            stdout=log,
            stderr=log,
            cwd=Path(__file__).parents[3],
        )
    try:
        wait_until(
            lambda: process.poll() is not None or _answers(ground) >= events, _PATIENCE, module
        )
    finally:
        process.kill()
        process.wait()
    if _answers(ground) < events:
        raise AssertionError(f"{module} ended:\n{(folder / 'log').read_text()[-2000:]}")
    return per_second(ground.read(topics.recommendations.name))


def _answers(ground: Ground) -> int:
    return sum(ground.ends(ground.topics.recommendations.name).values())
