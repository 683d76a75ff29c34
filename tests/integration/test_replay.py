"""Replaying files at the workers' pace, answered by a stand-in that only lists and commits."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord

from stream import topics
from stream.backlog import Backlog
from stream.connect import consumer, producer
from stream.lists import ListWatcher, reader, until_now
from stream.publish import Publisher, prepare
from stream.replay import Pace, Plan, Report, replay
from stream.rowfiles import RowFile
from stream.rules import Rules
from stream.schemas import QUIET_HEADER, Recommendation, Source, encode_recommendation
from stream.settings import Settings
from stream.times import moment
from stream.topics import Topics

ANY_TIME = moment(1_700_000_000_000)


def like(user: int, item: int) -> str:
    """One line of a file of events."""
    return json.dumps({"user_id": f"u{user}", "item_id": item, "type": "like"})


@pytest.fixture
def ready(settings: Settings) -> Settings:
    """Settings whose topics exist."""
    asyncio.run(topics.ensure(settings))
    return settings


def run(settings: Settings, path: Path, plan: Plan) -> Report:
    """Replay events without a worker."""
    return asyncio.run(replay(settings, RowFile(path, "events"), plan, lambda *_: None))


def test_rows_are_acknowledged_in_order_and_refusals_named(ready: Settings, tmp_path: Path) -> None:
    """What a worker could not apply, or Kafka would not take, is named with line and reason."""
    lines = [like(n % 3, n) for n in range(30)]
    lines[4] = '{"user_id":"u"'
    lines[9] = like(0, 9).replace("like", "teleport")
    lines[14] = json.dumps({"user_id": "u", "type": "search", "query": "x" * 2_000_000})
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(lines))
    report = run(ready, path, Plan())
    assert (report.rows, report.acknowledged, report.refused) == (30, 27, 3)
    named = [(number, why.reason) for number, why in report.refusals]
    assert named == [(5, "json"), (10, "type"), (15, "size")]
    for user in ("u0", "u1", "u2"):
        items = [json.loads(r.value)["item_id"] for r in _events(ready) if r.key == user.encode()]
        assert items == sorted(items)


def test_quiet_lists_ask_for_each_user_s_last_list_only(ready: Settings, tmp_path: Path) -> None:
    """The header is on all but the last event of a user that a list would answer."""
    impression = {"user_id": "u1", "type": "impression", "items": [1], "list_id": "l"}
    lines = [like(0, 1), like(1, 2), like(0, 3), like(1, 4), json.dumps(impression), "{"]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(lines))
    run(ready, path, Plan(quiet=True))
    loud = {
        (record.key, json.loads(record.value)["item_id"])
        for record in _events(ready)
        if QUIET_HEADER not in record.headers
    }
    assert loud == {(b"u0", 3), (b"u1", 4)}


def test_the_rate_is_kept(ready: Settings, tmp_path: Path) -> None:
    """Sixty rows at a hundred a second take six tenths of a second."""
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(like(n, n) for n in range(60)))
    report = run(ready, path, Plan(rate=100))
    assert 0.55 <= report.seconds < 3


def test_every_user_s_last_event_is_waited_for(ready: Settings, tmp_path: Path) -> None:
    """With a worker that answers, all are answered, and the replay says so."""
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(like(n % 40, n) for n in range(400)))

    async def go() -> Report:
        async with _worker(ready, []):
            plan = Plan(wait_for_lists=True, ahead=100, timeout=20)
            return await replay(ready, RowFile(path, "events"), plan, lambda *_: None)

    report = asyncio.run(go())
    assert (report.acknowledged, report.expected_users, report.answered_users) == (400, 40, 40)


def test_waiting_gives_up(ready: Settings, tmp_path: Path) -> None:
    """Without a worker no list comes; after the time allowed the replay says how many lack."""
    path = tmp_path / "a.jsonl"
    path.write_text(like(1, 1))
    report = run(ready, path, Plan(wait_for_lists=True, timeout=0.5))
    assert (report.acknowledged, report.expected_users, report.answered_users) == (1, 1, 0)


def test_replay_never_leads_the_workers_by_more_than_it_may(
    ready: Settings, tmp_path: Path
) -> None:
    """A slow worker holds the replay back: what stands unapplied stays below the limit."""
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(like(n % 50, n) for n in range(1500)))
    seen: list[int] = []

    async def go() -> Report:
        async with _worker(ready, seen, pause=0.05):
            plan = Plan(ahead=200)
            return await replay(ready, RowFile(path, "events"), plan, lambda *_: None)

    assert asyncio.run(go()).acknowledged == 1500
    assert max(seen) <= 200
    assert len(seen) > 3


def test_the_second_hop_counts_too(ready: Settings) -> None:
    """Feedback that nobody has applied yet is backlog as events are."""

    async def go() -> tuple[int, int]:
        async with Backlog(ready) as backlog:
            empty = await backlog.count()
            sender = await producer(ready)
            for number in range(7):
                name = Topics(ready).item_feedback.name
                await sender.send_and_wait(name, b"feedback", partition=number % 4)
            await sender.stop()
            return empty, await backlog.count()

    assert asyncio.run(go()) == (0, 7)


def test_a_silent_worker_is_asked_for(
    ready: Settings, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Held back with nobody committing, the replay asks whether a worker runs."""
    monkeypatch.setattr("stream.replay._SILENCE_SECONDS", 0.3)

    async def go() -> None:
        async with Publisher(ready, "events") as publisher, Backlog(ready) as backlog:
            message = prepare("events", like(1, 1).encode(), Rules())
            await publisher.send_and_wait(message)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(Pace(backlog, 1, _nothing).sending_one(), 1)

    asyncio.run(go())
    assert "1 records wait to be applied: is a worker running?" in caplog.text


