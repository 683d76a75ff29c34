"""Errors of the learners."""


class CodecError(ValueError):
    """Bytes that are no row, record or gate of this version of the codec."""


class DataError(ValueError):
    """Files or columns from which nothing can be learned; the message says what they lack."""
