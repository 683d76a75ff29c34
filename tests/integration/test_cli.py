"""The command line as a person meets it: real processes, real broker."""

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from aiokafka import ConsumerRecord
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from stream import topics
from stream.broker import free_port
from stream.cli import main
from stream.connect import admin_client, producer
from stream.lists import reader, until_now
from stream.schemas import ListItem, Recommendation, Source, encode_recommendation
from stream.settings import Settings
from stream.times import moment
from stream.topics import Topics

NOW = 1_700_000_000_000
COMMANDS = [
    ["broker"],
    ["broker", "start"],
    ["broker", "stop"],
    ["broker", "status"],
    ["topics"],
    ["topics", "create"],
    ["topics", "describe"],
    ["topics", "mend"],
    ["topics", "schemas"],
    ["config"],
    ["worker"],
    ["publish"],
    ["publish", "event"],
    ["publish", "item"],
    ["publish", "user"],
    ["replay"],
    ["tail"],
    ["convert"],
    ["demo"],
    ["train"],
    ["evaluate"],
    ["search"],
    ["doctor"],
    ["bench"],
]

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def headwater(settings: Settings, tmp_path: Path) -> Run:
    """Run `headwater` with the test's broker, prefix and group, in an empty folder."""
    environment = os.environ | {
        "HEADWATER_BROKER": settings.broker,
        "HEADWATER_TOPIC_PREFIX": settings.topic_prefix,
        "HEADWATER_GROUP": settings.group,
        "HEADWATER_WAIT": "10",
        "COLUMNS": "200",
    }

    def run(
        *arguments: str, typed: str | None = None, **changed: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "stream.cli", *arguments],
            env=environment | {f"HEADWATER_{name}": value for name, value in changed.items()},
            cwd=tmp_path,
            input=typed,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def refused(done: subprocess.CompletedProcess[str], code: int = 2) -> str:
    """The one sentence on standard error of a command that failed with this exit code."""
    assert done.returncode == code, done
    assert "Traceback" not in done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_has_examples(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Every command explains itself with at least one example that begins with its own name."""
    assert main([*command, "--help"]) == 0
    examples = capsys.readouterr().out.split("Examples:")[1].split("Options:")[0]
    assert f"headwater {' '.join(command)}" in examples


def test_every_command_is_tested_here(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever adds a command adds it above, too."""
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    listed = {line.split()[0] for line in text.split("Commands:")[1].splitlines() if line.strip()}
    assert {command[0] for command in COMMANDS} >= listed


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nonsense"], "nonsense"),
        (["replay"], "file"),
        (["replay", "missing.csv"], "missing.csv is not a file"),
        (["replay", "missing.csv", "--as", "films"], "--as needs events, items or users"),
        (["replay", "missing.csv", "--rate", "0"], "--rate"),
        (["replay", "missing.csv", "--rate", "1", "--max"], "exclude each other"),
        (["replay", "x.csv", "--as", "items", "--quiet-lists"], "are for events"),
        (["publish", "event", "--value", "many"], "--value"),
        (["publish", "event", "--user", "u", "--type", "like"], "(id)"),
        (["publish", "event", "--json", "{", "--user", "u"], "--json is the whole message"),
        (["publish", "event", "--json", '{"user_id"'], "(json)"),
        (["publish", "event", "--json", '{"user_id":"u","type":"x"}'], "(type)"),
        (["publish", "user", "--user", "u", "--attributes", "[1]"], "needs a JSON object"),
        (["publish", "user", "--user", "u" * 257], "(id)"),
        (["config", "--list-length", "0"], "list_length (flag)"),
        (["topics", "describe", "--broker", "nowhere"], "needs host:port"),
        (["tail", "--nope"], "--nope"),
    ],
)
def test_wrong_use_is_one_sentence(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Wrong flags, values and files: exit code 2 before any broker is asked."""
    assert main(arguments) == 2
    error = capsys.readouterr().err.strip()
    assert said in error
    assert len(error.splitlines()) == 1


def test_no_broker_is_one_sentence_after_its_time(headwater: Run) -> None:
    """Nobody at the address: tries with back-off, then exit code 1 with the address."""
    address = f"127.0.0.1:{free_port()}"
    done = headwater("topics", "create", "--wait", "1", BROKER=address)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    *tries, last = done.stderr.strip().splitlines()
    assert f"No Kafka answers at {address}" in last
    assert 1 <= len(tries) <= 4
    assert all("next try in" in line for line in tries)


def test_topics_are_created_and_described(headwater: Run) -> None:
    """Missing: exit code 1 and what to do; created: ten names, then nothing more to do."""
    assert headwater("topics", "describe").returncode == 1
    assert headwater("topics", "create").stdout.count("Created") == 10
    assert headwater("topics", "create").stdout == "All topics are there.\n"
    done = headwater("topics", "describe", "--json")
    assert done.returncode == 0
    described = json.loads(done.stdout)
    assert [topic["wrong"] for topic in described] == [None] * 10
    assert described[0]["message.timestamp.type"] == "LogAppendTime"


def test_config_tells_where_values_come_from(headwater: Run, settings: Settings) -> None:
    """Flags, environment, default; an unknown variable is warned of."""
    done = headwater("config", "--json", "--list-length", "7", NONSENSE="1")
    shown = json.loads(done.stdout)
    assert shown["list_length"] == {"value": 7, "source": "flag"}
    assert shown["broker"] == {
        "value": settings.broker,
        "source": "environment HEADWATER_BROKER",
    }
    assert shown["partitions"]["source"] == "default"
    assert "HEADWATER_NONSENSE is not a setting" in done.stderr


def test_broker_start_is_not_needed_beside_another_kafka(
    headwater: Run, settings: Settings
) -> None:
    """HEADWATER_BROKER names a Kafka, so none is started; whether that one answers is said."""
    done = headwater("broker", "start")
    assert done.returncode == 0
    assert done.stdout.startswith(f"The settings name another Kafka, {settings.broker} (env")
    assert "and it answers: no local one is started" in done.stdout
    away = f"127.0.0.1:{free_port()}"
    done = headwater("broker", "start", BROKER=away)
    assert done.returncode == 1
    assert f"{away} (environment HEADWATER_BROKER), and nobody answers there." in done.stdout
    assert f"`headwater broker start --port {away.split(':')[1]}` starts a local" in done.stdout


def test_the_broker_s_life_by_hand(headwater: Run, tmp_path: Path) -> None:
    """Start, status, another at its port, stop, stop again."""
    port, data = str(free_port()), str(tmp_path / "kafka")
    assert "No local Kafka runs" in headwater("broker", "status", "--data", data).stdout
    started = headwater("broker", "start", "--data", data, "--port", port)
    assert started.stdout.startswith(f"Kafka runs at 127.0.0.1:{port}")
    try:
        assert headwater("broker", "status", "--data", data).returncode == 0
        other = headwater("broker", "start", "--data", f"{data}2", "--port", port)
        assert f"Port {port} is taken" in refused(other, 1)
    finally:
        stopped = headwater("broker", "stop", "--data", data)
    assert stopped.stdout == "Stopped.\n"
    assert headwater("broker", "stop", "--data", data).stdout == "No local Kafka was running.\n"


def test_one_of_each_is_published(headwater: Run, settings: Settings) -> None:
    """Flags become the wire's fields; the place is printed."""
    headwater("topics", "create")
    event = [
        "publish",
        "event",
        "--user",
        "ann",
        "--item",
        "5",
        "--type",
        "rate",
        "--value",
        "4",
        "--id",
        "e1",
        "--timestamp",
    ]
    done = headwater(*event, "2024-01-02T03:04:05Z", "--context", '{"page":"home"}')
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"Acknowledged: {settings.topic_prefix}events[")
    headwater("publish", "item", "--item", "5", "--title", "T", "--category", "a", "--unavailable")
    headwater("publish", "user", "--json", '{"user_id":"ann","attributes":{"age":3},"later":1}')
    there = Topics(settings)
    [sent] = _records(settings, there.events.name)
    assert sent.key == b"ann"
    assert json.loads(sent.value) == {
        "event_id": "e1",
        "user_id": "ann",
        "item_id": "5",
        "type": "rate",
        "value": 4.0,
        "timestamp": "2024-01-02T03:04:05Z",
        "context": {"page": "home"},
    }
    [sent] = _records(settings, there.items.name)
    assert json.loads(sent.value) == {
        "item_id": "5",
        "title": "T",
        "categories": ["a"],
        "available": False,
    }
    [sent] = _records(settings, there.users.name)
    assert sent.value == b'{"user_id":"ann","attributes":{"age":3},"later":1}'