def test_a_list_that_came_before_it_was_expected_counts(ready: Settings) -> None:
    """The watcher remembers each user's latest list, so nothing is missed by asking late."""

    async def go() -> None:
        async with ListWatcher(ready) as watcher:
            early = watcher.expect("u", 2, 7)
            later = watcher.expect("u", 2, 8)
            sender = await producer(ready)
            await _answer(sender, ready, "u", 2, 7)
            assert (await asyncio.wait_for(early, 5)).recommendation.user_id == "u"
            assert not later.done()
            assert watcher.expect("u", 2, 3).done()
            assert not watcher.expect("u", 1, 3).done()
            await _answer(sender, ready, "u", 2, 9)
            await asyncio.wait_for(later, 5)
            await sender.stop()
            assert watcher.lists == 2

    asyncio.run(go())


async def _nothing() -> None:
    """All that was sent is acknowledged."""


@asynccontextmanager
async def _worker(settings: Settings, behind: list[int], pause: float = 0.0) -> AsyncIterator[None]:
    """Answer and commit every event, a hundred at a time; `behind`: how far it was, each time."""
    name = Topics(settings).events.name
    source = await consumer(
        settings, group_id=settings.group, auto_offset_reset="earliest", enable_auto_commit=False
    )
    source.subscribe([name])
    sender = await producer(settings)
    task = asyncio.create_task(_work(settings, source, sender, behind, pause))
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await sender.stop()
    await source.stop()


async def _work(
    settings: Settings,
    source: AIOKafkaConsumer,
    sender: AIOKafkaProducer,
    behind: list[int],
    pause: float,
) -> None:
    done = 0
    while True:
        found = await source.getmany(timeout_ms=100, max_records=100)
        end = await source.end_offsets(list(source.assignment()))
        behind.append(sum(end.values()) - done)
        for record in (record for records in found.values() for record in records):
            user = record.key.decode()
            await _answer(sender, settings, user, record.partition, record.offset)
            done += 1
        if found:
            await source.commit()
        await asyncio.sleep(pause)


async def _answer(
    sender: AIOKafkaProducer, settings: Settings, user: str, partition: int, offset: int
) -> None:
    there = Topics(settings)
    source = Source(there.events.name, partition, offset)
    empty = Recommendation(user, "l", [], "event", "m", ANY_TIME, source, 0.0)
    await sender.send(there.recommendations.name, encode_recommendation(empty), user.encode())


def _events(settings: Settings) -> list[ConsumerRecord]:
    async def read() -> list[ConsumerRecord]:
        source = await reader(settings, Topics(settings).events.name)
        try:
            return [record async for record in until_now(source)]
        finally:
            await source.stop()

    return asyncio.run(read())
