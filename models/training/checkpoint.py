"""The state of a training after each epoch, from which an interrupted one goes on."""

import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch

FORMAT: Final = 1


class Checkpoint:
    """One file; what was written under another key (data, end, settings) is not taken."""

    def __init__(self, path: Path, key: str) -> None:
        self._path, self._key = path, key
        self.note = ""
        """Why the file that was there was not taken; empty if it was, or there was none."""

    def load(self) -> dict[str, Any] | None:
        """Read what was last saved, or None, with a note where a file was there."""
        try:
            found = torch.load(self._path, weights_only=True)
        except FileNotFoundError:
            return None
        except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
            self.note = f"{self._path} is no checkpoint ({type(error).__name__}): started anew"
            return None
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            self.note = f"{self._path} is no checkpoint of format {FORMAT}: started anew"
            return None
        if found.get("key") != self._key:
            self.note = f"{self._path} is of other data or settings: started anew"
            return None
        state: dict[str, Any] = found["state"]
        return state

    def save(self, state: Mapping[str, Any]) -> None:
        """Write all or nothing: a reader sees the file before or after, never between."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        new = self._path.with_name(f"{self._path.name}.new")
        with new.open("wb") as file:
            torch.save({"format": FORMAT, "key": self._key, "state": dict(state)}, file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)

    def remove(self) -> None:
        """Forget it: the training is done."""
        self._path.unlink(missing_ok=True)
