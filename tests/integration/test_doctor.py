"""`headwater doctor` at a real Kafka with real workers: well, and with each thing broken."""

import asyncio
import json
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from aiohttp import web
from aiokafka.admin import NewTopic
from confluent_kafka import Producer
from support.client import uncommitted, wait_until
from support.nets import random_mixture
from support.prometheus import Prometheus
from support.workers import Worker

from stream import broker, topics
from stream.broker import free_port
from stream.cli import main
from stream.connect import admin_client
from stream.doctor.cluster import judge_clock
from stream.doctor.disk import look_at_state
from stream.doctor.kafka import look_at_kafka
from stream.doctor.pages import look_at_pages, look_at_prometheus
from stream.settings import PREFIX, Settings
from stream.topics import Topics

TEN_MINUTES = 600.0

Doctor = Callable[..., tuple[int, dict[str, list[dict[str, str]]]]]


@pytest.fixture
def doctor(
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Doctor:
    """Run `headwater doctor --json`; return the exit code and the findings by check."""
    for name in ("broker", "topic_prefix", "group", "state_dir"):
        monkeypatch.setenv(PREFIX + name.upper(), str(getattr(settings, name)))
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, dict[str, list[dict[str, str]]]]:
        code = main(["doctor", "--json", *arguments])
        answer = json.loads(capsys.readouterr().out)
        assert answer["ok"] is (code == 0)
        found: dict[str, list[dict[str, str]]] = {}
        for finding in answer["findings"]:
            assert set(finding) == {"check", "status", "text", "mend"}
            found.setdefault(finding["check"], []).append(finding)
        return code, found

    return run


def send(settings: Settings, users: list[str], partitioner: str, **fields: object) -> None:
    """Publish a view of each user by an outside client."""
    outside = Producer({"bootstrap.servers": settings.broker, "partitioner": partitioner})
    for user in users:
        value = {"user_id": user, "item_id": "i", "type": "view"} | fields
        outside.produce(Topics(settings).events.name, json.dumps(value).encode(), user.encode())
    assert outside.flush(10) == 0


def wrong(found: dict[str, list[dict[str, str]]]) -> dict[str, str]:
    """What is wrong: the status of each check that is not fine."""
    return {
        check: finding["status"]
        for check, findings in found.items()
        for finding in findings
        if finding["status"] in {"warn", "fail"}
    }


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[Prometheus]:
    """A real one, which reads nothing yet."""
    started = Prometheus(tmp_path / "prometheus", []).start()
    yield started
    started.stop()


def watched_by(prometheus: Prometheus, worker: str) -> str:
    """Let it read the worker; return its address once it has."""
    prometheus.scrape([worker])
    wait_until(lambda: bool(prometheus.query("headwater_model_info")), 20, "read")
    return prometheus.url


def test_a_real_worker_well_and_then_with_careless_publishers(
    settings: Settings, tmp_path: Path, doctor: Doctor, prometheus: Prometheus
) -> None:
    """First all is well: exit code 0. Then each mistake of a publisher is named: exit code 1."""
    worker = Worker(settings, "w", tmp_path).start().wait_ready()
    try:
        users = [f"u{number}" for number in range(40)]
        send(settings, users, "murmur2_random")
        here = ("--worker", f"127.0.0.1:{worker.port}", "--state-dir", str(worker.state))
        read = [topics.Topics(settings).events.name]
        wait_until(lambda: not uncommitted(settings.broker, settings.group, read), 20, "applied")
        watching = watched_by(prometheus, f"127.0.0.1:{worker.port}")
        code, found = doctor(*here, "--prometheus", watching)
        assert (code, wrong(found)) == (0, {})
        assert "reads 1 of the workers" in found["prometheus"][0]["text"]
        assert found["group"][0]["text"].startswith(f"Group {settings.group} has 1 worker, at ")
        assert "is ready" in found["worker"][0]["text"]

        send(settings, users, "consistent_random", timestamp=int((time.time() + 600) * 1000))
        send(settings, ["bad"], "murmur2_random", type="no such type")
        wait_until(lambda: not uncommitted(settings.broker, settings.group, read), 20, "applied")
        code, found = doctor(*here)
        assert (code, wrong(found)) == (
            1, {"placement": "warn", "event-times": "warn", "dead-letters": "warn"},
        )  # fmt: skip
        assert "CRC32" in found["placement"][0]["text"]
        assert found["placement"][0]["mend"].endswith("-X partitioner=murmur2_random")
        assert "by 10 min at most" in found["event-times"][0]["text"]
        assert "1 record set aside in the last hour as `type`" in found["dead-letters"][0]["text"]

        [page] = asyncio.run(look_at_pages([here[1]], lambda: time.time() + TEN_MINUTES))
        assert -TEN_MINUTES - 2 < page.ahead < -TEN_MINUTES + 2
    finally:
        worker.kill()
    wait_until(lambda: not prometheus.query("up == 1"), 20, "noticed")
    _, found = doctor(*here, "--prometheus", watching)
    assert (found["worker"][0]["status"], found["prometheus"][0]["status"]) == ("fail", "fail")
    assert f"does not reach http://127.0.0.1:{worker.port}" in found["prometheus"][0]["text"]


