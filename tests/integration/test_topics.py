"""Topics on a real broker: created once, checked, refused by name."""

import asyncio

import pytest
from aiokafka.admin import NewTopic

from stream import mending, topics
from stream.cli import main
from stream.connect import admin_client
from stream.errors import BrokerUnreachable, TopicError
from stream.settings import PREFIX, Settings
from stream.topics import Topics


def test_what_is_missing_is_created_once(settings: Settings) -> None:
    """A second call finds everything; what was made is as declared."""
    created = asyncio.run(topics.ensure(settings))
    assert set(created) == {topic.name for topic in Topics(settings)}
    assert asyncio.run(topics.ensure(settings)) == []
    verified = asyncio.run(topics.verify(settings))
    assert [topic.partitions for topic in verified] == [4] * 10


def test_workers_that_start_at_once_do_not_hurt_each_other(settings: Settings) -> None:
    """Of four, each topic is made by exactly one."""

    async def four() -> list[list[str]]:
        return await asyncio.gather(*[topics.ensure(settings) for _ in range(4)])

    created = [name for names in asyncio.run(four()) for name in names]
    assert sorted(created) == sorted(topic.name for topic in Topics(settings))
    asyncio.run(topics.verify(settings))


def test_partners_of_an_existing_topic_get_its_count(settings: Settings) -> None:
    """Where events was made by its owner with 7 partitions, rows and input follow."""
    _make(settings, Topics(settings).events.name, 7)
    asyncio.run(topics.ensure(settings))
    found = asyncio.run(topics.verify(settings))
    assert [t.partitions for t in (found.events, found.user_input, found.user_rows)] == [7, 7, 7]
    assert found.item_feedback.partitions == 4


def test_a_topic_of_the_wrong_kind_is_refused_by_name(settings: Settings) -> None:
    """Events with its clients' times would make lag meaningless: refused, with the command."""
    name = Topics(settings).events.name
    _make(settings, name, 4, {"message.timestamp.type": "CreateTime"})
    asyncio.run(topics.ensure(settings))
    with pytest.raises(TopicError, match=f"Topic {name} requires message.timestamp.type=LogApp"):
        asyncio.run(topics.verify(settings))


def test_all_wrong_topics_are_named_at_once(settings: Settings) -> None:
    """Nobody has to start again to hear of the next."""
    names = [Topics(settings).events.name, Topics(settings).recommendations.name]
    for name in names:
        _make(settings, name, 4, {"message.timestamp.type": "CreateTime"})
    asyncio.run(topics.ensure(settings))
    with pytest.raises(TopicError) as refused:
        asyncio.run(topics.verify(settings))
    lines = str(refused.value).splitlines()
    assert [name in line for name, line in zip(names, lines, strict=True)] == [True, True]


def test_a_wrong_configuration_is_mended_and_nothing_else_of_it_is_touched(
    settings: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Described as wrong; named, not done, in a dry run; mended; described as it should be."""
    for name in ("broker", "topic_prefix"):
        monkeypatch.setenv(PREFIX + name.upper(), str(getattr(settings, name)))
    events, vectors = Topics(settings).events.name, Topics(settings).item_vectors.name
    own = {"retention.ms": "3600000", "segment.bytes": "2000000"}
    wrong = {"message.timestamp.type": "CreateTime", "cleanup.policy": "compact"}
    _make(settings, events, 4, wrong | own)
    _make(settings, vectors, 4)
    asyncio.run(topics.ensure(settings))
    assert main(["topics", "describe"]) == 1
    complaint = f"Topic {events} requires cleanup.policy=delete, message.timestamp.type=LogAppend"
    said = capsys.readouterr().out
    assert complaint in said
    flags = f"--broker {settings.broker} --topic-prefix {settings.topic_prefix}"
    assert f"`headwater topics mend {flags}`" in said

    assert main(["topics", "mend", "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"Would set cleanup.policy=delete of {events}; it was compact."
    assert len(lines) == 4
    assert asyncio.run(topics.describe(settings))[events].config["cleanup.policy"] == "compact"

    assert main(["topics", "mend", "--retention-hours", "24"]) == 0
    assert f"Set retention.ms=86400000 of {events}; it was 3600000." in capsys.readouterr().out
    assert main(["topics", "describe"]) == 0
    config = asyncio.run(topics.describe(settings))[events].config
    assert (config["segment.bytes"], config["retention.ms"]) == ("2000000", "86400000")
    assert main(["topics", "mend"]) == 0
    assert "No topic's configuration is to be mended." in capsys.readouterr().out


def test_what_cannot_be_mended_in_place_is_said(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """Partitions cannot be taken away; missing topics are to be made."""
    _make(settings, Topics(settings).events.name, 2)
    _make(settings, Topics(settings).user_input.name, 3, {"max.message.bytes": "1200000"})
    flags = ["--broker", settings.broker, "--topic-prefix", settings.topic_prefix]
    assert main(["topics", "mend", *flags]) == 1
    said = capsys.readouterr().out
    assert "has 3 partitions and" in said
    assert f"kafka-topics.sh --bootstrap-server {settings.broker} --delete --topic" in said
    assert f"headwater topics create {' '.join(flags)}" in said


def test_kafka_s_refusal_to_mend_is_said(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In its own words, with the topic."""
    asyncio.run(topics.ensure(settings))
    name = Topics(settings).events.name
    change = [mending.Change(name, "cleanup.policy", "delete", "burn")]
    monkeypatch.setattr("stream.mending._changes", lambda *_: change)
    with pytest.raises(TopicError, match=f"Kafka refused to mend topic {name}: .*burn"):
        asyncio.run(mending.mend(settings))


def test_more_replicas_than_brokers_is_kafka_s_refusal(settings: Settings) -> None:
    """Kafka's own words reach the person."""
    wrong = settings.model_copy(update={"replication": 3})
    with pytest.raises(TopicError, match="refused to create topic"):
        asyncio.run(topics.ensure(wrong))


def test_no_broker_is_named_within_the_time_allowed(settings: Settings) -> None:
    """The message has the address and what to do."""
    away = settings.model_copy(update={"broker": "127.0.0.1:1", "wait": 0.5})
    with pytest.raises(BrokerUnreachable, match=r"127\.0\.0\.1:1.*headwater broker start"):
        asyncio.run(topics.ensure(away))


def _make(
    settings: Settings, name: str, partitions: int, config: dict[str, str] | None = None
) -> None:
    base = {"cleanup.policy": "delete", "message.timestamp.type": "LogAppendTime"}

    async def make() -> None:
        admin = await admin_client(settings)
        try:
            new = NewTopic(name, partitions, 1, topic_configs=base | (config or {}))
            await admin.create_topics([new])
        finally:
            await admin.close()

    asyncio.run(make())
