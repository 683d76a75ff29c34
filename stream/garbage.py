"""Looks for cyclic garbage rarely while a worker serves."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

# Net allocations before the young are looked at, and how many looks before older ones are. Records
# in flight are many, live for milliseconds and are no cycles: with Python's 700, 10, 10 looking
# through them took a sixth of the shell's time. A look takes 1 ms at most.
_RARELY = (20_000, 20, 10)


@contextmanager
def rare_collections() -> Iterator[None]:
    """What exists now, all loaded code, is not looked at while the block runs: it takes 50 ms."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(*_RARELY)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
