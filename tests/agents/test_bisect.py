"""The records that make a fold fail are found, and only they are set aside."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.bisect import fold_without_culprits


def summing(records: Sequence[int]) -> int:
    """A fold that fails on negative numbers."""
    if any(record < 0 for record in records):
        raise ValueError(f"negative: {[record for record in records if record < 0]}")
    return sum(records)


@given(st.lists(st.integers(-5, 100), max_size=40))
def test_only_culprits_are_set_aside(records: list[int]) -> None:
    """The outcome is that of the good records in their order; each bad one comes with its error."""
    outcome, culprits = fold_without_culprits(summing, records)
    assert outcome == sum(record for record in records if record >= 0)
    assert [record for record, _ in culprits] == [record for record in records if record < 0]
    assert all(str(record) in str(error) for record, error in culprits)


def test_a_culprit_costs_few_folds() -> None:
    """One bad record among a thousand is found in about log2(1000) folds."""
    folds = 0

    def counting(records: Sequence[int]) -> int:
        nonlocal folds
        folds += 1
        return summing(records)

    fold_without_culprits(counting, [*range(700), -1, *range(299)])
    assert folds <= 14


def test_a_fold_that_fails_on_nothing_blames_no_record() -> None:
    """When the fold itself is broken, its error is raised instead of emptying the topic."""

    def broken(_records: Sequence[int]) -> int:
        raise RuntimeError("no memory")

    with pytest.raises(RuntimeError, match="no memory"):
        fold_without_culprits(broken, [1, 2, 3])
