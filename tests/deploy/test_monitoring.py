"""Dashboards, rules and alerts as files: as generated, complete, and accepted by promtool."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from support.prometheus import metrics_of
from support.tools import ROOT, program

from deploy.monitoring.files import BOARDS, DEPLOY, files
from deploy.monitoring.rules import ALERTS, RECORDED
from stream.metrics import Metrics

ALERT_TESTS = Path(__file__).parent / "alerts_test.yml"
RULES = sorted((DEPLOY / "prometheus" / "rules").glob("*.yml"))


def test_the_committed_files_are_those_that_the_code_writes() -> None:
    """`make dashboards` changes nothing, and nothing else lies there."""
    for name, text in files().items():
        assert (DEPLOY / name).read_text(encoding="utf-8") == text, f"run make dashboards: {name}"
    lying = {
        path.relative_to(DEPLOY).as_posix()
        for folder in ("grafana/dashboards", "grafana/provisioning", "prometheus/rules")
        for path in (DEPLOY / folder).rglob("*.*")
    }
    assert lying <= files().keys()


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_each_panel_asks_something_and_says_what_a_bad_value_means(board: object) -> None:
    """In the file that Grafana reads; panels do not overlap and read the chosen data source."""
    text = (DEPLOY / "grafana" / "dashboards" / f"{board.uid}.json").read_text()  # type: ignore[attr-defined]
    panels = json.loads(text)["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}
    assert len(places) == len(panels)
    for panel in panels:
        assert panel["description"].endswith("."), panel["title"]
        assert len(panel["description"].split()) >= 12, panel["title"]
        assert panel["datasource"]["uid"] == "${source}"
        assert all(target["expr"] for target in panel["targets"])
        assert panel["targets"]


def test_every_metric_of_a_worker_is_shown_somewhere() -> None:
    """A metric that no panel or rule reads would be looked for in vain."""
    queries = [query.expr for board in BOARDS for panel in board.panels for query in panel.queries]
    queries += [*RECORDED.values(), *(alert.expr for alert in ALERTS)]
    read = {name for query in queries for name in metrics_of(query)}
    families = {family.name for family in Metrics().registry.collect()}
    endings = "|_total|_sum|_count|_bucket"
    unread = {
        name
        for name in families
        if not name.startswith("headwater_process_")
        and not any(re.fullmatch(f"{name}({endings})", found) for found in read)
    }
    assert unread == set()


def test_each_alert_has_its_section_in_the_runbook() -> None:
    """And the runbook has no other."""
    sections = re.findall(r"^## (\w+)$", (DEPLOY / "RUNBOOK.md").read_text(), re.MULTILINE)
    assert sections == [alert.name for alert in ALERTS]


def test_promtool_accepts_configuration_and_rules() -> None:
    """As Prometheus itself reads them."""
    promtool = program("promtool")
    check = [promtool, "check", "config", str(DEPLOY / "prometheus" / "prometheus.yml")]
    for command in (check, [promtool, "check", "rules", *map(str, RULES)]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_fires_when_it_should_and_only_then() -> None:
    """By promtool, on made-up series: each alert at least once firing and once not."""
    done = subprocess.run(
        [program("promtool"), "test", "rules", ALERT_TESTS.name],
        cwd=ALERT_TESTS.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    cases = [
        (case["alertname"], bool(case["exp_alerts"]))
        for test in yaml.safe_load(ALERT_TESTS.read_text())["tests"]
        for case in test["alert_rule_test"]
    ]
    assert set(cases) == {(alert.name, fires) for alert in ALERTS for fires in (True, False)}


def test_promtool_tells_a_wrong_expectation(tmp_path: Path) -> None:
    """The test above can fail."""
    wrong = ALERT_TESTS.read_text().replace("severity: critical", "severity: mild")
    wrong = wrong.replace("../../deploy", str(ROOT / "deploy"))
    (tmp_path / "wrong.yml").write_text(wrong)
    done = subprocess.run(
        [program("promtool"), "test", "rules", "wrong.yml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "HeadwaterStalled" in done.stdout + done.stderr


def test_without_prometheus_ci_fails_and_others_are_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No test is left out silently where it counts."""
    monkeypatch.setattr("support.tools.PROMETHEUS", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="apt-get install prometheus"):
        program("promtool")
    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception, match="apt-get install prometheus"):
        program("promtool")
