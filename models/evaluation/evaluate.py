"""One evaluation: each learner in turn goes through the whole history."""

from collections import deque
from collections.abc import Iterator, Sequence

from models.evaluation.contest import Context
from models.evaluation.contestants import contestant
from models.evaluation.failures import Guard, unguarded
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
    while waiting:
        standing = None
        with guard(waiting[0].name):
            outcome = run(waiting.popleft(), plan, context.progress)
            rank = draw_ranks(outcome.better, outcome.ties, rows, context.seed)
            standing = Standing(outcome, rank)
        if standing is not None:
            yield standing