def test_events_that_nobody_reads(settings: Settings, doctor: Doctor) -> None:
    """No worker: the group fails; the events' age is told when a run looks at it later."""
    asyncio.run(topics.ensure(settings))
    send(settings, ["ann"], "murmur2_random")
    code, found = doctor()
    assert (code, wrong(found)) == (1, {"group": "fail"})
    assert found["group"][0]["mend"] == "headwater worker"
    kafka = asyncio.run(look_at_kafka(settings, 10))
    [waits] = [place for place in kafka.waiting or () if place.records]
    assert (waits.topic, waits.records) == (Topics(settings).events.name, 1)
    assert abs(kafka.now_ms - waits.oldest_ms) < 30_000


def test_a_clock_ten_minutes_off_is_measured_without_a_record(settings: Settings) -> None:
    """Kafka's own clock is asked; the ages of records follow it, not ours."""
    asyncio.run(topics.ensure(settings))
    kafka = asyncio.run(look_at_kafka(settings, 10, lambda: time.time() + TEN_MINUTES))
    clock = kafka.cluster.clock
    assert clock.ahead == pytest.approx(-TEN_MINUTES, abs=1)
    assert kafka.now_ms == pytest.approx(time.time() * 1000, abs=10_000)
    [finding] = judge_clock(clock, None, kafka.now_ms)
    assert (finding.status, "10 min ahead of Kafka's" in finding.text) == ("fail", True)
    assert finding.mend == "timedatectl set-ntp true"


def test_topics_that_are_missing_or_wrong(settings: Settings, doctor: Doctor) -> None:
    """Nothing there at all is one line; a wrong shape names its topic and the command."""
    code, found = doctor()
    assert (code, found["topics"][0]["mend"]) == (1, "headwater topics create")
    assert found["placement"][0]["text"] == "Its topic does not exist."

    async def make() -> None:
        admin = await admin_client(settings)
        name = Topics(settings).events.name
        config = {"message.timestamp.type": "CreateTime"}
        await admin.create_topics([NewTopic(name, 2, 1, topic_configs=config)])
        await admin.create_topics([NewTopic(Topics(settings).user_input.name, 3, 1)])
        await admin.close()

    asyncio.run(make())
    asyncio.run(topics.ensure(settings))
    code, found = doctor("--broker", settings.broker)
    texts = [finding["text"] for finding in found["topics"]]
    assert code == 1
    assert any("requires message.timestamp.type=LogAppendTime" in text for text in texts)
    assert any("3 partitions and" in text for text in texts)
    mends = " ".join(finding["mend"] for finding in found["topics"])
    assert f"headwater topics mend --broker {settings.broker}" in mends
    assert f"headwater topics create --broker {settings.broker}" in mends


