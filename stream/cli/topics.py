"""headwater topics: create what is missing, describe what is there, document what is public."""

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from stream import topics
from stream.cli.flags import KAFKA, command, group
from stream.documents import files
from stream.settings import Loaded
from stream.topics import Complaint, Described, Topics

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the files go.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    commands = group(
        app,
        "topics",
        "Create, describe and document the topics.",
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
    """Show each topic's partitions, cleanup and time, and what is wrong with it (exit code 1)."""
    found = asyncio.run(topics.describe(loaded.settings))
    declared = Topics(loaded.settings, {name: there.partitions for name, there in found.items()})
    wrong = {topic.name: topics.check(topic, found) for topic in declared}
    if json_:
        print(json.dumps([_fields(name, found.get(name), wrong[name]) for name in wrong]))
    else:
        console = Console()
        console.print(_table(found, wrong))
        for complaint in filter(None, wrong.values()):
            # Whole, however narrow the terminal: it names a command.
            console.print(str(complaint), soft_wrap=True)
    return 1 if any(wrong.values()) else 0


def schemas(loaded: Loaded, out: Out = Path("schemas")) -> int:
    """Write the AsyncAPI document and the JSON Schemas of the public topics, for your settings.

    No Kafka is needed.
    """
    for path in files.write(loaded.settings, out):
        print(f"Wrote {path}.")
    return 0


def _fields(name: str, there: Described | None, wrong: Complaint | None) -> dict[str, object]:
    config = there.config if there else {}
    return {
        "topic": name,
        "partitions": there.partitions if there else None,
        "cleanup.policy": config.get("cleanup.policy"),
        "message.timestamp.type": config.get("message.timestamp.type"),
        "max.message.bytes": config.get("max.message.bytes"),
        "wrong": str(wrong) if wrong else None,
    }


def _table(found: dict[str, Described], wrong: dict[str, Complaint | None]) -> Table:
    table = Table("", Column("topic", no_wrap=True), "partitions", "cleanup", "time", "largest")
    for name, complaint in wrong.items():
        fields = _fields(name, found.get(name), complaint)
        del fields["wrong"]
        cells = ["" if value is None else str(value) for value in fields.values()]
        table.add_row("wrong" if complaint else "", *cells)
    return table
