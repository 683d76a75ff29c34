"""headwater broker: a local Kafka for development and the demonstration."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from stream.broker import DEFAULT_PORT, LocalBroker
from stream.cli.flags import command, group
from stream.clone import clone
from stream.connect import our_words_only, wait_for_broker
from stream.errors import BrokerUnreachable
from stream.settings import Loaded

_OTHER_SECONDS = 2.0

Data = Annotated[
    Path | None, typer.Option("--data", help="Where it keeps its data [build/broker of the clone].")
]
Port = Annotated[
    int | None, typer.Option("--port", min=1, max=65_535, help=f"Its port [{DEFAULT_PORT}].")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    commands = group(
        app,
        "broker",
        "Start, stop and watch a local Kafka (one node).",
        "headwater broker start",
        "headwater broker status",
    )
    command(
        commands,
        start,
        "headwater broker start",
        "headwater broker start --data /tmp/kafka --port 9192",
        flags=("kafka_jars",),
    )
    command(commands, stop, "headwater broker stop", flags=())
    command(commands, status, "headwater broker status", flags=())


def start(loaded: Loaded, data: Data = None, port: Port = None) -> int:
    """Start a local Kafka and return when it answers, after about 3 seconds.

    Its storage is formatted once and kept; it listens on this machine only. Where HEADWATER_BROKER
    names another Kafka, none is started unless --port asks for one, and you are told whether that
    one answers (exit code 1 if not).
    """
    if loaded.sources["broker"] != "default" and port is None:
        return _other(loaded)
    local = LocalBroker(_data(data), port or DEFAULT_PORT, loaded.settings.kafka_jars)
    began = local.start()
    running = local.status()
    verb = "runs" if began else "runs already"
    print(f"Kafka {verb} at {running.address} (pid {running.pid}, data in {running.data}).")
    return 0


def _other(loaded: Loaded) -> int:
    """Say that the settings name another Kafka, and whether it answers within some seconds."""
    settings = loaded.settings
    named = f"The settings name another Kafka, {settings.broker} ({loaded.sources['broker']})"
    _, port = settings.broker.rsplit(":", 1)
    local = "`headwater broker start --port {}` starts a local one all the same."
    try:
        with our_words_only():
            asyncio.run(wait_for_broker(settings.model_copy(update={"wait": _OTHER_SECONDS})))
    except BrokerUnreachable:
        print(f"{named}, and nobody answers there. {local.format(port)}")
        return 1
    print(f"{named}, and it answers: no local one is started. {local.format('PORT')}")
    return 0


def stop(loaded: Loaded, data: Data = None) -> int:  # noqa: ARG001  # every command has settings
    """Stop the local Kafka cleanly and return when it is gone."""
    stopped = LocalBroker(_data(data)).stop()
    print("Stopped." if stopped else "No local Kafka was running.")
    return 0


def status(loaded: Loaded, data: Data = None) -> int:  # noqa: ARG001  # every command has settings
    """Tell whether the local Kafka runs (exit code 0) or not (exit code 1)."""
    found = LocalBroker(_data(data)).status()
    if found.pid is None:
        print(f"No local Kafka runs (data in {found.data}).")
        return 1
    print(f"Kafka runs at {found.address} (pid {found.pid}, data in {found.data}).")
    return 0


def _data(given: Path | None) -> Path:
    return given or clone("A local broker without --data") / "build" / "broker"
