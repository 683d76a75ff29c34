"""Where the clone of the project is, for the few commands that need one."""

from pathlib import Path

from stream.errors import OutsideCloneError

_ROOT = Path(__file__).resolve().parent.parent


def clone(needed_for: str) -> Path:
    """The root of the clone that this code runs from.

    Raises OutsideCloneError, naming what it was `needed_for`, when the package is installed.
    """
    if not (_ROOT / "deploy" / "kafka" / "pom.xml").is_file():
        raise OutsideCloneError(
            f"{needed_for} needs a clone of the project; this is an installed package."
        )
    return _ROOT
