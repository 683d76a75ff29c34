"""How a command is declared: its help with examples, and settings as flags above all else."""

import functools
import inspect
import logging
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer
from pydantic.fields import FieldInfo

from stream import logs
from stream.settings import Settings, load

log = logging.getLogger(__name__)

# Flags of every command that talks to Kafka.
KAFKA = ("broker", "topic_prefix", "wait")
ALL = tuple(Settings.model_fields)

Function = Callable[..., int]


def command(
    app: typer.Typer, function: Function, *examples: str, flags: Sequence[str] = KAFKA
) -> None:
    """Register `(loaded: Loaded, …) -> exit code` under its own name; `flags` are settings."""
    text = _with_examples(inspect.cleandoc(function.__doc__ or ""), examples)
    app.command(function.__name__, help=text)(_with_settings(function, flags))


def group(app: typer.Typer, name: str, text: str, *examples: str) -> typer.Typer:
    """Add a group of commands, to be registered in what this returns."""
    added = typer.Typer(help=_with_examples(text, examples))
    app.add_typer(added, name=name, no_args_is_help=True)
    return added


def _with_examples(text: str, examples: Sequence[str]) -> str:
    return f"{text}\n\n\b\nExamples:\n" + "\n".join(f"  {example}" for example in examples)


def _with_settings(function: Function, flags: Sequence[str]) -> Function:
    @functools.wraps(function)
    def wrapped(**given: Any) -> int:
        loaded = load({name: given.pop(name) for name in flags})
        logs.configure(loaded.settings.log_level)
        for warning in loaded.warnings:
            log.warning(warning)
        return function(loaded, **given)

    own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
    signature = inspect.Signature([*own, *map(_flag, flags)])
    wrapped.__signature__ = signature  # type: ignore[attr-defined]  # what typer reads
    wrapped.__annotations__ = {name: p.annotation for name, p in signature.parameters.items()}
    return wrapped


def _flag(name: str) -> inspect.Parameter:
    field = Settings.model_fields[name]
    option = typer.Option(
        f"--{name.replace('_', '-')}",
        help=_sentence(field),
        metavar="VALUE",
        show_default=False,
    )
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[str | None, option],
    )


def _sentence(field: FieldInfo) -> str:
    text = field.description or ""
    default = field.default if field.default not in {None, ()} else "none"
    return f"{text[:1].upper()}{text[1:]} [{default}]."
