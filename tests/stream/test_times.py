"""Times in all the ways in which people and programs write them."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.times import (
    by_format,
    epoch_ms,
    in_milliseconds,
    milliseconds,
    moment,
    number_of,
    unit_of,
)

MS = 1_714_557_600_500  # 2024-05-01T10:00:00.5Z


@pytest.mark.parametrize(
    "given",
    [
        MS,
        float(MS),
        str(MS),
        MS * 1000,
        str(MS * 1_000_000),
        "1714557600.5",
        "2024-05-01T10:00:00.5Z",
        "2024-05-01T12:00:00.500+02:00",
        "2024-05-01 10:00:00.5",
        "2024-05-01 10:00:00.5 +0000 UTC",
        "2024-05-01 12:00:00.500000000 +0200 CEST",
        " 2024-05-01 10:00:00.5 UTC ",
        datetime(2024, 5, 1, 10, 0, 0, 500_000, UTC),
    ],
)
def test_one_moment_in_many_ways(given: object) -> None:
    """Seconds to nanoseconds, RFC 3339, with and without a zone, and as Go prints it."""
    assert epoch_ms(given) == MS


def test_a_date_is_its_midnight_in_utc() -> None:
    """As Gorse's examples have it."""
    assert epoch_ms("2024-05-01") == 1_714_521_600_000


@pytest.mark.parametrize(
    "given",
    [None, True, "", "soon", "2024-13-01", "05/01/2024", [], 1e300, float("inf"), " " * 10**6,
     "9" * 10**5, "2024-05-01" + " " * 10**6 + "UTC"],
)  # fmt: skip
def test_what_is_no_time_is_none(given: object) -> None:
    """Nothing is guessed, and long nonsense costs nothing."""
    assert epoch_ms(given) is None


def test_a_pattern_reads_what_is_ambiguous() -> None:
    """The first of May or the fifth of January: only the pattern knows."""
    assert by_format("01/05/2024", "%d/%m/%Y") == 1_714_521_600_000
    assert by_format("2024-05-01", "%d/%m/%Y") is None


@given(st.integers(631_152_000, 4_102_444_799))
def test_the_unit_is_told_by_the_size(second: int) -> None:
    """From 1990 to 2100 no number is a time in two units, and integers lose nothing."""
    for power, unit in (
        (0, "seconds"),
        (3, "milliseconds"),
        (6, "microseconds"),
        (9, "nanoseconds"),
    ):
        assert unit_of(second * 10**power) == unit
        assert epoch_ms(second * 10**power) == second * 1000


@pytest.mark.parametrize(("number", "unit"), [(5, None), (-1, None), (10**20, None)])
def test_numbers_that_are_no_time_have_no_unit(number: int, unit: Any) -> None:
    """They are left for the schema to refuse."""
    assert unit_of(number) is unit
    assert in_milliseconds(1_714_557_600_123_456_789, "nanoseconds") == 1_714_557_600_123
    assert number_of("1e3") == 1000


@given(st.integers(0, 4_000_000_000_000))
def test_times_are_exact_to_the_millisecond(ms: int) -> None:
    """Milliseconds to a time and back."""
    assert milliseconds(moment(ms)) == ms
    assert moment(ms).tzinfo is UTC
    assert moment(0) == datetime(1970, 1, 1, tzinfo=UTC)
