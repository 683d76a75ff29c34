"""The rows of the files as the columns of a Dataset."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from models.arrays import Bytes, Int32s, Int64s
from models.content import Content
from models.dataset import NEVER, Dataset
from models.dataset_files.events import EventTable, read_events
from models.dataset_files.items import Announced, read_items
from models.dataset_files.positivity import Positivity
from models.dataset_files.users import read_profiles
from models.events import type_code
from models.hashing import item_hashes


def read(events: Path, items: Path | None, users: Path | None, rules: Positivity) -> Dataset:
    """Read the files; see `models.dataset_files.read_dataset`."""
    table = read_events(events, rules)
    catalogue = read_items(items) if items else {}
    profiles = read_profiles(users) if users else {}
    return _assemble(table, catalogue, profiles)


def _assemble(
    table: EventTable, catalogue: Mapping[str, Announced], profiles: Mapping[str, dict[str, Any]]
) -> Dataset:
    frame = table.frame
    users, user = _numbered(frame["user"])
    acted_on, item = _numbered(frame["item"])
    known = set(acted_on)
    items = [*acted_on, *(name for name in catalogue if name not in known)]
    data = Dataset(
        users=tuple(users),
        items=tuple(items),
        hashes=item_hashes(items),
        contents=_contents(items, catalogue),
        announced=_announced(items, catalogue),
        profiles=tuple(profiles.get(name) for name in users),
        row=frame["row"].to_numpy().astype(np.int64),
        user=user,
        item=item,
        kind=_kinds(frame["kind"]),
        value=frame["value"].fill_null(np.nan).to_numpy().astype(np.float32),
        time=frame["time"].to_numpy().astype(np.int64),
        positive=frame["positive"].to_numpy().astype(np.bool_),
        notes=(*table.notes, *_unavailable(catalogue)),
        fingerprint="",
    )
    return replace(data, fingerprint=_fingerprint(data))


def _fingerprint(data: Dataset) -> str:
    """16 hex digits of a hash of everything but the notes."""
    digest = blake2b(digest_size=8)
    contents = [None if content is None else _plain(content) for content in data.contents]
    for part in (data.users, data.items, contents, data.profiles):
        digest.update(json.dumps(part, sort_keys=True, default=str).encode())
    for column in (
        data.announced, data.row, data.user, data.item,
        data.kind, data.value, data.time, data.positive,
    ):  # fmt: skip
        digest.update(np.ascontiguousarray(column).tobytes())
    return digest.hexdigest()


def _plain(content: Content) -> list[Any]:
    """Content as JSON has it; single precision, since that is what some formats keep."""
    embedding = np.array(content.embedding, dtype=np.float32).tolist()
    return [content.title, content.categories, content.attributes, embedding]


def _numbered(names: pl.Series) -> tuple[list[str], Int32s]:
    """The distinct names by first appearance, and the number of each row's name."""
    distinct = names.unique(maintain_order=True)
    numbers = names.replace_strict(distinct, pl.int_range(len(distinct), eager=True))
    return distinct.to_list(), numbers.to_numpy().astype(np.int32)


def _kinds(types: pl.Series) -> Bytes:
    distinct = types.unique()
    codes = pl.Series([type_code(name) for name in distinct], dtype=pl.UInt8)
    return types.replace_strict(distinct, codes).to_numpy().astype(np.uint8)


def _contents(
    items: Sequence[str], catalogue: Mapping[str, Announced]
) -> tuple[Content | None, ...]:
    return tuple(catalogue[name].content if name in catalogue else None for name in items)


def _announced(items: Sequence[str], catalogue: Mapping[str, Announced]) -> Int64s:
    since = [
        catalogue[name].time if name in catalogue and catalogue[name].available else NEVER
        for name in items
    ]
    return np.array(since, dtype=np.int64)


def _unavailable(catalogue: Mapping[str, Announced]) -> list[str]:
    """A note on items that are marked so: the file does not say since when."""
    count = sum(not announced.available for announced in catalogue.values())
    if not count:
        return []
    items = "item is" if count == 1 else "items are"
    return [f"{count:,} {items} marked as unavailable, and known from the first event on."]
