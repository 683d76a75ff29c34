"""The dashboard *Adaptation*: how soon an act changes what its user is shown."""

from deploy.monitoring.panels import Board, Panel, Query

BOARD = Board(
    "headwater-adaptation",
    "headwater: Adaptation",
    "From an event to the acknowledgement of its user's new list, and what takes the time.",
    (
        Panel(
            "Lag",
            "s",
            "Broker time of an event to the acknowledgement of its list. A p99 above 0.1 s for"
            " minutes: workers do not follow, see Consumer lag, or Kafka acknowledges slowly.",
            tuple(
                Query(f"headwater:adaptation_lag_seconds:{part}", part)
                for part in ("p50", "p95", "p99")
            ),
        ),
        Panel(
            "Lag of all lists",
            "s",
            "Each column is a minute's lists by their lag. Two bands: one worker or partition is"
            " slower than the others; a band that climbs: a backlog.",
            (
                Query(
                    "sum by (le) (increase(headwater_adaptation_lag_seconds_bucket[1m]))", "{{le}}"
                ),
            ),
            kind="heatmap",
        ),
        Panel(
            "Events",
            "ops",
            "Events applied per second, by type. None while there is consumer lag: consumption"
            " is stalled; none without lag: nobody publishes.",
            (Query("sum by (type) (rate(headwater_events_total[1m]))", "{{type}}"),),
        ),
        Panel(
            "Lists",
            "ops",
            "Lists published per second. Far below the events: users act several times within a"
            " run (a backlog), or the events ask for no lists (back-filling).",
            (Query("sum(rate(headwater_recommendations_total[1m]))", "lists"),),
        ),
        Panel(
            "Time by stage",
            "s",
            "Seconds of work per second and worker. A sum near 1: that worker's core is used up,"
            " add workers; a single stage that grows names the cause (topk: the catalogue; produce:"
            " Kafka).",
            (
                Query(
                    "sum by (stage) (rate(headwater_processing_seconds_sum[1m]))"
                    ' / scalar(count(up{job="headwater"} == 1))',
                    "{{stage}}",
                ),
            ),
        ),
        Panel(
            "Records in a run",
            "short",
            "Mean number of events folded together. Hundreds: workers are behind and catch up in"
            " large runs; 1 to 20 is usual.",
            (
                Query(
                    "sum(rate(headwater_batch_size_sum[1m]))"
                    " / sum(rate(headwater_batch_size_count[1m]))",
                    "records",
                ),
            ),
        ),
        Panel(
            "Consumer lag, events",
            "short",
            "Records of each partition that are not done. One partition that grows alone: its"
            " worker is stuck, or a single user floods it; all grow: too few workers.",
            (
                Query(
                    "max by (topic, partition) (headwater_consumer_lag_events)",
                    "{{topic}}[{{partition}}]",
                ),
            ),
        ),
        Panel(
            "Consumer lag, seconds",
            "s",
            "Age of what each partition is working on. A line that climbs one second per second"
            " is a partition that stands still.",
            (
                Query(
                    "max by (topic, partition) (headwater_consumer_lag_seconds)",
                    "{{topic}}[{{partition}}]",
                ),
            ),
        ),
        Panel(
            "New items: time to the first list",
            "s",
            "From an item's first record to the first list that holds it, over an hour. Hours at"
            " p50: new items do not reach lists; announce them with title and categories, and serve"
            " a model that was trained on these.",
            tuple(
                Query(
                    f"histogram_quantile({share}, sum by (le) (rate("
                    "headwater_item_time_to_first_recommendation_seconds_bucket[1h])))",
                    name,
                )
                for name, share in (("p50", 0.5), ("p95", 0.95))
            ),
        ),
        Panel(
            "Catalogue lag",
            "s",
            "p95 from an item's row in Kafka to its place in a worker's catalogue. Above 1 s:"
            " the worker is too busy to read on, and its lists rank items by old counts.",
            (
                Query(
                    "histogram_quantile(0.95, sum by (instance, le)"
                    " (rate(headwater_catalogue_lag_seconds_bucket[5m])))",
                    "{{instance}}",
                ),
            ),
        ),
    ),
)
