"""headwater topics: create what is missing, describe what is there, document what is public."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from stream import mending, topics
from stream.cli.flags import KAFKA, command, group
from stream.doctor.findings import duration
from stream.documents import files
from stream.settings import Loaded
from stream.topics import Complaint, Described, Topics

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the files go.")]

DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be set.")]
RetentionHours = Annotated[
    int | None,
    typer.Option(
        "--retention-hours",
        min=1,
        max=1_000_000,
        help="Keep what workers read at least so long where it is kept for less.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    commands = group(
        app,
        "topics",
        "Create, describe, mend and document the topics.",
        "headwater topics create --partitions 8",
        "headwater topics describe",
    )
    command(
        commands,
        create,
        "headwater topics create",
        "headwater topics create --partitions 8",
        flags=(*KAFKA, "partitions", "replication"),
    )
    command(commands, describe, "headwater topics describe", "headwater topics describe --json")
    command(
        commands,
        mend,
        "headwater topics mend --dry-run",
        "headwater topics mend --broker kafka:9092 --retention-hours 168",
    )
    command(
        commands,
        schemas,
        "headwater topics schemas --out schemas",
        "headwater topics schemas --event-types listen,skip --topic-prefix shop.",
        flags=("broker", "topic_prefix", "partitions", "event_types", "embedding_size"),
    )


def create(loaded: Loaded) -> int:
    """Create the topics that are missing, and check those that are there.

    A worker does the same when it starts.
    """
    created = asyncio.run(topics.ensure(loaded.settings))
    for name in created:
        print(f"Created {name}.")
    if not created:
        print("All topics are there.")
    asyncio.run(topics.verify(loaded.settings))
    return 0


def describe(loaded: Loaded, json_: Json = False) -> int:
    """Show each topic's partitions and configuration, and what is wrong with it (exit code 1).

    "kept" is how long a record stays where nobody replaces it; workers must read it before.
    """
    found = asyncio.run(topics.describe(loaded.settings))
    declared = Topics(loaded.settings, {name: there.partitions for name, there in found.items()})
    wrong = {topic.name: topics.check(topic, found) for topic in declared}
    if json_:
        said = {name: bad.said(loaded.settings) if bad else None for name, bad in wrong.items()}
        print(
            json.dumps([_fields(name, found.get(name)) | {"wrong": said[name]} for name in wrong])
        )
    else:
        console = Console(markup=False)
        console.print(_table(found, wrong))
        for complaint in filter(None, wrong.values()):
            # Whole, however narrow the terminal: it names a command.
            console.print(complaint.said(loaded.settings), soft_wrap=True)
    return 1 if any(wrong.values()) else 0


def mend(loaded: Loaded, *, dry_run: DryRun = False, retention_hours: RetentionHours = None) -> int:
    """Set what existing topics require of their configuration, and nothing else of it.

    It holds for records from then on: those that a wrong configuration has removed stay away. What
    cannot be mended in place is said, with what to do (exit code 1).
    """
    retention_ms = None if retention_hours is None else retention_hours * 3_600_000
    settings = loaded.settings
    changed = asyncio.run(mending.mend(settings, retention_ms=retention_ms, dry_run=dry_run))
    for change in changed:
        verb = "Would set" if dry_run else "Set"
        print(f"{verb} {change.key}={change.wanted} of {change.topic}; it was {change.was}.")
    if not changed:
        print("No topic's configuration is to be mended.")
    found = asyncio.run(topics.describe(settings))
    if dry_run:
        mended = {(change.topic, change.key): change.wanted for change in changed}
        found = {name: _as_if(there, mended) for name, there in found.items()}
    left = [bad for topic in Topics(settings) if (bad := topics.check(topic, found))]
    for complaint in left:
        print(complaint.said(settings))
    return 1 if left else 0


def _as_if(there: Described, mended: Mapping[tuple[str, str], str]) -> Described:
    config = {key: value for (name, key), value in mended.items() if name == there.name}
    return replace(there, config={**there.config, **config})


def schemas(loaded: Loaded, out: Out = Path("schemas")) -> int:
    """Write the AsyncAPI document and the JSON Schemas of the public topics, for your settings.

    No Kafka is needed.
    """
    for path in files.write(loaded.settings, out):
        print(f"Wrote {path}.")
    return 0


def _fields(name: str, there: Described | None) -> dict[str, object]:
    config = there.config if there else {}
    return {
        "topic": name,
        "partitions": there.partitions if there else None,
        "cleanup.policy": config.get("cleanup.policy"),
        "message.timestamp.type": config.get("message.timestamp.type"),
        "max.message.bytes": config.get("max.message.bytes"),
        "retention.ms": config.get("retention.ms"),
        "retention.bytes": config.get("retention.bytes"),
    }


def _table(found: dict[str, Described], wrong: dict[str, Complaint | None]) -> Table:
    table = Table(
        "", Column("topic", no_wrap=True), "partitions", "cleanup", "time", "largest", "kept"
    )
    for name, complaint in wrong.items():
        there = found.get(name)
        fields = _fields(name, there)
        shown = [fields[key] for key in list(fields)[:5]] + [_kept(there) if there else None]
        cells = ["" if value is None else str(value) for value in shown]
        table.add_row("wrong" if complaint else "", *cells)
    return table


def _kept(there: Described) -> str:
    """How long, and how much of each partition."""
    if "delete" not in there.config.get("cleanup.policy", ""):
        return "newest of a key"
    kept = there.retention_ms
    time = "for ever" if kept is None else duration(kept / 1000)
    most = int(there.config.get("retention.bytes", -1))
    return time if most < 0 else f"{time}, {most / 1e6:,.0f} MB a partition"
