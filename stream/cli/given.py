"""Options that were given, and what of them nothing reads: these are refused, never ignored."""

from collections.abc import Mapping

import typer

from stream.errors import UsageError


def given(context: typer.Context) -> frozenset[str]:
    """Names of the parameters that stand on the command line, whatever their values."""
    return frozenset(
        parameter.name
        for parameter in context.command.params
        if parameter.name and _source(context, parameter.name) == "COMMANDLINE"
    )


def _source(context: typer.Context, name: str) -> str | None:
    source = context.get_parameter_source(name)
    return source.name if source else None


def refuse(given: frozenset[str], unread: Mapping[str, str], why: str) -> None:
    """Raise UsageError if a parameter was given that is not read; unread: their flags by name.

    why: what the flags "go with".
    """
    if flags := list(dict.fromkeys(flag for name, flag in unread.items() if name in given)):
        *others, last = flags
        listed = f"{', '.join(others)} and {last} go" if others else f"{last} goes"
        raise UsageError(f"{listed} with {why}.")
