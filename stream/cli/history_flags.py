"""What the commands that learn of a history's files take alike."""

from pathlib import Path
from typing import Annotated, Final

import typer

from stream.errors import UsageError

FLAGS: Final = ("positive_min", "repeats", "event_types", "neutral_types")
"""Settings that say what of a history counts, and how."""

Events = Annotated[
    Path, typer.Option("--events", help="Events: .csv, .jsonl (also .gz), .parquet.")
]
Items = Annotated[Path | None, typer.Option("--items", help="What was announced of items.")]
Users = Annotated[Path | None, typer.Option("--users", help="What is known of users.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Of everything that is drawn at random.")]
PlotOut = Annotated[Path | None, typer.Option("--plot", help="Write pictures into this folder.")]
ColdShare = Annotated[
    float, typer.Option("--cold-share", help="user-cold: the part of all users that is held out.")
]


def check_cold_share(share: float) -> None:
    """Raise UsageError unless it is a part of the users."""
    if not 0 < share < 1:
        raise UsageError(f"--cold-share is a part of all users, between 0 and 1; got {share}.")
