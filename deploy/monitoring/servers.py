"""Where Prometheus finds the workers and the rules, and Grafana the dashboards."""

from collections.abc import Sequence
from typing import Any

Yaml = dict[str, Any]


def prometheus() -> Yaml:
    """Return Prometheus' configuration; workers and rules lie beside it."""
    return {
        "global": {"scrape_interval": "5s", "evaluation_interval": "15s"},
        "rule_files": ["rules/*.yml"],
        "scrape_configs": [
            {"job_name": "headwater", "file_sd_configs": [{"files": ["workers.yml"]}]}
        ],
    }


def workers(addresses: Sequence[str]) -> list[Yaml]:
    """Return the list of workers; Prometheus follows its changes."""
    return [{"targets": list(addresses)}]


def datasource() -> Yaml:
    """Return Grafana's way to Prometheus, as compose names it."""
    source = {
        "name": "Prometheus",
        "type": "prometheus",
        "uid": "headwater-prometheus",
        "access": "proxy",
        "url": "http://prometheus:9090",
        "isDefault": True,
        "jsonData": {"timeInterval": "5s"},
    }
    return {"apiVersion": 1, "datasources": [source]}


def dashboards() -> Yaml:
    """Return where Grafana looks for dashboards."""
    provider = {
        "name": "headwater",
        "type": "file",
        "allowUiUpdates": True,
        "options": {"path": "/var/lib/grafana/dashboards"},
    }
    return {"apiVersion": 1, "providers": [provider]}
