"""Programs of other packages that a test runs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "build" / "prometheus" / "usr" / "bin"  # by `make test`
_GET = dict.fromkeys(
    ("prometheus", "promtool"),
    "apt-get install prometheus, or sh deploy/prometheus/fetch.sh",
)


def program(name: str) -> str:
    """The program's path: beside this Python, on the PATH, or fetched into build/.

    Where it is missing the test is skipped, with a message; in CI it fails.
    """
    beside = Path(sys.executable).parent
    places = (str(beside), None, str(PROMETHEUS))
    found = next(filter(None, (shutil.which(name, path=place) for place in places)), None)
    if not found:
        say = pytest.fail if os.environ.get("CI") else pytest.skip
        how = _GET.get(name, "`make test-tools` does it where it may")
        say(f"{name} is not installed: {how}")
    assert found
    return found


def run(*command: str | Path, **options: object) -> str:
    """What the program prints; fails with all that it said unless it exits with 0."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout
