"""Numbers in sentences."""


def counted(count: int, one: str, more: str = "") -> str:
    """`1 query`, `1,234 queries`; without `more`, an s is added."""
    return f"{count:,} {one if count == 1 else more or one + 's'}"
