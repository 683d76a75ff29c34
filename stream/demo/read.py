"""Reads the topics at the end, as an outsider would: the only evidence for the figures."""

from collections.abc import Callable

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from stream.decode import decode_events
from stream.demo.report import EventSeen, FilmSeen, ListSeen, Observed
from stream.lists import reader, until_now
from stream.placement import partition_of
from stream.rules import Rules
from stream.schemas import EVERYONE, Event, decode_recommendation
from stream.settings import Settings
from stream.topics import Topics

# The id that a key of `item-vectors` names; None for keys of other kinds.
RowId = Callable[[bytes], str | None]


async def observe(
    settings: Settings, topics: Topics, film_id: str | None, row_id: RowId
) -> Observed:
    """Read events, lists, dead letters and the withheld film's way into the catalogue.

    Raises BrokerUnreachable, TopicError.
    """
    events = await _events(settings, topics)
    lists, compacted = await _lists(settings, topics)
    dead = await _records(settings, topics.dead_letters.name)
    film = None if film_id is None else await _film(settings, topics, film_id, row_id)
    return Observed(events, lists, len(dead), film, compacted)


async def _events(settings: Settings, topics: Topics) -> list[EventSeen]:
    """All ratings, in the order in which the broker took them."""
    records = await _records(settings, topics.events.name)
    values, times = [r.value for r in records], [r.timestamp for r in records]
    decoded = decode_events(values, times, Rules.of(settings))
    seen = [
        EventSeen(
            event.user_id,
            event.item_id or "",
            event.value or 0.0,
            record.partition,
            record.offset,
            record.timestamp,
            event.timestamp_ms,
        )
        for event, record in zip(decoded, records, strict=True)
        if isinstance(event, Event)
    ]
    return sorted(seen, key=lambda event: (event.broker_ms, event.partition, event.offset))


async def _lists(settings: Settings, topics: Topics) -> tuple[list[ListSeen], int]:
    """All lists, each user's in order, and how many were compacted away before they were read."""
    records = await _records(settings, topics.recommendations.name)
    ends = {record.partition: record.offset + 1 for record in records}
    seen = [_list(record) for record in records if record.value is not None]
    return seen, sum(ends.values()) - len(records)


def _list(record: ConsumerRecord) -> ListSeen:
    found = decode_recommendation(record.value)
    items = tuple(item.item_id for item in found.items)
    source = found.source
    if source is None or found.user_id == EVERYONE:
        return ListSeen(found.user_id, items, -1, -1, record.timestamp)
    return ListSeen(found.user_id, items, source.partition, source.offset, record.timestamp)


async def _film(settings: Settings, topics: Topics, film_id: str, row_id: RowId) -> FilmSeen | None:
    key = film_id.encode()
    records = await _records(settings, topics.items.name)
    announced = [record.timestamp for record in records if record.key == key]
    if not announced:
        return None
    vectors = topics.item_vectors
    place = TopicPartition(vectors.name, partition_of(key, vectors.partitions))
    rows = await _records(settings, vectors.name, since=(place, announced[0]))
    written = (row.timestamp for row in rows if row.value and row_id(row.key) == film_id)
    return FilmSeen(film_id, announced[0], next(written, None))


async def _records(
    settings: Settings, topic: str, since: tuple[TopicPartition, int] | None = None
) -> list[ConsumerRecord]:
    """The topic's records up to now; with `since`, only one partition's from a time (ms) on."""
    source = await reader(settings, topic)
    try:
        if since is not None:
            await _seek(source, *since)
        return [record async for record in until_now(source)]
    finally:
        await source.stop()


async def _seek(source: AIOKafkaConsumer, place: TopicPartition, time_ms: int) -> None:
    source.assign([place])
    found = (await source.offsets_for_times({place: time_ms}))[place]
    if found is None:
        await source.seek_to_end(place)
    else:
        source.seek(place, found.offset)
