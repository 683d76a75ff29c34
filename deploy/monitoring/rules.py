"""Recording rules and alerts, as Prometheus reads them."""

from typing import Any, Final, NamedTuple

Yaml = dict[str, Any]

_WORKERS: Final = 'up{job="headwater"}'


class Alert(NamedTuple):
    """When someone is to be told; each has a section of its name in deploy/RUNBOOK.md."""

    name: str
    severity: str  # critical: lists stand still or events are lost to them; warning: the rest
    expr: str
    lasting: str  # how long the condition holds before anyone is told
    summary: str


def _quantile(share: float) -> str:
    return (
        f"histogram_quantile({share},"
        " sum by (le) (rate(headwater_adaptation_lag_seconds_bucket[1m])))"
    )


RECORDED: Final = {
    "headwater:adaptation_lag_seconds:p50": _quantile(0.5),
    "headwater:adaptation_lag_seconds:p95": _quantile(0.95),
    "headwater:adaptation_lag_seconds:p99": _quantile(0.99),
    "headwater:hit_ratio:1h": (
        "sum by (learner, history) (rate(headwater_prequential_hits_total[1h]))"
        " / on (history) group_left"
        " sum by (history) (rate(headwater_prequential_events_total[1h]))"
    ),
    "headwater:hit_ratio_all:1h": (
        "sum by (learner) (rate(headwater_prequential_hits_total[1h]))"
        " / on () group_left sum(rate(headwater_prequential_events_total[1h]))"
    ),
    "headwater:dead_letters_share:5m": (
        "sum(rate(headwater_dead_letters_total[5m]))"
        " / (sum(rate(headwater_events_total[5m])) + sum(rate(headwater_dead_letters_total[5m])))"
    ),
}

ALERTS: Final = (
    Alert(
        "HeadwaterNoWorker",
        "critical",
        f"absent({_WORKERS} == 1)",
        "1m",
        "No worker answers: events wait in Kafka, lists stand still.",
    ),
    Alert(
        "HeadwaterWorkerDown",
        "warning",
        f"{_WORKERS} == 0",
        "1m",
        "The worker {{ $labels.instance }} does not answer; others have its partitions.",
    ),
    Alert(
        "HeadwaterStalled",
        "critical",
        "min_over_time(headwater_consumer_lag_events[5m]) > 0"
        " and deriv(headwater_consumer_lag_seconds[5m]) > 0.95",
        "2m",
        "{{ $labels.topic }}[{{ $labels.partition }}] has not moved for minutes"
        " (worker {{ $labels.instance }}).",
    ),
    Alert(
        "HeadwaterBehind",
        "warning",
        "max by (topic, partition) (headwater_consumer_lag_seconds) > 30",
        "5m",
        "{{ $labels.topic }}[{{ $labels.partition }}] is {{ $value | humanizeDuration }} behind.",
    ),
    Alert(
        "HeadwaterListsLate",
        "warning",
        "headwater:adaptation_lag_seconds:p99 > 1",
        "10m",
        "One list in a hundred comes more than {{ $value | humanizeDuration }} after its event.",
    ),
    Alert(
        "HeadwaterDeadLetters",
        "warning",
        "sum by (reason) (increase(headwater_dead_letters_total[15m])) > 0",
        "0s",
        "Records could not be applied, for the reason {{ $labels.reason }}.",
    ),
    Alert(
        "HeadwaterManyDeadLetters",
        "critical",
        "headwater:dead_letters_share:5m > 0.05",
        "5m",
        "{{ $value | humanizePercentage }} of what is read cannot be applied.",
    ),
    Alert(
        "HeadwaterRebalancing",
        "warning",
        "increase(headwater_rebalances_total[15m]) > 6",
        "0s",
        "{{ $labels.instance }} was assigned partitions {{ $value | humanize }} times in 15"
        " minutes.",
    ),
    Alert(
        "HeadwaterRestarting",
        "warning",
        "changes(headwater_process_start_time_seconds[30m]) > 3",
        "0s",
        "{{ $labels.instance }} has started {{ $value | humanize }} times in half an hour.",
    ),
    Alert(
        "HeadwaterWorseThanPopularity",
        "warning",
        'headwater:hit_ratio_all:1h{learner="headwater"} < ignoring (learner)'
        ' headwater:hit_ratio_all:1h{learner="popularity"}'
        " and on () sum(increase(headwater_prequential_events_total[1h])) > 500",
        "30m",
        "Lists hit {{ $value | humanizePercentage }}, less often than the same list for everyone.",
    ),
)


def recordings() -> Yaml:
    """Return the file of recording rules."""
    rules = [{"record": name, "expr": expr} for name, expr in RECORDED.items()]
    return {"groups": [{"name": "headwater-recordings", "rules": rules}]}


def alerts() -> Yaml:
    """Return the file of alerts."""
    return {"groups": [{"name": "headwater-alerts", "rules": [_rule(alert) for alert in ALERTS]}]}


def _rule(alert: Alert) -> Yaml:
    return {
        "alert": alert.name,
        "expr": alert.expr,
        "for": alert.lasting,
        "labels": {"severity": alert.severity},
        "annotations": {
            "summary": alert.summary,
            "runbook": f"deploy/RUNBOOK.md#{alert.name.lower()}",
        },
    }
