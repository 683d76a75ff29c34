"""Which events say that the user liked the item."""

import pytest

from stream.rules import Rules
from stream.schemas import Event


@pytest.mark.parametrize(
    ("type_", "value", "positive"),
    [
        ("like", None, True),
        ("view", None, True),
        ("rate", 4.0, True),
        ("rate", 3.9, False),
        ("dislike", None, False),
        ("search", None, False),
        ("impression", None, False),
    ],
)
def test_positive_is_the_design_s(type_: str, value: float | None, positive: bool) -> None:
    """Liking by type, rating by value; never dislike, search, impression."""
    assert Rules().positive(Event("u", type_, 0, "i", value)) is positive
