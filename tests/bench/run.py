"""A whole run: broker, rounds, parts, and what becomes of their figures."""

import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from bench import compare, output
from bench.figures import Figures, document, medians, ratios_of
from bench.ground import Ground
from bench.machine import facts, load
from bench.parts import ONCE, PARTS
from bench.peers import require_peers
from bench.sizes import FULL, QUICK, Sizes
from bench.table import compared, shown
from stream.broker import LocalBroker, free_port
from stream.demo.processes import ended_by_signals
from stream.errors import HeadwaterError, UsageError
from stream.logs import configure
from stream.settings import Loaded, Settings

_WIDTH = 120
"""Of a table that goes into a file, which has no width of its own."""
_PEERS = "peers"
_LOG_LEVEL = "WARNING"


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for."""

    only: tuple[str, ...] = ()
    rounds: int | None = None
    quick: bool = False
    peers: bool = False
    json: Path | None = None
    compare: Path | None = None
    #: Tests: other sizes.
    sizes: Sizes | None = None


def run(loaded: Loaded, options: Options, console: Console | None = None) -> int:
    """Measure, show, write, compare.

    Raises
    ------
    UsageError
        If a part does not exist, a library is missing, or a file cannot be read or written.
    HeadwaterError
        If something outside failed: Kafka, a worker, or the writing at the end.

    """
    parts = _parts(options)
    old = compare.read(options.compare) if options.compare else None
    if options.json:
        output.try_out(options.json)
    sizes = options.sizes or (QUICK if options.quick else FULL)
    machine = facts()
    rounds = _measure(loaded, parts, sizes, options.rounds or sizes.rounds)
    machine["load_after"] = load()
    wanted = ratios_of(sizes.rates, sizes.run_sizes)
    told = document(rounds, wanted, {"sizes": asdict(sizes), "machine": machine})
    report(told, medians(rounds), old, options.json, console or Console())
    return 0


def report(
    told: Mapping[str, Any],
    figures: Figures,
    old: compare.Old | None,
    path: Path | None,
    console: Console,
) -> None:
    """Show what was found, then write it. Raises HeadwaterError if it cannot be written."""
    if not console.is_terminal:
        console.width = _WIDTH
    console.print(shown(told, figures))
    if old:
        for line in compare.unlike(old, told):
            console.print(line)
        console.print(compared(compare.changes(old.ratios, told["ratios"])))
    if path:
        output.write(path, told)
        console.print(f"Written: {path}", soft_wrap=True)


def _parts(options: Options) -> list[str]:
    parts = [name for name in PARTS if name != _PEERS]
    if wrong := [name for name in options.only if name not in PARTS]:
        raise UsageError(f"--only takes {', '.join(PARTS)}; got {', '.join(wrong)}.")
    if options.only:
        parts = [name for name in PARTS if name in options.only]
    if options.peers and _PEERS not in parts:
        parts.append(_PEERS)
    if _PEERS in parts:
        require_peers()
    return parts


def _measure(loaded: Loaded, parts: Sequence[str], sizes: Sizes, rounds: int) -> list[Figures]:
    found: list[Figures] = []
    with ExitStack() as stack:
        configure(_LOG_LEVEL)
        stack.enter_context(ended_by_signals())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="headwater-bench-")))
        settings = stack.enter_context(_kafka(loaded, folder))
        tell = stack.enter_context(_progress(parts, rounds))
        for number in range(rounds):
            ground = Ground(_of_round(settings, folder, number), sizes, folder)
            found.append({})
            for part in parts:
                if number and part in ONCE:
                    continue
                tell(f"round {number + 1} of {rounds}: {part}")
                found[-1] |= _figures(part, ground)
            ground.clear()
    return found


def _figures(part: str, ground: Ground) -> Figures:
    try:
        return PARTS[part](ground)
    except AssertionError as error:  # what waits for workers says so
        raise HeadwaterError(f"{part} could not be measured: {error}") from error


@contextmanager
def _kafka(loaded: Loaded, folder: Path) -> Iterator[Settings]:
    """The settings for the Kafka that the person names, or for one of the run's own."""
    settings = loaded.settings.model_copy(update={"log_level": _LOG_LEVEL})
    if loaded.sources["broker"] != "default":
        yield settings
        return
    broker = LocalBroker(folder / "kafka", free_port(), settings.kafka_jars)
    try:
        broker.start()
        yield settings.model_copy(update={"broker": broker.address})
    finally:
        broker.stop()


def _of_round(settings: Settings, folder: Path, number: int) -> Settings:
    """Topics and a group that nobody else has."""
    group = f"bench-{uuid.uuid4().hex[:8]}-{number}"
    changed: dict[str, Any] = {
        "group": group,
        "topic_prefix": f"{group}.",
        "state_dir": folder / f"state-{group}",
    }
    return settings.model_copy(update=changed)


@contextmanager
def _progress(parts: Sequence[str], rounds: int) -> Iterator[Any]:
    """A bar on a terminal, lines elsewhere; both on standard error."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda line: console.print(line, highlight=False, soft_wrap=True)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        once = sum(part in ONCE for part in parts)
        task = bar.add_task("starting Kafka", total=len(parts) * rounds - once * (rounds - 1) + 1)

        def tell(line: str) -> None:
            bar.update(task, description=line, advance=1)

        yield tell