def test_what_kafka_would_refuse_is_not_sent(headwater: Run, settings: Settings) -> None:
    """Two megabytes for a topic that takes one: size and limit are said; NaN has its reason."""
    asyncio.run(topics.ensure(settings))
    base = {"user_id": "u", "item_id": "i", "type": "rate", "value": 1}
    big = json.dumps(base | {"context": {"text": "x" * 2_000_000}})
    said = refused(headwater("publish", "event", "--json", "-", typed=big))
    assert "(size)" in said
    assert "Kafka takes 1048588" in said
    event = ["publish", "event", "--user", "u", "--item", "i", "--type", "rate"]
    assert "(value)" in refused(headwater(*event, "--value", "nan"))
    assert _records(settings, Topics(settings).events.name) == []


def test_a_topic_s_own_limit_counts(headwater: Run, settings: Settings) -> None:
    """A topic that was made to take less says what it takes."""
    asyncio.run(topics.ensure(settings))
    _shrink(settings, Topics(settings).users.name, 5_000)
    attributes = json.dumps({"text": "x" * 6_000})
    said = refused(headwater("publish", "user", "--user", "u", "--attributes", attributes))
    assert "Kafka takes 5000" in said


def test_a_missing_topic_says_what_to_do(headwater: Run) -> None:
    """Publishing before anything was created."""
    said = refused(headwater("publish", "user", "--user", "ann"), 1)
    assert "headwater topics create" in said


