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
    "headwater_prequential_hit_ratio",
}
ADDED = {
    "headwater_prequential_events",
    "headwater_prequential_hits",
    "headwater_catalogue_items",
    "headwater_table_rows",
    "headwater_table_bytes",
}


def test_the_names_are_the_design_s() -> None:
    """All reserved names and what dashboards need besides (Prometheus appends _total itself)."""
    names = {family.name for family in Metrics().registry.collect()}
    assert {name for name in names if not name.startswith("headwater_process_")} == NAMES | ADDED
    assert {"headwater_process_resident_memory_bytes", "headwater_process_start_time_seconds"} <= (
        names
    )


def test_what_a_label_may_say_begins_at_zero() -> None:
    """Prometheus sees no increase in a counter that appears with its first 1."""
    page = Metrics().page().decode()
    assert 'headwater_dead_letters_total{reason="json"} 0.0' in page
    assert 'headwater_forwarded_total{reason="no-key"} 0.0' in page
    assert 'headwater_recommendations_total{cause="event"} 0.0' in page
    assert 'headwater_processing_seconds_count{stage="topk"} 0.0' in page


def test_two_workers_in_one_process_do_not_share_counts() -> None:
    """Each Metrics has a registry of its own."""
    one, other = Metrics(), Metrics()
    one.redelivered.inc(3)
    assert b"headwater_redelivered_total 3.0" in one.page()
    assert b"headwater_redelivered_total 0.0" in other.page()
