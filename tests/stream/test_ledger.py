"""The order of steps, as inputs and outputs of a pure state machine."""

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from stream.ledger import Ledger, Part, Step, Work

EVERY = {Part.FIRST, Part.OTHERS, Part.ROWS}


def test_rows_wait_for_their_feedback() -> None:
    """Rows are sent when the run's feedback is acknowledged, whatever the lists do."""
    ledger = Ledger()
    work, steps = ledger.add(1, "events-0", "users-0", set(EVERY))
    assert steps == []
    assert ledger.acknowledged(work, Part.OTHERS) == []
    assert ledger.acknowledged(work, Part.FIRST) == [(Step.SEND_ROWS, work)]
    assert ledger.acknowledged(work, Part.ROWS) == [(Step.SETTLE, work)]
    assert len(ledger) == 0


def test_rows_leave_in_run_order_across_sources_of_one_table_partition() -> None:
    """A run from user-input waits for an earlier run of events that feeds the same rows."""
    ledger = Ledger()
    early, _ = ledger.add(1, "events-0", "users-0", {Part.FIRST, Part.ROWS})
    late, _ = ledger.add(1, "user-input-0", "users-0", {Part.FIRST, Part.ROWS})
    assert ledger.acknowledged(late, Part.FIRST) == []
    assert ledger.acknowledged(early, Part.FIRST) == [
        (Step.SEND_ROWS, early),
        (Step.SEND_ROWS, late),
    ]


def test_a_run_without_feedback_still_waits_for_earlier_rows() -> None:
    """Rows that wait for nothing of their own do not overtake."""
    ledger = Ledger()
    early, _ = ledger.add(1, "events-0", "users-0", {Part.FIRST, Part.ROWS})
    late, steps = ledger.add(1, "user-input-0", "users-0", {Part.ROWS})
    assert steps == []
    assert ledger.acknowledged(early, Part.FIRST) == [
        (Step.SEND_ROWS, early),
        (Step.SEND_ROWS, late),
    ]


def test_runs_of_a_source_are_settled_in_order() -> None:
    """A run whose parts are all acknowledged waits for those before it."""
    ledger = Ledger()
    early, _ = ledger.add(1, "events-0", None, {Part.OTHERS})
    late, steps = ledger.add(1, "events-0", None, set())
    assert steps == []
    assert ledger.acknowledged(early, Part.OTHERS) == [(Step.SETTLE, early), (Step.SETTLE, late)]


def test_a_run_without_output_is_settled_at_once() -> None:
    """Nothing to wait for, nothing in front."""
    work, steps = Ledger().add(1, "events-0", "users-0", set())
    assert steps == [(Step.SETTLE, work)]


def test_an_ended_epoch_is_dropped_as_a_whole() -> None:
    """Work of older epochs is gone and holds nothing up."""
    ledger = Ledger()
    old, _ = ledger.add(1, "events-0", "users-0", set(EVERY))
    new, _ = ledger.add(2, "events-0", "users-0", set(EVERY))
    assert ledger.drop_older(2) == [old]
    assert ledger.acknowledged(new, Part.FIRST) == [(Step.SEND_ROWS, new)]
    assert ledger.in_flight_of("events-0") == 1


Plan = list[tuple[int, int, frozenset[Part]]]

runs = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 1), st.frozensets(st.sampled_from(list(Part)))),
    max_size=12,
)


@given(plan=runs, choices=st.data())
def test_any_order_of_acknowledgements_keeps_the_guarantees(
    plan: Plan, choices: st.DataObject
) -> None:
    """Rows never precede their feedback nor earlier rows; settling follows everything, in order."""
    ledger = Ledger()
    works: list[Work] = []
    taken: list[tuple[Step, Work]] = []
    for source, lane, parts in plan:
        work, steps = ledger.add(1, source, lane, set(parts))
        works.append(work)
        taken += steps
    answers = list(_answers(works))
    while ready := [(w, p) for w, p in answers if p is not Part.ROWS or w.rows_sent]:
        work, part = choices.draw(st.sampled_from(ready))
        answers.remove((work, part))
        steps = ledger.acknowledged(work, part)
        for step, other in steps:
            if step is Step.SEND_ROWS:
                assert Part.FIRST not in other.pending
            else:
                assert not other.pending
        taken += steps
    settled = [work for step, work in taken if step is Step.SETTLE]
    assert sorted(map(id, settled)) == sorted(map(id, works))
    sent = [work for step, work in taken if step is Step.SEND_ROWS]
    for source in range(3):
        assert _of(settled, works, "source", source) == _of(works, works, "source", source)
    for lane in range(2):
        with_rows = [work for work in works if work.lane == lane]
        assert [work for work in sent if work.lane == lane] == with_rows
    assert len(ledger) == 0


def _answers(works: list[Work]) -> Iterator[tuple[Work, Part]]:
    return ((work, part) for work in works for part in sorted(work.pending, key=str))


def _of(some: list[Work], works: list[Work], name: str, value: int) -> list[int]:
    return [works.index(work) for work in some if getattr(work, name) == value]
