"""The state of a training after each epoch, from which an interrupted one goes on."""

import pickle
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, Final, TypeAlias

import torch

from models.whole_file import write_whole

FORMAT: Final = 1

Tell: TypeAlias = Callable[[str], object]
"""Takes a sentence for whoever waits."""


def untold(_note: str) -> None:
    """Tell nobody."""


class Checkpoint:
    """One file; what was written under another key (data, end, settings) is not taken.

    Whether a file that was there is gone on from is told as a sentence.
    """

    def __init__(self, path: Path, key: str, tell: Tell = untold) -> None:
        self._path, self._key, self._tell = path, key, tell

    def load(self) -> dict[str, Any] | None:
        """Read what was last saved, or None; if a file was there, tell what became of it."""
        try:
            found = torch.load(self._path, weights_only=True)
        except FileNotFoundError:
            return None
        except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
            self._over(f"is damaged ({type(error).__name__})")
            return None
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            self._over(f"is no training of format {FORMAT}")
            return None
        if found.get("key") != self._key:
            self._over("is of other data, another seed or other settings")
            return None
        state: dict[str, Any] = found["state"]
        self._tell(f"Going on from epoch {state['ran'] + state['warm']} of {self._path}.")
        return state

    def _over(self, why: str) -> None:
        self._tell(f"{self._path} {why}: the training starts over.")

    def save(self, state: Mapping[str, Any]) -> None:
        """Write all or nothing; the state holds `ran` and `warm`, epochs. Raises OSError."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        data = BytesIO()  # a disk that is full would not be torch's OSError
        torch.save({"format": FORMAT, "key": self._key, "state": dict(state)}, data)
        write_whole(self._path, data.getvalue())
