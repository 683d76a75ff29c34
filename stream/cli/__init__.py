"""The command line: one sentence for each mistake, exit codes 0 done, 1 failed, 2 wrong use."""

import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated

import typer

from stream.cli import (
    bench,
    broker,
    config,
    convert,
    demo,
    doctor,
    evaluate,
    publish,
    replay,
    search,
    tail,
    topics,
    train,
    worker,
)
from stream.errors import HeadwaterError

INTERRUPTED = 130


def application() -> typer.Typer:
    """All commands."""
    app = typer.Typer(
        name="headwater",
        help="A streaming recommender on Kafka: events in, a fresh list for each user out.",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    app.callback()(_root)
    for module in (
        broker,
        topics,
        config,
        worker,
        publish,
        replay,
        tail,
        convert,
        train,
        evaluate,
        search,
        doctor,
        demo,
        bench,
    ):
        module.register(app)
    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; errors become one sentence on standard error."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = application()(args=given or ["--help"], standalone_mode=False)
    except typer.TyperException as error:
        return _failed(error.format_message(), 2)
    except HeadwaterError as error:
        return _failed(str(error), error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    return int(code or 0)


def _failed(message: str, code: int) -> int:
    print(f"headwater: {message}", file=sys.stderr)
    return code


def _print_version(asked: bool) -> None:
    if asked:
        print(f"headwater {version('headwater')}")
        raise typer.Exit


Version = Annotated[bool, typer.Option("--version", is_eager=True, callback=_print_version)]


def _root(*, version: Version = False) -> None:
    """Take --version, which needs no command."""
