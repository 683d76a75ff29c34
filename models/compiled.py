"""numba as the learners use it: kernels with explicit signatures, cached on disk by their sources.

An explicit signature means that nothing is ever compiled at run time: an array of another type, or
one that may only be read, is a TypeError. numba looks at the time stamp of a kernel's own file alone,
while a kernel also holds the helpers it calls from other files; so the cache lives in a folder named
after the sources of the whole package.
"""

import shutil
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Final, ParamSpec, TypeVar, cast

import numba
import numpy as np

_P = ParamSpec("_P")
_R = TypeVar("_R")

_OPTIONS: Final = {"error_model": "numpy", "nogil": True}
_HERE: Final = Path(__file__).parent


def kernel(*examples: object) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Compile for the types of the given examples; arguments are converted from nothing else."""
    signature = tuple(numba.typeof(example) for example in examples)

    def compile_(function: Callable[_P, _R]) -> Callable[_P, _R]:
        return cast("Callable[_P, _R]", numba.njit(signature, cache=True, **_OPTIONS)(function))

    return compile_


def helper(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """A function for kernels to call; it is compiled with them."""
    return cast("Callable[_P, _R]", numba.njit(**_OPTIONS)(function))


def column(dtype: type, dimensions: int = 1) -> "np.ndarray[tuple[int, ...], np.dtype[np.generic]]":
    """An empty array as an example of a column."""
    return np.empty((0,) * dimensions, dtype=dtype)


def _cache_folder() -> Path:
    """A folder for the compiled kernels of exactly these sources; others beside it are removed."""
    digest = blake2b(digest_size=8)
    for source in sorted(_HERE.glob("*.py")):
        digest.update(source.name.encode() + source.read_bytes())
    folder = _HERE / "__pycache__" / f"kernels-{digest.hexdigest()}"
    if not folder.exists():
        for stale in folder.parent.glob("kernels-*"):
            shutil.rmtree(stale, ignore_errors=True)
    return folder


def _use_cache() -> None:
    if not numba.config.CACHE_DIR:
        numba.config.CACHE_DIR = str(_cache_folder())


_use_cache()
