"""One evaluation: each learner in turn goes through the whole history."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from models.evaluation.contest import Contestant, Context
from models.evaluation.contestants import contestant
from models.evaluation.failures import Guard, outcomes, unguarded
from models.evaluation.prequential import Plan, run
from models.evaluation.ranks import draw_ranks
from models.evaluation.report import Standing


def standings(
    plan: Plan, names: Sequence[str], context: Context, guard: Guard = unguarded
) -> Iterator[Standing]:
    """What became of the named contestants, one by one; of those that fail, what the guard does.

    Raises
    ------
    DataError
        If a contestant cannot learn from the data.
    MissingLibraryError
        If one needs a library that is not installed.

    """
    rows = plan.data.row[plan.targets]
    waiting = deque(contestant(name, context) for name in names)  # what one lacks is told at once

    def standing(one: Contestant) -> Standing:
        outcome = run(one, plan, context.progress)
        return Standing(outcome, draw_ranks(outcome.better, outcome.ties, rows, context.seed))

    def works() -> Iterator[tuple[str, Callable[[], Standing]]]:
        while waiting:  # what a learner holds goes before the next one begins
            yield waiting[0].name, partial(standing, waiting.popleft())

    yield from outcomes(works(), guard)
