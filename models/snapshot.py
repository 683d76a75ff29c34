"""Snapshots: what was learned offline as one safetensors file, readable from other languages too.

Tensors: `gate.` and the names of gate.GateColumns; with a net also `net.` and those of
net.NetWeights. Metadata, each a text: `format`, `settings` (JSON), `gate` (JSON, names of the
gate's features), `features` (JSON of models.features, empty without a net), `notes` (JSON),
`trained_until` (ms) and `sha256` (see models.tables_file).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from models import tables_file
from models.errors import CodecError
from models.features import FeatureMap
from models.gate import NAMES, Gate, GateColumns
from models.net import Net, NetWeights
from models.tables_file import Tables

FORMAT: Final = "headwater mixture 1"


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
    tensors: Tables = {
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
    tables_file.write(path, tensors, metadata)


def read(path: Path) -> Snapshot:
    """Read what `write` wrote.

    Raises
    ------
    CodecError
        If the file is damaged, cut short, no snapshot, or one that this version cannot serve.
    OSError
        If it cannot be read.

    """
    tensors, metadata = tables_file.read(path)
    if metadata.get("format") != FORMAT:
        found = metadata.get("format", "none")
        raise CodecError(f"{path} has the format {found!r}; this version reads {FORMAT!r}")
    try:
        return _parse(tensors, metadata)
    except CodecError as exc:
        raise CodecError(f"{path} cannot be served: {exc}") from exc
    except (KeyError, TypeError, ValueError) as exc:
        raise CodecError(f"{path} is no whole snapshot: {exc!r}") from exc


def _parse(tensors: Tables, metadata: Mapping[str, str]) -> Snapshot:
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
