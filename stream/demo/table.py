"""The demonstration's last table, from its figures."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from stream.demo.learning import WITH_NET, WITHOUT_NET

_CLOSED_LOOP = (
    "Lag: the broker's time of the list minus that of its event. Closed loop: a user acts only"
    " after the list for the act before, so the load yields where lists are late."
)
_QUALITY = (
    "The list that each user had before an event, judged by events rated 4 stars or more, beside"
    " popularity (ratings of 4 or more up to the event); either leaves out what the user has had."
    " Offline: HR@10 of the same learner on the same stream, evaluated once more in the order in"
    " which the broker took it; no net: the same without the net that was trained on the past."
)


def print_tables(console: Console, figures: Mapping[str, Any], titles: Mapping[str, str]) -> None:
    """Print the figures of build/demo.json for a person."""
    console.print(_counts(figures))
    console.print(_quality(figures))
    for sentence in _sentences(figures, titles):
        console.print(sentence, highlight=False, markup=False)


def _counts(figures: Mapping[str, Any]) -> Table:
    table = Table("measured from the topics", "", title="The stream", caption=_CLOSED_LOOP)
    table.columns[1].justify = "right"
    lag, seconds = figures["lag_ms"], figures["seconds"]
    rows = {
        "back-filled events": figures["backfilled_events"],
        "live events": figures["events"],
        "lists of live users": figures["lists"],
        "unanswered events": figures["unanswered_events"],
        "dead letters": figures["dead_letters"],
        "lag p50 / p95 / p99, closed loop": " / ".join(_ms(lag[p]) for p in ("p50", "p95", "p99")),
        "back-fill / live part": f"{seconds['backfill']} s / {seconds['live']} s",
    }
    for name, value in rows.items():
        table.add_row(name, f"{value:,}" if isinstance(value, int) else value)
    return table


def _quality(figures: Mapping[str, Any]) -> Table:
    names = ["events before", "liked", "HR@10", "popular", "ratio", "NDCG@10", "popular"]
    names += ["offline", "no net"]
    table = Table(*names, title="The lists", caption=_QUALITY)
    for column in table.columns[1:]:
        column.justify = "right"
    parts = {"all": {**figures, "events": figures["targets"]}, **figures["by_history"]}
    for name, part in parts.items():
        hits, gains = part["hit_rate@10"], part["ndcg@10"]
        cells = [hits["headwater"], hits["popularity"], _ratio(hits)]
        cells += [gains["headwater"], gains["popularity"]]
        cells += [hits[WITH_NET], hits[WITHOUT_NET]]
        table.add_row(name, f"{part['events']:,}", *map(_three, cells))
    return table


def _sentences(figures: Mapping[str, Any], titles: Mapping[str, str]) -> list[str]:
    low, high = figures["hit_rate@10"]["ratio_interval"]
    ratio = _three(_ratio(figures["hit_rate@10"]))
    interval = f"{_three(low)} to {_three(high)}"
    said = [f"HR@10 is {ratio} times popularity's; 95 % interval over users: {interval}."]
    item = figures["new_item"]
    if item["item_id"] is not None:
        said.append(
            f"{titles.get(item['item_id'], item['item_id'])}, announced in the middle:"
            f" {_ms(item['announced_to_catalogue_ms'])} to the catalogue,"
            f" {_ms(item['announced_to_first_list_ms'])} and"
            f" {_or_dash(item['events_to_first_list'])} ratings to the first list."
        )
    if figures["compacted_lists"]:
        said.append(
            f"{figures['compacted_lists']} lists were compacted away before they could be read;"
            " lag and quality are measured without them."
        )
    return said


def _ratio(pair: Mapping[str, float | None]) -> float | None:
    ours, theirs = pair["headwater"], pair["popularity"]
    return ours / theirs if ours is not None and theirs else None


def _three(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f} ms"


def _or_dash(value: object) -> str:
    return "-" if value is None else str(value)
