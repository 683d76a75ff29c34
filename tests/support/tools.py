"""Programs of other packages that a test runs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def program(name: str) -> str:
    """The program's path, beside this Python or on the PATH.

    Where it is missing the test is skipped, with a message; in CI it fails.
    """
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if not found:
        say = pytest.fail if os.environ.get("CI") else pytest.skip
        say(f"{name} is not installed: `make test-tools` does it where it may")
    assert found
    return found


def run(*command: str | Path, **options: object) -> str:
    """What the program prints; fails with all that it said unless it exits with 0."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout
