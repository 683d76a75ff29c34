"""Keys of the two tables: one byte for the kind of a row, then the id."""

from typing import Final

ROW: Final = b"r"
GATE: Final = b"g"


def row_key(identifier: str) -> bytes:
    """Return the table key of a user's or an item's row."""
    return ROW + identifier.encode()


def row_id(key: bytes) -> str | None:
    """Return the id that a table key names, None for other kinds of key (gate, claim)."""
    return key[1:].decode() if key[:1] == ROW else None
