"""The example clients, each in its own language, against a real broker and a real worker."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from support.client import Read, latest, read_all, wait_until
from support.workers import Worker

from stream import topics
from stream.documents.json_schema import documents
from stream.placement import partition_of
from stream.publish import Publisher, as_json, prepare
from stream.rules import Rules
from stream.schemas import EVERYONE, Rejected
from stream.settings import Settings
from stream.topics import Topics

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "deploy" / "examples"
BUILT = ROOT / "build" / "examples"
# A short run spends most of its time on starting Java: these halve it.
JAVA = ("java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto")

# Each example's command, the tools that it needs, and how it is built.
COMMANDS = {
    "aiokafka": [sys.executable, str(EXAMPLES / "with_aiokafka.py")],
    "confluent-kafka": [sys.executable, str(EXAMPLES / "with_confluent_kafka.py")],
    "kcat": ["sh", str(EXAMPLES / "with_kcat.sh")],
    "go": [str(BUILT / "go")],
    "java": [
        *JAVA,
        *("-cp", f"{BUILT / 'java' / 'classes'}{os.pathsep}{ROOT / 'build' / 'kafka'}/*"),
        "Example",
    ],
}
TOOLS = {"kcat": ("kcat", "jq"), "go": ("go",), "java": ("mvn", "javac")}
BUILDS = {
    "go": ["go", "-C", str(EXAMPLES / "go"), "build", "-o", str(BUILT / "go"), "."],
    "java": ["mvn", "--quiet", "--batch-mode", "--file", str(EXAMPLES / "java"), "compile"],
}


def missing(client: str) -> list[str]:
    """The tools that this client's example needs and this machine lacks."""
    return [tool for tool in TOOLS.get(client, ()) if shutil.which(tool) is None]


@pytest.fixture(scope="module")
def builds() -> Iterator[dict[str, subprocess.Popen[str]]]:
    """What is to be built, in the making: under way while broker and worker start."""
    under_way = {
        client: subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for client, command in BUILDS.items()
        if not missing(client)
    }
    yield under_way
    for build in under_way.values():
        build.kill()
        build.communicate()


@pytest.fixture(scope="module")
def service(
    builds: object, broker: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Settings]:
    """A broker and a ready worker that knows a few items and users."""
    prefix = f"test-{uuid.uuid4().hex[:12]}."
    folder = tmp_path_factory.mktemp("examples")
    settings = Settings(broker=broker, topic_prefix=prefix, group=prefix.rstrip("."), wait=10)
    asyncio.run(topics.ensure(settings))
    asyncio.run(_publish(settings, [("somebody", item) for item in "abcdef"]))
    worker = Worker(settings, "examples", folder, default_list_interval=0.3).start()
    wait_until(lambda: _known(settings) == set("abcdef"), 120, f"the items:\n{worker.tail()}")
    yield settings
    worker.kill()


def _known(settings: Settings) -> set[str]:
    """The items that the list for everyone holds."""
    lists = latest(read_all(settings.broker, Topics(settings).recommendations.name))
    everyone = lists[EVERYONE.encode()].value if EVERYONE.encode() in lists else b'{"items":[]}'
    return {item["item_id"] for item in json.loads(everyone or b"")["items"]}


async def _publish(settings: Settings, acts: list[tuple[str, str]]) -> None:
    async with Publisher(settings, "events") as publisher:
        for user, item in acts:
            value = as_json({"user_id": user, "item_id": item, "type": "like"})
            message = prepare("events", value, Rules())
            assert not isinstance(message, Rejected)
            await publisher.send_and_wait(message)


@pytest.fixture(params=COMMANDS)
def client(
    request: pytest.FixtureRequest, builds: dict[str, subprocess.Popen[str]], service: Settings
) -> str:
    """One client's name, with its example built."""
    name: str = request.param
    if lacking := missing(name):
        pytest.skip(f"the {name} example needs {' and '.join(lacking)}, which is not installed")
    if name in builds:
        said, _ = builds[name].communicate(timeout=300)
        assert builds[name].returncode == 0, said
    return name


def environment(settings: Settings) -> dict[str, str]:
    """What tells an example where Kafka is."""
    return dict(os.environ) | {"BROKER": settings.broker, "PREFIX": settings.topic_prefix}


