"""headwater publish: one event, item or user, checked before it is sent."""

import asyncio
import json
import math
import sys
from typing import Annotated, Any

import typer

from stream.cli.flags import KAFKA, command, group
from stream.errors import UsageError
from stream.foreign import Kind
from stream.publish import Publisher, as_json, prepare
from stream.rules import Rules
from stream.schemas import Rejected
from stream.settings import Loaded

FLAGS = (*KAFKA, "event_types", "embedding_size")
_SINGULAR = {"events": "event", "items": "item", "users": "user"}

Json = Annotated[
    str | None,
    typer.Option("--json", metavar="OBJECT", help="The whole message; -: from standard input."),
]
User = Annotated[str | None, typer.Option("--user", help="user_id")]
Item = Annotated[str | None, typer.Option("--item", help="item_id")]
Type = Annotated[str | None, typer.Option("--type", help="view, click, like, rate, purchase, …")]
Value = Annotated[float | None, typer.Option("--value", help="The rating of a rate.")]
Timestamp = Annotated[
    str | None, typer.Option("--timestamp", help="RFC 3339 or epoch milliseconds [now].")
]
Id = Annotated[str | None, typer.Option("--id", help="event_id: the same id counts once.")]
Context = Annotated[str | None, typer.Option("--context", metavar="OBJECT", help="JSON.")]
Title = Annotated[str | None, typer.Option("--title", help="What a person reads.")]
Category = Annotated[list[str] | None, typer.Option("--category", help="May be given repeatedly.")]
Attributes = Annotated[str | None, typer.Option("--attributes", metavar="OBJECT", help="JSON.")]
Unavailable = Annotated[bool, typer.Option("--unavailable", help="Not to be recommended now.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    commands = group(
        app,
        "publish",
        "Send one event, item or user, checked first.",
        "headwater publish event --user ann --item 318 --type rate --value 5",
        "headwater publish item --item 318 --title 'The Shawshank Redemption'",
    )
    command(
        commands,
        event,
        "headwater publish event --user ann --item 318 --type rate --value 5",
        """headwater publish event --json '{"user_id":"ann","type":"search","query":"noir"}'""",
        flags=FLAGS,
    )
    command(
        commands,
        item,
        "headwater publish item --item 318 --title 'The Shawshank Redemption' --category Drama",
        """headwater publish item --json '{"item_id":"318","available":false}'""",
        flags=FLAGS,
    )
    command(
        commands,
        user,
        """headwater publish user --user ann --attributes '{"age":"25-34"}'""",
        flags=FLAGS,
    )


def event(
    loaded: Loaded,
    *,
    user: User = None,
    item: Item = None,
    type_: Type = None,
    value: Value = None,
    timestamp: Timestamp = None,
    id_: Id = None,
    context: Context = None,
    json_: Json = None,
) -> int:
    """Send one event and print its place once Kafka has acknowledged it."""
    if value is not None and not math.isfinite(value):  # JSON has no such numbers
        raise _not_sent("events", Rejected("value", f"a finite number is required, got {value}"))
    fields = {
        "event_id": id_,
        "user_id": user,
        "item_id": item,
        "type": type_,
        "value": value,
        "timestamp": _time(timestamp),
        "context": _object("--context", context),
    }
    return _publish(loaded, "events", _message(fields, json_))


def item(
    loaded: Loaded,
    *,
    item: Item = None,
    title: Title = None,
    category: Category = None,
    attributes: Attributes = None,
    unavailable: Unavailable = False,
    timestamp: Timestamp = None,
    json_: Json = None,
) -> int:
    """Announce one item and print its place once Kafka has acknowledged it."""
    fields = {
        "item_id": item,
        "title": title,
        "categories": category,
        "attributes": _object("--attributes", attributes),
        "available": False if unavailable else None,
        "timestamp": _time(timestamp),
    }
    return _publish(loaded, "items", _message(fields, json_))


def user(
    loaded: Loaded, user: User = None, attributes: Attributes = None, json_: Json = None
) -> int:
    """Send what is known of one user and print its place once Kafka has acknowledged it."""
    fields = {"user_id": user, "attributes": _object("--attributes", attributes)}
    return _publish(loaded, "users", _message(fields, json_))


def _message(fields: dict[str, Any], whole: str | None) -> bytes:
    given = {name: value for name, value in fields.items() if value not in (None, [])}
    if whole is None:
        return as_json(given)
    if given:
        raise UsageError(f"--json is the whole message; leave out what gives {', '.join(given)}.")
    return sys.stdin.buffer.read() if whole == "-" else whole.encode()


def _object(flag: str, text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        value = json.loads(text)
    except ValueError as error:
        raise UsageError(f"{flag} needs a JSON object: {error}.") from error
    if not isinstance(value, dict):
        raise UsageError(f"{flag} needs a JSON object, got {text}.")
    return value


def _time(text: str | None) -> int | str | None:
    return int(text) if text is not None and text.lstrip("-").isdecimal() else text


def _publish(loaded: Loaded, kind: Kind, value: bytes) -> int:
    asyncio.run(_send(loaded, kind, value))
    return 0


async def _send(loaded: Loaded, kind: Kind, value: bytes) -> None:
    rules = Rules.of(loaded.settings)
    _refuse(kind, value, rules)  # before a broker is needed
    async with Publisher(loaded.settings, kind) as publisher:
        message = prepare(kind, value, rules, publisher.limit)
        if isinstance(message, Rejected):
            raise _not_sent(kind, message)
        place = await publisher.send_and_wait(message)
    print(f"Acknowledged: {place.topic}[{place.partition}] offset {place.offset}.")


def _refuse(kind: Kind, value: bytes, rules: Rules) -> None:
    message = prepare(kind, value, rules)
    # A topic may take more than the default: only Kafka knows.
    if isinstance(message, Rejected) and message.reason != "size":
        raise _not_sent(kind, message)


def _not_sent(kind: Kind, message: Rejected) -> UsageError:
    return UsageError(f"The {_SINGULAR[kind]} was not sent ({message.reason}): {message.error}.")
