"""The dashboard *Quality*: whether the lists are worth having."""

from deploy.monitoring.panels import Board, Panel, Query

BOARD = Board(
    "headwater-quality",
    "headwater: Quality",
    "Lists judged by what their users did next, and what could not be applied.",
    (
        Panel(
            "Hit ratio of headwater",
            "percentunit",
            "Share of positive events of the last hour whose item was in the list that the user"
            " had before, by the user's number of earlier events. A fall by a third within a day:"
            " something feeds wrong events, or a new model is worse.",
            (Query('headwater:hit_ratio:1h{learner="headwater"}', "{{history}} events"),),
        ),
        Panel(
            "Hit ratio of popularity",
            "percentunit",
            "The same for the most liked items that the user has not had. If it rises with"
            " headwater's, the users' taste has narrowed; not the lists have improved.",
            (Query('headwater:hit_ratio:1h{learner="popularity"}', "{{history}} events"),),
        ),
        Panel(
            "Headwater over popularity",
            "short",
            "Ratio of the two over all users. Below 1 with 500 events or more: lists are worse"
            " than the same list for everyone.",
            (
                Query(
                    'headwater:hit_ratio_all:1h{learner="headwater"} / ignoring(learner)'
                    ' headwater:hit_ratio_all:1h{learner="popularity"}',
                    "times popularity",
                ),
            ),
        ),
        Panel(
            "Hit ratio as each worker sees it",
            "percentunit",
            "The newest thousand or so events of each worker and bucket. One worker below the"
            " others for hours: its gate or its catalogue differs; restart it.",
            (
                Query(
                    "sum by (instance, history)"
                    ' (headwater_prequential_hit_ratio{learner="headwater"})',
                    "{{instance}}, {{history}} events",
                ),
            ),
            most=1,
        ),
        Panel(
            "Events that judged",
            "short",
            "Positive events per hour by which lists were judged. Below some hundreds the ratios"
            " above are noise; far below the positive events: workers restart and forget lists.",
            (
                Query(
                    "sum by (history) (increase(headwater_prequential_events_total[1h]))",
                    "{{history}} events",
                ),
            ),
        ),
        Panel(
            "Lists by cause",
            "ops",
            "`event`: somebody acted; `profile`: one was announced; `item`: the list for unknown"
            " users. No `item` for an hour under load: popularity stands still, or nobody owns"
            " the list.",
            (Query("sum by (cause) (rate(headwater_recommendations_total[5m]))", "{{cause}}"),),
        ),
        Panel(
            "Dead letters",
            "short",
            "Records set aside in 5 minutes, by reason. Any is an event that no list will know"
            " of: its publisher sends what the README's table of reasons names.",
            (Query("sum by (reason) (increase(headwater_dead_letters_total[5m]))", "{{reason}}"),),
        ),
        Panel(
            "Share of dead letters",
            "percentunit",
            "Of all that was read in 5 minutes. Above 5 %: a publisher is broken, not a record.",
            (Query("headwater:dead_letters_share:5m", "share"),),
        ),
        Panel(
            "Models",
            "short",
            "Workers by the version that they serve. Two versions for longer than a deployment:"
            " a worker has another HEADWATER_MODEL, and lists depend on the partition.",
            (Query("count by (version, role) (headwater_model_info)", "{{version}} ({{role}})"),),
        ),
    ),
)
