"""The guard over Faust's version."""

import pytest

from stream.errors import StateError
from stream.faustfix.version import require_known_faust


def test_the_known_version_passes() -> None:
    """0.15.3, which is also what is installed."""
    require_known_faust()
    require_known_faust("0.15.3")


@pytest.mark.parametrize("other", ["0.15.2", "0.15.30", "0.16.0", "none"])
def test_any_other_version_is_refused(other: str) -> None:
    """The message names what is required and what came."""
    with pytest.raises(StateError, match=rf"0\.15\.3 only, found {other}"):
        require_known_faust(other)
