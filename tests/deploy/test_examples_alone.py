"""The example clients where there is no broker."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "deploy" / "examples" / "with_aiokafka.py"


@pytest.mark.parametrize("arguments", [("publish", "ann", "a", "view"), ("watch", "ann")])
def test_aiokafka_says_that_no_broker_answers(arguments: tuple[str, ...]) -> None:
    """In one sentence, for publishing and for watching."""
    done = subprocess.run(
        [sys.executable, str(EXAMPLE), *arguments],
        env=os.environ | {"BROKER": "localhost:1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "no broker answers at localhost:1\n"
