"""deploy/compose.yaml: understood by docker-compose, and saying what the code says."""

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.tools import program

from stream.broker import _PROPERTIES, LocalBroker, _java, free_port

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
WORKERS = ("worker-1", "worker-2")
# In which a container differs from a broker of this machine: addresses, folders, its heap.
OWN = {
    "listeners", "advertised.listeners", "controller.quorum.voters", "inter.broker.listener.name",
    "log.dirs", "log.cleaner.dedupe.buffer.size",
}  # fmt: skip


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    """The services as docker-compose understands them; any complaint of it fails."""
    command = (program("docker-compose"), "-f", str(DEPLOY / "compose.yaml"), "config")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    found: dict[str, Any] = yaml.safe_load(done.stdout)["services"]
    return found


def kafka_properties(services: dict[str, Any]) -> dict[str, str]:
    """What Kafka's image makes of its environment: KAFKA_LOG_DIRS becomes log.dirs."""
    return {
        name.removeprefix("KAFKA_").replace("_", ".").lower(): value
        for name, value in services["kafka"]["environment"].items()
    }


def test_everything_is_there(services: dict[str, Any]) -> None:
    """Kafka, two workers, Prometheus, Grafana: each comes back, and keeps a volume of its own."""
    assert set(services) == {"kafka", *WORKERS, "prometheus", "grafana"}
    volumes = [
        volume.split(":")[0]
        for service in services.values()
        for volume in service["volumes"]
        if not volume.startswith("/")
    ]
    assert len(set(volumes)) == len(volumes) == 5
    assert {service["restart"] for service in services.values()} == {"unless-stopped"}


def test_images_are_pinned_and_kafka_is_the_one_that_the_tests_run(
    services: dict[str, Any],
) -> None:
    """A tag with a full version each; Kafka's is that of deploy/kafka/pom.xml."""
    images = {name: service["image"].split(":") for name, service in services.items()}
    assert all(re.fullmatch(r"v?\d+\.\d+\.\d+", tag) for _, tag in images.values()), images
    pom = (DEPLOY / "kafka" / "pom.xml").read_text()
    version = re.search(r"<artifactId>kafka_2.13</artifactId>\s*<version>(.*)</version>", pom)
    assert version is not None
    assert images["kafka"] == ["apache/kafka", version[1]]
    own = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert {images[worker][1] for worker in WORKERS} == {own}


def test_nothing_is_open_to_other_machines(services: dict[str, Any]) -> None:
    """Kafka without passwords is this machine's alone; no two services share a port."""
    ports = [port for service in services.values() for port in service["ports"]]
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert len({port.split(":")[1] for port in ports}) == len(ports) == 5


def test_workers_reach_kafka_by_the_name_that_it_advertises(services: dict[str, Any]) -> None:
    """Inside the network by one listener, from the machine by headwater's default address."""
    advertised = kafka_properties(services)["advertised.listeners"]
    for worker in WORKERS:
        assert services[worker]["environment"]["HEADWATER_BROKER"] == "kafka:19092"
        assert services[worker]["depends_on"]["kafka"]["condition"] == "service_healthy"
    assert advertised == "INSIDE://kafka:19092,MACHINE://localhost:9092"


def test_kafka_is_set_as_the_local_broker_is(services: dict[str, Any]) -> None:
    """Else the demonstration and a container would behave differently."""
    lines = [line for line in _PROPERTIES.splitlines() if not line.startswith("#")]
    local = dict(line.split("=", 1) for line in lines)
    found = kafka_properties(services)
    assert {name: found.get(name) for name in local if name not in OWN} == {
        name: value for name, value in local.items() if name not in OWN
    }


def test_the_real_kafka_takes_these_settings(services: dict[str, Any], tmp_path: Path) -> None:
    """Its own tool reads them as the image's start does, with folders of this machine."""
    properties = kafka_properties(services) | {"log.dirs": str(tmp_path / "logs")}
    written = tmp_path / "server.properties"
    written.write_text("".join(f"{name}={value}\n" for name, value in properties.items()))
    command = [*_java(LocalBroker(tmp_path, free_port())._jars()), "kafka.tools.StorageTool"]
    command += ["format", "--cluster-id=5L6g3nShT-eMCtK--X86sw", "--config", str(written)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "logs" / "meta.properties").exists()


def test_what_is_mounted_is_there(services: dict[str, Any]) -> None:
    """A file that is missing would be mounted as an empty folder."""
    for service in services.values():
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            assert not source.startswith("/") or Path(source).exists(), source


def test_prometheus_reads_both_workers() -> None:
    """Its targets are the services' names."""
    targets = yaml.safe_load((DEPLOY / "prometheus" / "workers.compose.yml").read_text())
    assert [f"{worker}:6066" for worker in WORKERS] == [
        address for group in targets for address in group["targets"]
    ]
