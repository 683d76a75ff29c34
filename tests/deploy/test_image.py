"""deploy/Dockerfile, as far as it can be tried without Docker: lint, and what it installs."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from confluent_kafka import Producer
from support.client import read_all, wait_until
from support.tools import program, run
from support.workers import environment

from stream.broker import free_port
from stream.settings import Settings
from stream.topics import Topics

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()
# Machine code takes a minute to compile in a folder of its own, and is tested everywhere else.
INTERPRETED = {"NUMBA_DISABLE_JIT": "1"}


def test_hadolint_has_nothing_to_say() -> None:
    """And it would, had it reason to."""
    run(program("hadolint"), str(ROOT / "deploy" / "Dockerfile"))
    worse = DOCKERFILE.replace("python:3.11.13-slim-bookworm", "python")
    done = subprocess.run(
        [program("hadolint"), "-"], input=worse, text=True, capture_output=True, check=False
    )
    assert (done.returncode, "DL3006" in done.stdout) == (1, True)


def test_it_does_not_run_as_root_and_has_a_health_check() -> None:
    """The last USER counts; the state is a volume."""
    users = re.findall(r"^USER (.*)$", DOCKERFILE, re.MULTILINE)
    assert users[-1] not in {"root", "0"}
    assert "HEALTHCHECK" in DOCKERFILE
    assert "VOLUME /var/lib/headwater" in DOCKERFILE
    assert "HEADWATER_STATE_DIR=/var/lib/headwater" in DOCKERFILE


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment made from what the Dockerfile copies, in the same way."""
    folder = tmp_path_factory.mktemp("image")
    allowed = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    }
    source = folder / "src"
    source.mkdir()
    for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE):
        *names, destination = line.split()
        for name in names:
            assert name in allowed, f"{name} is copied, and .dockerignore leaves it out"
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, source / destination)
            else:
                shutil.copy(ROOT / name, source / destination)
    uv = program("uv")
    run(uv, "venv", "--quiet", folder / "venv")
    run(uv, "pip", "install", "--quiet", "--python", folder / "venv" / "bin" / "python", source)
    return folder / "venv" / "bin"


def test_it_holds_all_that_a_worker_needs_and_nothing_of_training(installed: Path) -> None:
    """No torch, no demo data, no tests; every command can be asked for help."""
    listed = run(program("uv"), "pip", "list", "--format", "json", "--python", installed / "python")
    names = {package["name"] for package in json.loads(listed)}
    assert not names & {"torch", "polars", "implicit", "matplotlib", "pytest"}
    assert not list(installed.parent.rglob("events.csv.gz"))
    assert "Usage" in run(installed / "headwater", "--help")
    assert "Usage" in run(installed / "headwater", "worker", "--help")


def test_its_worker_answers_an_event_and_the_health_check_knows_it(
    installed: Path, settings: Settings, tmp_path: Path
) -> None:
    """From an event of an outside client to a list; the health check fails once it has left."""
    port = free_port()
    outside = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    inside = environment(settings, state_dir=tmp_path / "state", http_port=port, wait=30)
    variables = outside | {n: v for n, v in inside.items() if n != "PYTHONPATH"} | INTERPRETED
    [check] = re.findall(r"CMD (\[\"python\".*\])", DOCKERFILE)
    healthy = [installed / "python", *json.loads(check)[1:]]

    def health() -> int:
        asked = variables | {"HEADWATER_HTTP_PORT": str(port)}
        return subprocess.run(healthy, env=asked, capture_output=True, check=False).returncode

    with (tmp_path / "log").open("wb") as log:
        worker = subprocess.Popen(
            [installed / "headwater", "worker"],
            env=variables, cwd=tmp_path, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        wait_until(lambda: health() == 0 or worker.poll() is not None, 60, "healthy")
        producer = Producer({"bootstrap.servers": settings.broker})
        event = {"user_id": "ann", "item_id": "a", "type": "view"}
        producer.produce(Topics(settings).events.name, json.dumps(event).encode(), b"ann")
        assert producer.flush(10) == 0
        lists = Topics(settings).recommendations.name
        wait_until(
            lambda: any(read.key == b"ann" for read in read_all(settings.broker, lists)),
            30,
            f"a list; the log: {(tmp_path / 'log').read_text()[-2000:]}",
        )
    finally:
        worker.terminate()
        assert worker.wait(30) == 0
    assert health() != 0