def test_no_broker_no_worker_no_prometheus_no_state(
    doctor: Doctor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each is named; none keeps the others from being looked at."""
    port = free_port()
    occupied = tmp_path / "file"
    occupied.write_text("")
    code, found = doctor(
        "--broker", f"127.0.0.1:{port}", "--wait", "0", "--worker", f"127.0.0.1:{port}",
        "--prometheus", f"http://127.0.0.1:{port}", "--state-dir", str(occupied / "state"),
        "--model", str(tmp_path / "none"),
    )  # fmt: skip
    assert code == 1
    assert wrong(found) == dict.fromkeys(
        ("broker", "worker", "state", "model", "prometheus"), "fail"
    )
    assert found["broker"][0]["mend"] == "headwater broker start"
    assert "Connection refused" in found["worker"][0]["text"]
    assert "Connection refused" in found["prometheus"][0]["text"]
    assert "Not a directory" in found["state"][0]["text"]
    assert "is not a file" in found["model"][0]["text"]
    assert main(["doctor", "--broker", f"127.0.0.1:{port}", "--wait", "0"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("fail  broker")
    assert lines[1].endswith("→ headwater broker start")
    assert lines[-1] == "1 wrong: 1 fail, 0 warn."


def test_an_address_that_kafka_advertises_and_nobody_answers(
    doctor: Doctor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The most common mistake with containers: the first answer comes, and nothing after it."""
    there = "advertised.listeners=PLAINTEXT://{host}:"
    elsewhere = broker._PROPERTIES.replace(f"{there}{{port}}", f"{there}1")
    monkeypatch.setattr("stream.broker._PROPERTIES", elsewhere)
    local = broker.LocalBroker(tmp_path / "kafka", free_port())
    local.start()
    try:
        code, found = doctor("--broker", f"127.0.0.1:{local.port}")
    finally:
        local.stop()
    assert (code, wrong(found)) == (1, {"broker": "fail"})
    assert "nobody does where it says that it is: 127.0.0.1:1." in found["broker"][0]["text"]
    mend = f"advertised.listeners=PLAINTEXT://127.0.0.1:{local.port} in Kafka's server.properties"
    assert found["broker"][0]["mend"].startswith(mend)


def test_models_that_a_worker_would_refuse(doctor: Doctor, tmp_path: Path) -> None:
    """Whole, of the other `repeats`, and with one byte changed; no broker is needed to tell."""
    path = tmp_path / "small.safetensors"
    random_mixture(1, ["a", "b", "c"]).save(path)
    away = ("--broker", "127.0.0.1:1", "--wait", "0", "--model", str(path))
    _, found = doctor(*away)
    assert (found["model"][0]["status"], "is whole" in found["model"][0]["text"]) == ("ok", True)
    _, found = doctor(*away, "--repeats", "allow")
    assert found["model"][0]["mend"] == "HEADWATER_REPEATS=exclude"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    _, found = doctor(*away)
    assert "does not have its sha256" in found["model"][0]["text"]
    assert found["model"][0]["mend"].startswith(f"headwater train --events EVENTS --out {path}")


@pytest.fixture
def stranger() -> Iterator[str]:
    """The address of someone who takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        yield f"127.0.0.1:{silent.getsockname()[1]}"


async def _answers(text: str, status: int = 200) -> tuple[web.AppRunner, str]:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text=text, status=status)

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    return runner, f"127.0.0.1:{port}"


@pytest.mark.parametrize("text", ["<html>hello</html>", "up 1\n", ""])
def test_a_page_that_is_no_worker_s(text: str) -> None:
    """Another program on the port is told as such."""

    async def look() -> str | None:
        runner, address = await _answers(text)
        try:
            [page] = await look_at_pages([address])
        finally:
            await runner.cleanup()
        return page.error

    assert str(asyncio.run(look())).endswith("is no headwater worker.")


@pytest.mark.parametrize(
    "text", ["<html>hello</html>", "[]", "{}", '{"data": {"result": [{}]}}', '{"data": 1}']
)
def test_a_prometheus_that_is_none(text: str) -> None:
    """Whatever it answers, it is one sentence."""

    async def look() -> str | None:
        runner, address = await _answers(text)
        try:
            return (await look_at_prometheus(f"http://{address}")).error
        finally:
            await runner.cleanup()

    assert str(asyncio.run(look())).startswith("what answers is no Prometheus")


def test_a_prometheus_s_address_that_is_not_found_tells_the_status() -> None:
    """Its own prefix is missing, or it is another server."""

    async def look() -> str | None:
        runner, address = await _answers("no such page", 404)
        try:
            return (await look_at_prometheus(f"http://{address}")).error
        finally:
            await runner.cleanup()

    assert "what answers is no Prometheus (HTTP 404 at http://" in str(asyncio.run(look()))


def test_pages_that_never_answer_are_given_up(
    stranger: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After five seconds; here after a tenth."""
    monkeypatch.setattr("stream.doctor.pages.SECONDS", 0.1)
    [page] = asyncio.run(look_at_pages([stranger]))
    assert "no answer in" in str(page.error)
    assert page.silent


def test_findings_that_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A full disk is one sentence and exit code 1."""
    with open("/dev/full", "w") as full:  # noqa: PTH123
        monkeypatch.setattr("sys.stdout", full)
        code = main(["doctor", "--json", "--broker", "127.0.0.1:1", "--wait", "0"])
        monkeypatch.undo()
    assert code == 1
    said = capfd.readouterr().err.splitlines()[-1]
    assert said == "headwater: The findings cannot be written: No space left on device."


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--worker", "somewhere"], "--worker takes HOST:PORT; got somewhere."),
        (["--prometheus", "localhost:9090"], "--prometheus takes an address as http://"),
        (["--sample", "0"], "--sample"),
        (["--broker", "nowhere"], "Setting broker (flag)"),
    ],
)
def test_wrong_use(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2 and a sentence that names the flag."""
    assert main(["doctor", *arguments]) == 2
    assert words in capsys.readouterr().err


def test_state_of_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    """It is judged by the folder that it would be made in, and not made."""
    state = look_at_state(tmp_path / "a" / "b")
    assert (state.exists, state.error, state.free_bytes > 0) == (False, None, True)
    assert not (tmp_path / "a").exists()
