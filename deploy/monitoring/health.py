"""The dashboard *Health*: whether the workers stand, and how large they are."""

from deploy.monitoring.panels import Board, Panel, Query

BOARD = Board(
    "headwater-health",
    "headwater: Health",
    "Workers, their share of the work, and what they keep.",
    (
        Panel(
            "Workers",
            "short",
            "Workers that answer Prometheus. Fewer than you started: one is down; the others have"
            " its partitions.",
            (Query('sum(up{job="headwater"})', "workers"),),
            kind="number",
        ),
        Panel(
            "Rebalances",
            "short",
            "Assignments of partitions in 15 minutes, by worker. More than one for each start or"
            " stop of a worker: somebody drops out of the group again and again.",
            (
                Query(
                    "sum by (instance) (increase(headwater_rebalances_total[15m]))", "{{instance}}"
                ),
            ),
        ),
        Panel(
            "Recovery",
            "s",
            "Mean time from an assignment to tables that are up to date; lists stand still for so"
            " long. Minutes: the state directory was lost, or is on a slow disk.",
            (
                Query(
                    "sum by (instance) (headwater_recovery_seconds_sum)"
                    " / sum by (instance) (headwater_recovery_seconds_count)",
                    "{{instance}}",
                ),
            ),
        ),
        Panel(
            "Forwarded records",
            "ops",
            "Records sent on to their row's partition. `wrong-partition` or `no-key` for most"
            " events: a client's partitioner is not murmur2, and costs each event a hop.",
            (Query("sum by (reason) (rate(headwater_forwarded_total[5m]))", "{{reason}}"),),
        ),
        Panel(
            "Redelivered records",
            "short",
            "Records in 5 minutes that a row had applied already: skipped, their lists sent again."
            " Outside of rebalances and crashes: commits fail.",
            (
                Query(
                    "sum by (instance) (increase(headwater_redelivered_total[5m]))", "{{instance}}"
                ),
            ),
        ),
        Panel(
            "Restarts",
            "short",
            "Starts of each worker in an hour. Any that nobody asked for: the end of its log says"
            " why it stopped.",
            (
                Query(
                    "max by (instance) (changes(headwater_process_start_time_seconds[1h]))",
                    "{{instance}}",
                ),
            ),
        ),
        Panel(
            "Memory",
            "bytes",
            "Resident memory of each worker. It grows with the catalogue (see Catalogue), not with"
            " users; growth without new items is a leak.",
            (Query("max by (instance) (headwater_process_resident_memory_bytes)", "{{instance}}"),),
        ),
        Panel(
            "Processor",
            "percentunit",
            "Cores in use by each worker. At 1 for minutes the worker is at its limit: add one, up"
            " to the number of partitions.",
            (
                Query(
                    "max by (instance) (rate(headwater_process_cpu_seconds_total[1m]))",
                    "{{instance}}",
                ),
            ),
        ),
        Panel(
            "Catalogue",
            "short",
            "Items in each worker's catalogue. Workers that differ for longer than a minute: one"
            " has not read item-vectors to its end.",
            (Query("max by (instance) (headwater_catalogue_items)", "{{instance}}"),),
        ),
        Panel(
            "Table rows",
            "short",
            "Rows of all workers together (RocksDB's estimate; rows overwritten lately may count"
            " twice). A fall: partitions without an owner.",
            (Query("sum by (table) (headwater_table_rows)", "{{table}}"),),
        ),
        Panel(
            "Table bytes",
            "bytes",
            "Local state of all workers together. Compare with the disk under HEADWATER_STATE_DIR:"
            " a full one stops its worker.",
            (Query("sum by (table) (headwater_table_bytes)", "{{table}}"),),
        ),
    ),
)
