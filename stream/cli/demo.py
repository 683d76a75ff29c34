"""headwater demo: real ratings through a real Kafka and a real worker, shown and measured."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from stream.cli.flags import KAFKA, command
from stream.demo.plan import Size
from stream.settings import Loaded

Port = Annotated[
    int | None,
    typer.Option("--port", min=1, max=65_535, help="The port of its own broker [any free one]."),
]
# For tests: a smaller demonstration, elsewhere.
Folder = Annotated[Path | None, typer.Option("--folder", hidden=True)]
Backfill = Annotated[int | None, typer.Option("--backfill", min=0, hidden=True)]
Users = Annotated[int | None, typer.Option("--users", min=1, hidden=True)]
Withheld = Annotated[int, typer.Option("--withheld-ratings", min=1, hidden=True)]


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(
        app,
        demo,
        "headwater demo",
        "HEADWATER_BROKER=localhost:9092 HEADWATER_TOPIC_PREFIX=demo. headwater demo",
        flags=(*KAFKA, "group", "kafka_jars"),
    )


def demo(
    loaded: Loaded,
    *,
    port: Port = None,
    folder: Folder = None,
    backfill: Backfill = None,
    users: Users = None,
    withheld_ratings: Withheld = Size.withheld_ratings,
) -> int:
    """Stream real ratings through a real Kafka and a worker, live, with a table at the end.

    It takes some minutes. The data is MovieLens latest-small: a net is trained on 70 % of it by
    time, these are back-filled, then the users who appear only afterwards rate live; at the end the
    same stream is evaluated offline, with the net and without. Broker, worker and their data are
    the demonstration's own (build/demo, wiped at the start); where HEADWATER_BROKER names another
    Kafka, its topics must be empty. The figures go to build/demo.json. On a terminal everything
    stays up until Ctrl-C.
    """
    # Imported here: the other commands need neither agents nor numpy.
    from stream.cli.demo_learning import DemoLearning  # noqa: PLC0415
    from stream.demo.run import Options, run_demo  # noqa: PLC0415

    options = Options(folder, port, Size(backfill, users, withheld_ratings))
    return run_demo(loaded, options, DemoLearning(loaded.settings.partitions), Console())
