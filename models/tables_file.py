"""Named arrays, and texts beside them, as one safetensors file that is whole or refused.

Beside the texts stands `sha256`, over these and the arrays' names, types, shapes and bytes, so that
no damage passes. The same content gives the same bytes.
"""

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from models.errors import CodecError
from models.whole_file import write_whole

Tables = dict[str, npt.NDArray[Any]]
Notes = dict[str, str]

_DIGEST: Final = "sha256"


def write(path: Path, tables: Mapping[str, npt.NDArray[Any]], notes: Mapping[str, str]) -> None:
    """Write the file; until it is whole, one that was there stays as it is. Raises OSError."""
    arrays = {name: np.ascontiguousarray(table) for name, table in tables.items()}
    write_whole(path, _ordered(save(arrays, {**notes, _DIGEST: digest(arrays, notes)})))


def read(path: Path) -> tuple[Tables, Notes]:
    """Read what `write` wrote.

    Raises
    ------
    CodecError
        If the file is damaged, cut short, or none that `write` wrote.
    OSError
        If it cannot be read.

    """
    try:
        with safe_open(path, framework="numpy") as file:
            tables = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            notes = dict(file.metadata() or {})
    except SafetensorError as exc:
        raise CodecError(f"{path} is damaged, cut short or no safetensors file: {exc}") from exc
    written = notes.pop(_DIGEST, None)
    if written is None:
        raise CodecError(f"{path} has no sha256 of its content: this version did not write it")
    if written != digest(tables, notes):
        raise CodecError(f"{path} is damaged: its content does not have its sha256")
    return tables, notes


def read_notes(path: Path) -> Notes:
    """Read the texts alone, unchecked; none, if it is no safetensors file. Raises OSError."""
    try:
        with safe_open(path, framework="numpy") as file:
            return dict(file.metadata() or {})
    except SafetensorError:
        return {}


def digest(tables: Mapping[str, npt.NDArray[Any]], notes: Mapping[str, str]) -> str:
    """SHA-256 of all that the file holds, in an order that does not depend on the file's."""
    found = sha256()
    for name in sorted(tables):
        table = tables[name]
        found.update(f"{name} {table.dtype.str} {table.shape}\n".encode())
        found.update(np.ascontiguousarray(table).tobytes())
    for name in sorted(notes):
        found.update(f"\n{name} {len(notes[name])} {notes[name]}".encode())
    return found.hexdigest()


def _ordered(data: bytes) -> bytes:
    """The same file with its header in order, which the library leaves to chance.

    A file is the header's length (u64, little endian), the header as JSON, padded with spaces to
    whole words, and the tensors.
    """
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.dumps(json.loads(data[8:start]), sort_keys=True).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + data[start:]
