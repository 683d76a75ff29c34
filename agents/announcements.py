"""What an item's row keeps of its announcement, as msgpack of at most 8 kB, and its content."""

from typing import Any, Final

import msgspec
import numpy as np

from models.content import Content
from stream.errors import CodecError
from stream.schemas import Item

LIMIT: Final = 8192  # bytes


class Announcement(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """The announced facts of an item; `embedding` is packed little-endian float32."""

    available: bool = True
    title: str | None = None
    categories: tuple[str, ...] = ()
    attributes: dict[str, Any] = {}
    embedding: bytes = b""


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Announcement).decode


def pack_announcement(item: Item) -> bytes:
    """Return the bytes that the item's row keeps.

    Raises
    ------
    ValueError
        If they would be more than 8 kB.

    """
    packed = _encode(
        Announcement(
            item.available is not False,
            item.title,
            tuple(item.categories or ()),
            dict(item.attributes or {}),
            np.asarray(item.embedding or (), dtype="<f4").tobytes(),
        )
    )
    if len(packed) > LIMIT:
        msg = f"an announcement takes at most {LIMIT} bytes when packed; got {len(packed)}"
        raise ValueError(msg)
    return packed


def unpack_announcement(packed: bytes) -> Announcement:
    """Read the bytes that `pack_announcement` wrote; empty bytes give an empty announcement.

    Raises
    ------
    CodecError
        If they are something else.

    """
    try:
        return _decode(packed) if packed else Announcement()
    except msgspec.DecodeError as exc:
        raise CodecError(f"an announcement cannot be read: {exc}") from exc


def content_of(packed: bytes) -> Content:
    """Return what the bytes say of the item, as models take it; of a withdrawn item, nothing.

    Raises
    ------
    CodecError
        If `unpack_announcement` cannot read them.

    """
    announced = unpack_announcement(packed)
    if len(announced.embedding) % 4:
        raise CodecError(f"an embedding has 4 bytes a number; got {len(announced.embedding)}")
    return Content(
        announced.title,
        announced.categories,
        announced.attributes,
        tuple(np.frombuffer(announced.embedding, dtype="<f4").tolist()),
    )
