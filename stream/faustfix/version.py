"""Refuses any other faust-streaming than the one whose defects this package contains."""

from importlib.metadata import PackageNotFoundError, version

from stream.errors import StateError

FAUST_VERSION = "0.15.3"


def require_known_faust(installed: str | None = None) -> None:
    """Raise StateError unless faust-streaming 0.15.3 is installed.

    Every cure here reaches into Faust's internals: with another version it might silently cure
    nothing. `installed`: the version to judge; by default the one on this machine.
    """
    if installed is None:
        try:
            installed = version("faust-streaming")
        except PackageNotFoundError:
            installed = "none"
    if installed != FAUST_VERSION:
        raise StateError(
            f"This release works with faust-streaming {FAUST_VERSION} only, found {installed}."
            f" Install it with: pip install faust-streaming=={FAUST_VERSION}"
        )
