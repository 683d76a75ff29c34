"""headwater tail: lists as they arrive."""

import asyncio
import json
from typing import Annotated

import msgspec
import typer
from aiokafka import ConsumerRecord

from stream.cli.flags import command
from stream.lists import Titles, reader
from stream.schemas import Recommendation, decode_recommendation
from stream.settings import Loaded, Settings
from stream.topics import Topics

User = Annotated[str | None, typer.Option("--user", help="Only this user's lists (* is one).")]
Json = Annotated[
    bool, typer.Option("--json", help="Print each list as it is in Kafka, one a line.")
]
FromStart = Annotated[bool, typer.Option("--from-start", help="Also the lists that are there.")]
Count = Annotated[int | None, typer.Option("--count", min=1, help="Stop after so many lists.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(
        app,
        tail,
        "headwater tail",
        "headwater tail --user ann",
        "headwater tail --json --from-start --count 1",
    )


def tail(
    loaded: Loaded,
    user: User = None,
    json_: Json = False,
    from_start: FromStart = False,
    count: Count = None,
) -> int:
    """Show lists as they arrive, with titles, scores and lag; until Ctrl-C."""
    shown = _Shown(user, json_, count)
    try:
        asyncio.run(_tail(loaded.settings, shown, from_start))
    except KeyboardInterrupt:
        return 0
    return 0


class _Shown:
    """Which lists are printed, and how."""

    def __init__(self, user: str | None, as_json: bool, count: int | None) -> None:
        self._user = None if user is None else user.encode()
        self._as_json = as_json
        self._left = count

    def wants_more(self) -> bool:
        return self._left is None or self._left > 0

    def show(self, record: ConsumerRecord, titles: Titles) -> None:
        if self._user not in (None, record.key) or not self.wants_more():
            return
        print(_as_json(record) if self._as_json else _as_text(record, titles), flush=True)
        if self._left is not None:
            self._left -= 1


async def _tail(settings: Settings, shown: _Shown, from_start: bool) -> None:
    source = await reader(settings, Topics(settings).recommendations.name)
    try:
        if not from_start:
            await source.seek_to_end()
            for place in source.assignment():
                await source.position(place)
        async with Titles(settings) as titles:
            while shown.wants_more():
                shown.show(await source.getone(), titles)
    finally:
        await source.stop()


def _as_json(record: ConsumerRecord) -> str:
    if record.value is None:
        return json.dumps({"user_id": _key(record), "items": None})
    return bytes(record.value).decode(errors="replace")


def _as_text(record: ConsumerRecord, titles: Titles) -> str:
    if record.value is None:
        return f"{_key(record)}: forgotten"
    try:
        found = decode_recommendation(record.value)
    except msgspec.DecodeError as error:
        place = f"{record.topic}[{record.partition}] offset {record.offset}"
        return f"{_key(record)}: not a list ({error}) at {place}"
    return "\n".join([_headline(found), *_places(found, titles)])


def _headline(found: Recommendation) -> str:
    lag = "" if found.lag_seconds is None else f", lag {found.lag_seconds * 1000:.1f} ms"
    return f"{found.user_id}  {found.generated_at:%H:%M:%S}  {found.cause}{lag}"


def _places(found: Recommendation, titles: Titles) -> list[str]:
    return [
        f"  {rank:3}. {titles[item.item_id]}  {item.score:.3f}"
        for rank, item in enumerate(found.items, 1)
    ]


def _key(record: ConsumerRecord) -> str:
    return bytes(record.key or b"").decode(errors="replace")
