"""Errors of the learners."""


class CodecError(ValueError):
    """Bytes that are no row, record or gate of this version of the codec."""
