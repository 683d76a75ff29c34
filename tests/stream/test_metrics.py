"""The metrics' names, which dashboards rely on."""

from stream.metrics import Metrics

NAMES = {
    "headwater_events",
    "headwater_adaptation_lag_seconds",
    "headwater_processing_seconds",
    "headwater_consumer_lag_events",
    "headwater_consumer_lag_seconds",
    "headwater_recommendations",
    "headwater_batch_size",
    "headwater_dead_letters",
    "headwater_forwarded",
    "headwater_redelivered",
    "headwater_item_time_to_first_recommendation_seconds",
    "headwater_catalogue_lag_seconds",
    "headwater_model_info",
    "headwater_rebalances",
    "headwater_recovery_seconds",
}


def test_the_names_are_the_design_s() -> None:
    """Exactly the reserved names that work are registered (Prometheus appends _total itself)."""
    assert {family.name for family in Metrics().registry.collect()} == NAMES


def test_two_workers_in_one_process_do_not_share_counts() -> None:
    """Each Metrics has a registry of its own."""
    one, other = Metrics(), Metrics()
    one.redelivered.inc(3)
    assert b"headwater_redelivered_total 3.0" in one.page()
    assert b"headwater_redelivered_total 0.0" in other.page()