def newest(settings: Settings, user: str) -> Read:
    """The record of the user's newest list."""
    return latest(read_all(settings.broker, Topics(settings).recommendations.name))[user.encode()]


def test_a_published_event_is_answered(client: str, service: Settings) -> None:
    """It lies where murmur2 says; the newest list is printed. The id is one that needs care."""
    user = f'zoë "7" $HOME/\\n %s by {client}'
    asyncio.run(_publish(service, [(user, "a"), (user, "b")]))
    done = subprocess.run(
        [*COMMANDS[client], "publish", user, "c", "like"],
        env=environment(service),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    names = Topics(service)
    [event] = [
        read
        for read in read_all(service.broker, names.events.name)
        if json.loads(read.value or b"")["user_id"] == user
        and json.loads(read.value or b"")["item_id"] == "c"
    ]
    assert event.key == user.encode()
    assert event.partition == partition_of(user.encode(), names.events.partitions)
    assert f"{names.events.name}[{event.partition}] offset {event.offset}" in done.stderr
    assert done.stdout.encode() == (newest(service, user).value or b"") + b"\n"
    found = json.loads(done.stdout)
    assert found["source"] == {
        "topic": names.events.name,
        "partition": event.partition,
        "offset": event.offset,
    }
    assert {item["item_id"] for item in found["items"]} == set("def")


def test_a_watched_user_s_newest_list_is_kept(
    client: str, service: Settings, tmp_path: Path
) -> None:
    """The last line is the newest list: at first, and after another event."""
    user = f"watched by {client}"
    asyncio.run(_publish(service, [(user, "a"), ("another", "a")]))
    told = tmp_path / "told"
    with told.open("wb") as out, (tmp_path / "error").open("wb") as error:
        watching = subprocess.Popen(
            [*COMMANDS[client], "watch", user],
            env=environment(service),
            stdout=out,
            stderr=error,
            start_new_session=True,
        )
    try:
        for acts in ([], [(user, "b")]):
            asyncio.run(_publish(service, acts))
            seen = 2 - (not acts)
            wait_until(lambda n=seen: len(_lists(told)) >= n, 30, f"{seen} lists of {client}")
            wait_until(
                lambda: _lists(told)[-1].encode() == newest(service, user).value, 10, "the newest"
            )
    finally:
        os.killpg(watching.pid, 15)  # with what a shell script has started
        watching.wait(10)
    assert {json.loads(line)["user_id"] for line in _lists(told)} == {user}


def _lists(told: Path) -> list[str]:
    return told.read_text().splitlines()


def test_wrong_use_is_told(client: str, service: Settings) -> None:
    """Exit code 2 and how to use it."""
    done = subprocess.run(
        [*COMMANDS[client], "publish", "ann"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "watch USER" in done.stderr


def test_nothing_had_to_be_forwarded(service: Settings) -> None:
    """Of all that the examples have sent."""
    assert read_all(service.broker, Topics(service).user_input.name) == []


def test_what_a_worker_writes_fits_the_published_schemas(service: Settings) -> None:
    """Every list, and the headers of a dead letter, by the documents that other tools read."""
    schemas = {
        name: Draft202012Validator(schema, format_checker=FormatChecker())
        for name, schema in documents(Rules()).items()
    }
    names = Topics(service)

    async def bad() -> None:
        async with Publisher(service, "events") as publisher:
            message = prepare("events", b'{"user_id":"u","type":"search","query":"q"}', Rules())
            assert not isinstance(message, Rejected)
            await publisher.send_and_wait(type(message)(message.key, b'{"user_id"', listed=False))

    asyncio.run(bad())
    asyncio.run(_publish(service, [("last", "a")]))
    wait_until(
        lambda: len(read_all(service.broker, names.dead_letters.name)) == 1, 60, "a dead letter"
    )
    wait_until(
        lambda: (
            {b"last", b"*"}
            <= {read.key for read in read_all(service.broker, names.recommendations.name)}
        ),
        60,
        "the lists",
    )
    lists = [read for read in read_all(service.broker, names.recommendations.name) if read.value]
    for read in lists:
        schemas["recommendation"].validate(json.loads(read.value or b""))
    [letter] = read_all(service.broker, names.dead_letters.name)
    headers = {name: value.decode() for name, value in letter.headers.items()}
    schemas["dead-letter-headers"].validate(headers)
    assert headers["reason"] == "json"
