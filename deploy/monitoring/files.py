"""All generated files, by their paths under deploy/."""

from pathlib import Path
from typing import Any, Final

import yaml

from deploy.monitoring import adaptation, health, quality, rules, servers
from deploy.monitoring.panels import as_json

DEPLOY: Final = Path(__file__).resolve().parents[1]
BOARDS: Final = (adaptation.BOARD, quality.BOARD, health.BOARD)

_HEAD: Final = "# Written by `make dashboards` from deploy/monitoring: change it there.\n"


def files() -> dict[str, str]:
    """Return path and content of each file."""
    found = {f"grafana/dashboards/{board.uid}.json": as_json(board) for board in BOARDS}
    documents: dict[str, Any] = {
        "prometheus/prometheus.yml": servers.prometheus(),
        "prometheus/workers.yml": servers.workers(["localhost:6066"]),
        "prometheus/workers.compose.yml": servers.workers(["worker-1:6066", "worker-2:6066"]),
        "prometheus/rules/recordings.yml": rules.recordings(),
        "prometheus/rules/alerts.yml": rules.alerts(),
        "grafana/provisioning/datasources/prometheus.yaml": servers.datasource(),
        "grafana/provisioning/dashboards/headwater.yaml": servers.dashboards(),
    }
    for path, document in documents.items():
        text = yaml.safe_dump(document, sort_keys=False, width=96, allow_unicode=True)
        found[path] = _HEAD + text
    return found
