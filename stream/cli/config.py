"""headwater config: the settings in force and where each came from."""

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from stream.cli.flags import ALL, command
from stream.settings import Loaded

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(
        app,
        config,
        "headwater config",
        "HEADWATER_LIST_LENGTH=20 headwater config --json",
        flags=ALL,
    )


def config(loaded: Loaded, json_: Json = False) -> int:
    """Print each setting, its value and where the value came from.

    Flags stand above the environment (HEADWATER_…), the environment above the file (headwater.toml,
    or the one that HEADWATER_CONFIG names), the file above the defaults.
    """
    values = loaded.settings.model_dump(mode="json")
    if json_:
        shown = {
            name: {"value": value, "source": loaded.sources[name]} for name, value in values.items()
        }
        print(json.dumps(shown, indent=2))
    else:
        table = Table("setting", "value", "from")
        for name, value in values.items():
            table.add_row(name, str(value), loaded.sources[name])
        Console(markup=False).print(table)
    return 0
