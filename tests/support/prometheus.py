"""A real Prometheus, and what a query asks it for."""

import functools
import json
import math
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import yaml

from stream.broker import free_port
from support.tools import ROOT, program


class Prometheus:
    """A Prometheus of one test, by the generated configuration but for addresses and pace."""

    def __init__(self, folder: Path, workers: list[str]) -> None:
        """`workers`: host:port of each."""
        self.url = f"http://127.0.0.1:{free_port()}"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        shutil.copytree(ROOT / "deploy" / "prometheus", folder / "etc")
        settings = folder / "etc" / "prometheus.yml"
        content = yaml.safe_load(settings.read_text())
        content["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        settings.write_text(yaml.safe_dump(content))
        self.scrape(workers)

    def scrape(self, workers: list[str]) -> None:
        """Tell it its workers, host:port of each."""
        content = yaml.safe_dump([{"targets": workers}])
        (self._folder / "etc" / "workers.yml").write_text(content)

    def start(self) -> "Prometheus":
        """Start it and wait until it answers."""
        with (self._folder / "prometheus.log").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    program("prometheus"),
                    f"--config.file={self._folder}/etc/prometheus.yml",
                    f"--storage.tsdb.path={self._folder}/data",
                    f"--web.listen-address={self.url.removeprefix('http://')}",
                ],
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"{self.url}/-/ready", timeout=2):
                    return self
            except OSError:
                time.sleep(0.1)
        raise AssertionError((self._folder / "prometheus.log").read_text())

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)

    def query(self, expr: str) -> list[dict[str, Any]]:
        """Return the series that an expression gives now; fail with Prometheus' words."""
        return ask(self.url, "query", query=expr)["result"]

    def metrics(self) -> set[str]:
        """Return the names of all metrics that it has ever seen."""
        return set(ask(self.url, "label/__name__/values"))


def ask(url: str, path: str, **parameters: str) -> Any:
    """Return what Prometheus' API answers."""
    address = f"{url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return json.load(answer)["data"]
    except urllib.error.HTTPError as error:
        raise AssertionError(f"{parameters}: {json.load(error)['error']}") from error
    except OSError as error:
        raise AssertionError(f"Prometheus at {url} cannot be reached: {error}") from error


def problems(prometheus: Prometheus, expr: str, known: set[str], *, alert: bool) -> Iterator[str]:
    """Say what is wrong with a query; of an alert's, which may find nothing, ask its parts."""
    if absent := metrics_of(expr) - known:
        yield f"{', '.join(sorted(absent))} does not exist: {expr}"
        return
    for asked in sorted(selectors_of(expr)) if alert else [expr]:
        values = [float(series["value"][1]) for series in prometheus.query(asked)]
        if all(map(math.isnan, values)):
            yield f"no data: {asked}"
    if alert:
        prometheus.query(expr)


@functools.cache
def metrics_of(expr: str) -> frozenset[str]:
    """Return the names of the metrics that an expression asks for."""
    return frozenset(part.name for part in _selectors(promql_parser.parse(expr)))


@functools.cache
def selectors_of(expr: str) -> frozenset[str]:
    """Return the series that an expression asks for, as `name{label="value"}`."""
    return frozenset(part.prettify() for part in _selectors(promql_parser.parse(expr)))


def _selectors(node: Any) -> Iterator[Any]:
    if isinstance(node, promql_parser.VectorSelector):
        yield node
    for part in ("lhs", "rhs", "expr", "param", "vector_selector", "args"):
        below = getattr(node, part, None)
        for child in below if isinstance(below, list) else [below]:
            if child is not None:
                yield from _selectors(child)
