"""A file opened for reading: unpacked, decoded, and held to the format that its user named."""

import codecs
import gzip
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from stream.convert.plan import STDIN
from stream.errors import InputFileError

_GZIP: Final = b"\x1f\x8b"
# First bytes of what is not read here, and what to do about it.
_OTHERS: Final = (
    (b"PK\x03\x04", "a zip archive: unpack it first"),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd: `zstd -dc FILE | headwater convert - …`"),
    (b"BZh", "compressed by bzip2: `bzip2 -dc FILE | headwater convert - …`"),
    (b"\xfd7zXZ", "compressed by xz: `xz -dc FILE | headwater convert - …`"),
    (b"SQLite format 3", "an SQLite database: export its tables first"),
)
_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")
_HEAD: Final = 1024


class Opened:
    """A file being read: `stream` of bytes, unpacked; `head` its first ones; `total` its size.

    The size is 0 where it is not known.
    """

    def __init__(self, path: Path, raw: io.BufferedReader) -> None:
        self.path = path
        self.name = "standard input" if path == STDIN else str(path)
        self._raw = raw
        packed = _peek(raw).startswith(_GZIP)
        self.stream: io.BufferedReader = (
            io.BufferedReader(gzip.GzipFile(fileobj=raw)) if packed else raw
        )
        self.head = _peek(self.stream)
        self.total = path.stat().st_size if path.is_file() else 0
        self._refuse()

    def position(self) -> int:
        """Bytes of the file, packed as it is, that were read; 0 where nobody can tell."""
        return self._raw.tell() if self.total else 0

    def text(self, encoding: str) -> IO[str]:
        """The file as text; bytes of another encoding become signs that no text has."""
        try:
            codecs.lookup(encoding)
        except LookupError as error:
            raise InputFileError(f"--encoding {encoding}: {error}.") from error
        if self.head.startswith(b"PAR1"):
            raise self.other("Parquet: use --from parquet")
        if encoding == "utf-8" and self.head.startswith(_UTF_16):
            raise self.other("UTF-16: use --encoding utf-16")
        first = self.head.split(b"\n", 1)[0]  # a later line is left out by itself
        if b"\0" in first and not encoding.startswith(("utf-16", "utf-32")):
            raise self.other("no text")
        name = "utf-8-sig" if encoding == "utf-8" else encoding
        return io.TextIOWrapper(self.stream, name, errors="surrogateescape")

    def other(self, what: str) -> InputFileError:
        """The error for a file that is something else."""
        return InputFileError(f"{self.name} is {what}.")

    def _refuse(self) -> None:
        if not self.head:
            raise InputFileError(f"{self.name} is empty.")
        for magic, what in _OTHERS:
            if self.head.startswith(magic):
                raise self.other(what)


@contextmanager
def opened(path: Path) -> Iterator[Opened]:
    """Open a file, a pipe, or `-`. Raises InputFileError if it cannot be, or is empty."""
    try:
        raw = sys.stdin.buffer if path == STDIN else path.open("rb")
    except IsADirectoryError:
        raise InputFileError(
            f"{path} is a folder; folders are read with --from movielens or --from gorse."
        ) from None
    except OSError as error:
        raise InputFileError(f"{path} cannot be read: {error.strerror}.") from error
    try:
        yield Opened(path, raw)  # type: ignore[arg-type]  # a BufferedReader, both
    finally:
        if path != STDIN:
            raw.close()


def looks_like_json(head: bytes) -> bool:
    """Whether the first sign is a JSON object's."""
    return head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{")


def expect_json(file: Opened) -> None:
    """Raises InputFileError if the file holds no JSON Lines."""
    if looks_like_json(file.head) or file.head.startswith((b"PAR1", *_UTF_16)):
        return  # the latter have sentences of their own
    if file.head.lstrip().startswith(b"["):
        raise file.other("a JSON array; JSON Lines are needed: `jq -c '.[]' FILE`")
    first = file.head.splitlines()[0][:60].decode(errors="replace")
    raise file.other(f"not JSON Lines: it begins with {first!r}; use --from csv if it is CSV")


def expect_cells(file: Opened) -> None:
    """Raises InputFileError if the file holds JSON where rows of cells are needed."""
    if looks_like_json(file.head):
        raise file.other("JSON Lines, not CSV: use --from jsonl")


def _peek(raw: IO[bytes]) -> bytes:
    try:
        return raw.peek(_HEAD)[:_HEAD]  # type: ignore[attr-defined,no-any-return]  # buffered
    except (OSError, EOFError) as error:
        raise InputFileError(
            f"{getattr(raw, 'name', 'the file')} cannot be read: {error}."
        ) from error
