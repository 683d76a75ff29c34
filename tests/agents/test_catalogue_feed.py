"""Rows of `item-vectors` into the catalogue; what was announced is read when it is new."""

from collections.abc import Sequence

import pytest
from aiokafka.structs import ConsumerRecord
from support.nets import random_mixture

from agents.announcements import pack_announcement
from agents.catalogue_feed import CatalogueFeed
from agents.keys import row_key
from agents.rows import ItemRow, Stamp
from models.content import Content
from models.mixture import Mixture
from stream.metrics import Metrics
from stream.schemas import Item
from stream.settings import Settings
from stream.topics import Topics

TOPIC = Topics(Settings()).item_vectors


class Told:
    """What the feed told the catalogue of contents."""

    def __init__(self, learner: Mixture, monkeypatch: pytest.MonkeyPatch) -> None:
        self.feed = CatalogueFeed(Settings(), TOPIC, learner, Metrics())
        self.calls: list[dict[str, Content]] = []
        monkeypatch.setattr(self.feed.catalogue, "describe", self._describe)

    def _describe(self, ids: Sequence[str], contents: Sequence[Content]) -> None:
        self.calls.append(dict(zip(ids, contents, strict=True)))

    def apply(self, *rows: ItemRow) -> list[dict[str, Content]]:
        """What the catalogue is told because of these rows."""
        self.calls.clear()
        self.feed.apply([record(row) for row in rows])
        return self.calls


def record(row: ItemRow) -> ConsumerRecord:
    """Return the row as it stands in the topic."""
    key = row_key(row.item_id)
    return ConsumerRecord(TOPIC.name, 0, 1, 0, 1, key, row.pack(), None, 0, 0, ())


def announced(item_id: str, offset: int, **fields: object) -> ItemRow:
    """Return the row of an item that was announced by the record at this offset."""
    packed = pack_announcement(Item(item_id, 0, **fields))  # type: ignore[arg-type]
    stamp = Stamp(1000 + offset, 0, offset)
    return ItemRow(item_id, announced=True, announcement=packed, announcement_stamp=stamp)


def test_contents_are_read_when_they_are_new_or_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not with every row that feedback changes, nor of items that nobody announced."""
    told = Told(random_mixture(1, ["a"]), monkeypatch)
    first = announced("a", 1, title="A")
    assert told.apply(first, ItemRow("b")) == [{"a": Content("A")}]
    first.sources[1, 0] = 7
    assert told.apply(first, ItemRow("b")) == []
    assert told.apply(announced("a", 2, title="B"), announced("b", 3)) == [
        {"a": Content("B"), "b": Content()}
    ]


def test_a_withdrawn_item_has_no_content(monkeypatch: pytest.MonkeyPatch) -> None:
    """So a worker that saw the announcement and one that starts later agree."""
    told = Told(random_mixture(1, ["a"]), monkeypatch)
    told.apply(announced("a", 1, title="A"))
    withdrawn = ItemRow("a", withdrawn=True, announcement_stamp=Stamp(2000, 0, 2))
    assert told.apply(withdrawn) == [{"a": Content()}]


def test_without_a_net_nothing_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even bytes that could not be."""
    told = Told(Mixture(), monkeypatch)
    broken = announced("a", 1)
    broken.announcement = b"\xc1"
    assert told.apply(broken) == []
    assert told.feed.catalogue.size == 1


def test_an_announcement_that_cannot_be_read_is_named(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The item is listed without its content, and others are described."""
    told = Told(random_mixture(1, ["a"]), monkeypatch)
    broken = announced("broken", 1)
    broken.announcement = b"\xc1"
    assert told.apply(broken, announced("whole", 2, title="T")) == [{"whole": Content("T")}]
    assert told.feed.catalogue.size == 2
    assert "broken: an announcement cannot be read" in caplog.text
