"""Shows Prometheus how often users choose what their lists held, beside what popularity would."""

import time
from collections import Counter as Tally
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Final

from agents.prequential import Judge, Popular, Ratio, Trial, Verdict
from agents.score import ids_of, lists_for
from agents.served import Served
from models.catalogue import Catalogue
from models.gate import Gate
from stream.metrics import Metrics

_REFRESH: Final = (
    1.0  # s between looks at what is popular: 0.1 ms for 10,000 items, 10 for a million
)


class HitRatio:
    """Feeds `headwater_prequential_…`; its memory is the process's alone."""

    def __init__(
        self,
        learner: Served,
        catalogue: Catalogue,
        length: int,
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
        *,
        repeats: bool = False,
    ) -> None:
        """`length`: of the lists, which may hold what the user has had where `repeats`."""
        self._learner = learner
        self._catalogue = catalogue
        self._metrics = metrics
        self._clock = clock
        self._judge = Judge(length, repeats)
        self._ratios: defaultdict[tuple[str, str], Ratio] = defaultdict(Ratio)
        self._refreshed = -_REFRESH

    def measure(
        self, trials: Sequence[Trial], shown: Sequence[tuple[str, Sequence[str]]], gate: Gate | None
    ) -> None:
        """Judge what was shown before a run by the run's events, then take what it showed.

        `gate`: that of before the run, so that it knows nothing of the events it is judged by.
        """
        verdicts = self._judge.judge(trials)
        self._judge.remember(shown)
        if gate is not None and self._clock() - self._refreshed >= _REFRESH:
            self._refresh(gate)
        if verdicts:
            self._show(verdicts)

    def forget(self) -> None:
        """Partitions go: their users' next lists may come from another worker."""
        self._judge.forget()

    def _refresh(self, gate: Gate) -> None:
        self._refreshed = self._clock()
        nobody = self._learner.initial(1)
        (items,) = lists_for(self._learner, nobody, gate, self._catalogue, self._judge.length)
        self._judge.default = ids_of(items)
        self._judge.popular = Popular.of(self._catalogue)

    def _show(self, verdicts: Sequence[Verdict]) -> None:
        events = Tally(verdict.history for verdict in verdicts)
        own = Tally(verdict.history for verdict in verdicts if verdict.headwater)
        popular = Tally(verdict.history for verdict in verdicts if verdict.popularity)
        for history, number in events.items():
            self._metrics.judged_events.labels(history).inc(number)
            for learner, hits in (("headwater", own), ("popularity", popular)):
                ratio = self._ratios[learner, history]
                ratio.add(hits[history], number)
                self._metrics.judged_hits.labels(learner, history).inc(hits[history])
                self._metrics.hit_ratio.labels(learner, history).set(ratio.value)
