"""What a row keeps of an announcement, and what models get of it."""

import pytest

from agents.announcements import content_of, pack_announcement
from models.content import Content
from stream.errors import CodecError
from stream.schemas import Item


def test_a_content_is_what_was_announced() -> None:
    """Each part arrives as it was sent; numbers of an embedding in float32."""
    item = Item(
        "i",
        0,
        title="Stalker (1979)",
        categories=("Drama", "Sci-Fi"),
        attributes={"minutes": 162, "languages": ["ru"], "colour": True},
        embedding=(0.5, -2.0),
    )
    assert content_of(pack_announcement(item)) == Content(
        item.title, item.categories, item.attributes or {}, item.embedding
    )


def test_what_was_not_announced_is_missing() -> None:
    """Also of an item that was withdrawn: its row keeps no bytes."""
    assert content_of(pack_announcement(Item("i", 0))) == Content()
    assert content_of(b"") == Content()


@pytest.mark.parametrize(
    "packed", [b"\xc1", b"\x81\x01", pack_announcement(Item("i", 0, embedding=(1.0,)))[:-1]]
)
def test_bytes_that_are_no_announcement_are_refused(packed: bytes) -> None:
    """With one sentence."""
    with pytest.raises(CodecError, match="announcement cannot be read"):
        content_of(packed)