def test_tail_shows_titles_scores_and_lag(headwater: Run, settings: Settings) -> None:
    """The lists that are there, of one user, as text and as JSON."""
    asyncio.run(topics.ensure(settings))
    headwater("publish", "item", "--item", "5", "--title", "Alien (1979)")
    asyncio.run(_publish_lists(settings))
    text = headwater("tail", "--from-start", "--user", "ann", "--count", "1").stdout
    assert "ann  22:13:20  event, lag 12.0 ms" in text
    assert "1. Alien (1979)  1.500" in text
    assert "2. 6  0.500" in text
    raw = headwater("tail", "--from-start", "--count", "2", "--json").stdout.splitlines()
    lists = {line["user_id"]: line["items"] for line in map(json.loads, raw)}
    assert lists.keys() == {"ann", "bob"}
    assert lists["bob"] is None


def _records(settings: Settings, topic: str) -> list[ConsumerRecord]:
    """Everything in the topic now."""

    async def read() -> list[ConsumerRecord]:
        source = await reader(settings, topic)
        try:
            return [record async for record in until_now(source)]
        finally:
            await source.stop()

    return asyncio.run(read())


async def _publish_lists(settings: Settings) -> None:
    there = Topics(settings)
    ann = Recommendation(
        "ann",
        "l",
        [ListItem("5", 1.5), ListItem("6", 0.5)],
        "event",
        "m",
        moment(NOW),
        Source(there.events.name, 0, 0),
        0.012,
    )
    sender = await producer(settings)
    try:
        name = there.recommendations.name
        await sender.send_and_wait(name, encode_recommendation(ann), b"ann")
        await sender.send_and_wait(name, None, b"bob")
    finally:
        await sender.stop()


def _shrink(settings: Settings, topic: str, limit: int) -> None:
    async def alter() -> None:
        admin = await admin_client(settings)
        try:
            change = {"max.message.bytes": str(limit)}
            await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, change)])
        finally:
            await admin.close()

    asyncio.run(alter())


def test_a_worker_whose_snapshot_is_not_there_says_so_in_one_sentence(headwater: Run) -> None:
    """A wrong setting as any other, before a broker is asked; with its name and file."""
    said = refused(headwater("worker", MODEL="missing.safetensors", BROKER="127.0.0.1:1"))
    for part in ("model", "missing.safetensors", "not a file"):
        assert part in said


def test_a_worker_whose_port_is_taken_says_so_in_one_sentence(headwater: Run) -> None:
    """Before it joins the group, and without a library's complaints."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = headwater("worker", HTTP_PORT=str(port), LOG_LEVEL="WARNING")
    said = refused(done)
    assert f"127.0.0.1:{port}" in said
    assert "HEADWATER_HTTP_PORT" in said
