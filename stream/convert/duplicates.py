"""Which records came before, in constant memory: their hashes lie on disk."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import rocksdict

from stream.errors import OutputFileError

# Among a billion records two different ones share such a hash with a probability of 1e-11.
_HASH_BYTES: Final = 12
_BUFFER_BYTES: Final = 8_388_608
_WITHOUT_LOG: Final = rocksdict.WriteOptions()
_WITHOUT_LOG.disable_wal = True  # type: ignore[method-assign,assignment]  # its stub is wrong


class Seen:
    """All records that came, as hashes in a RocksDB of its own, which is removed at the end."""

    def __init__(self, folder: Path | None = None) -> None:
        """`folder`: where there is room for 20 bytes a record; none: the system's own.

        Raises OutputFileError if nothing can be written there.
        """
        with _kept():
            self._folder = tempfile.TemporaryDirectory(prefix=".headwater-seen-", dir=folder)
        try:
            with _kept():
                self._db: Any = rocksdict.Rdict(self._folder.name, _options())
        except OutputFileError:
            self._folder.cleanup()
            raise
        self._db.set_write_options(_WITHOUT_LOG)

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Remove what was kept."""
        with suppress(Exception):  # on a full disk it cannot be flushed, nor need it be
            self._db.close()
        self._folder.cleanup()

    def first(self, records: Sequence[bytes]) -> list[bool]:
        """Of each whether it comes for the first time; they are remembered.

        Raises OutputFileError if there is no room for them.
        """
        keys = [blake2b(record, digest_size=_HASH_BYTES).digest() for record in records]
        with _kept():
            return self._new(keys)

    def _new(self, keys: Sequence[bytes]) -> list[bool]:
        found: list[bytes | None] = self._db.get(keys)
        known = {key for key, there in zip(keys, found, strict=True) if there is not None}
        batch = rocksdict.WriteBatch(raw_mode=True)
        new: list[bool] = []
        for key in keys:
            new.append(key not in known)
            if new[-1]:
                known.add(key)
                batch.put(key, b"")
        self._db.write(batch, _WITHOUT_LOG)
        return new


@contextmanager
def _kept() -> Iterator[None]:
    try:
        yield
    except Exception as error:  # RocksDB's errors have no class of their own
        raise OutputFileError(
            f"What was seen cannot be kept beside the output: {error}."
        ) from error


def _options() -> rocksdict.Options:
    options = rocksdict.Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_write_buffer_size(_BUFFER_BYTES)
    options.set_max_write_buffer_number(2)
    table = rocksdict.BlockBasedOptions()
    table.set_bloom_filter(10, False)
    table.set_block_cache(rocksdict.Cache(_BUFFER_BYTES))
    options.set_block_based_table_factory(table)
    return options
