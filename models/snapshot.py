"""Snapshots: what was learned offline as one safetensors file, readable from other languages too.

Tensors: `gate.` and the names of gate.GateColumns; with a net also `net.` and those of
net.NetWeights. Metadata, each a text: `format`, `settings` (JSON), `gate` (JSON, names of the
gate's features), `features` (JSON of models.features, empty without a net), `notes` (JSON),
`trained_until` (ms) and `sha256` over all of these and the tensors' names, types, shapes and bytes.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from models.errors import CodecError
from models.features import FeatureMap
from models.gate import NAMES, Gate, GateColumns
from models.net import Net, NetWeights
from models.whole_file import write_whole

FORMAT: Final = "headwater mixture 1"

_Tensors = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a file holds; settings and notes are JSON objects."""

    settings: Mapping[str, Any]
    start: Gate
    net: Net | None
    trained_until: int  # ms
    notes: Mapping[str, Any]


def write(path: Path, snapshot: Snapshot) -> None:
    """Write the snapshot; until it is whole, a file that was there stays as it is."""
    tensors: _Tensors = {
        f"gate.{name}": table for name, table in snapshot.start.columns._asdict().items()
    }
    net = snapshot.net
    if net is not None:
        tensors |= {f"net.{name}": table for name, table in net.weights._asdict().items()}
    metadata = {
        "format": FORMAT,
        "settings": json.dumps(snapshot.settings, sort_keys=True),
        "gate": json.dumps(NAMES),
        "features": "" if net is None else net.features.to_json(),
        "notes": json.dumps(snapshot.notes, sort_keys=True),
        "trained_until": str(snapshot.trained_until),
    }
    metadata["sha256"] = _digest(tensors, metadata)
    write_whole(path, _ordered(save(tensors, metadata)))


def _ordered(data: bytes) -> bytes:
    """The same file with its header in order, which the library leaves to chance.

    A file is the header's length (u64, little endian), the header as JSON, padded with spaces to
    whole words, and the tensors.
    """
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.dumps(json.loads(data[8:start]), sort_keys=True).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + data[start:]


def read(path: Path) -> Snapshot:
    """Read what `write` wrote.

    Raises
    ------
    CodecError
        If the file is damaged, cut short, no snapshot, or one that this version cannot serve.
    OSError
        If it cannot be read.

    """
    tensors, metadata = _load(path)
    if metadata.get("format") != FORMAT:
        found = metadata.get("format", "none")
        raise CodecError(f"{path} has the format {found!r}; this version reads {FORMAT!r}")
    if metadata.pop("sha256", None) != _digest(tensors, metadata):
        raise CodecError(f"{path} is damaged: its content does not have its sha256")
    try:
        return _parse(tensors, metadata)
    except CodecError as exc:
        raise CodecError(f"{path} cannot be served: {exc}") from exc
    except (KeyError, TypeError, ValueError) as exc:
        raise CodecError(f"{path} is no whole snapshot: {exc!r}") from exc


def _load(path: Path) -> tuple[_Tensors, dict[str, str]]:
    """Read tensors and metadata, whatever they are.

    Raises
    ------
    CodecError
        If the file is no safetensors file, or not all of one.

    """
    try:
        with safe_open(path, framework="numpy") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return tensors, dict(file.metadata() or {})
    except SafetensorError as exc:
        raise CodecError(f"{path} is damaged, cut short or no safetensors file: {exc}") from exc


def _parse(tensors: _Tensors, metadata: Mapping[str, str]) -> Snapshot:
    names = tuple(json.loads(metadata["gate"]))
    if names != NAMES:
        raise CodecError(f"its gate is for the features {', '.join(names)}; required are"
                         f" {', '.join(NAMES)}")  # fmt: skip
    start = Gate.of({name: tensors[f"gate.{name}"] for name in GateColumns._fields})
    net = None
    if metadata["features"]:
        weights = NetWeights(*(tensors[f"net.{name}"] for name in NetWeights._fields))
        net = Net(weights, FeatureMap.from_json(metadata["features"]))
    return Snapshot(
        settings=json.loads(metadata["settings"]),
        start=start,
        net=net,
        trained_until=int(metadata["trained_until"]),
        notes=json.loads(metadata["notes"]),
    )


def _digest(tensors: _Tensors, metadata: Mapping[str, str]) -> str:
    """SHA-256 of all that the file holds, in an order that does not depend on the file's."""
    digest = sha256()
    for name in sorted(tensors):
        table = tensors[name]
        digest.update(f"{name} {table.dtype.str} {table.shape}\n".encode())
        digest.update(np.ascontiguousarray(table).tobytes())
    for name in sorted(metadata):
        digest.update(f"\n{name} {len(metadata[name])} {metadata[name]}".encode())
    return digest.hexdigest()
