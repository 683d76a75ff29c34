"""After the figures: all stays up, so that a person can act and watch the list change."""

import shutil
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from stream.demo.plan import Plan
from stream.lists import reader
from stream.schemas import EVERYONE, Recommendation, decode_recommendation
from stream.settings import Settings
from stream.topics import Topics


async def stay_up(
    settings: Settings, plan: Plan, titles: Mapping[str, str], console: Console
) -> None:
    """Say what a person can do, and show each list that follows from it, until cancelled."""
    console.print(invitation(settings, plan, titles), markup=False, highlight=False)
    source = await reader(settings, Topics(settings).recommendations.name)
    try:
        await source.seek_to_end()
        async for record in source:
            if record.value is not None:
                found = decode_recommendation(record.value)
                if found.user_id != EVERYONE:
                    console.print(_as_text(found, titles), markup=False, highlight=False)
    finally:
        await source.stop()


def invitation(settings: Settings, plan: Plan, titles: Mapping[str, str]) -> str:
    """The commands for another terminal, with a film that many have rated as the example."""
    liked = Counter(rating.item_id for rating in plan.backfill).most_common(1)
    item_id = liked[0][0] if liked else plan.announced[0].item_id
    command = _command()
    return (
        "\nEverything stays up until Ctrl-C, and lists that arrive are shown here."
        " In another terminal, for example:\n\n"
        f"  export {_variables(settings)}\n"
        f"  {command} publish event --user you --item {item_id} --type rate --value 5"
        f"   # {titles.get(item_id, item_id)}\n"
        f"  {command} tail --user you\n"
    )


def _variables(settings: Settings) -> str:
    chosen = [f"HEADWATER_BROKER={settings.broker}"]
    if settings.topic_prefix != Settings.model_fields["topic_prefix"].default:
        chosen.append(f"HEADWATER_TOPIC_PREFIX={settings.topic_prefix}")
    return " ".join(chosen)


def _command() -> str:
    """How this person can start headwater: by its name, or by its place in the environment."""
    if shutil.which("headwater"):
        return "headwater"
    beside = Path(sys.executable).with_name("headwater")
    return str(beside.relative_to(Path.cwd()) if beside.is_relative_to(Path.cwd()) else beside)


def _as_text(found: Recommendation, titles: Mapping[str, str]) -> str:
    lag = "" if found.lag_seconds is None else f", {found.lag_seconds * 1000:.0f} ms"
    places = (titles.get(item.item_id, item.item_id) for item in found.items)
    return f"user {found.user_id} ({found.cause}{lag}): " + " · ".join(places)
