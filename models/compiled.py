"""numba as the learners use it: kernels with explicit signatures, cached on disk by their sources.

An explicit signature means that nothing is ever compiled at run time: an array of another type, or
one that may only be read, is a TypeError. numba looks at the time stamp of a kernel's own file
alone, while a kernel also holds the helpers it calls from other files; so the cache lies in a
folder named after the sources of the whole package.
"""

import logging
import os
import shutil
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar, cast

import numba
import numpy as np
import numpy.typing as npt

_P = ParamSpec("_P")
_R = TypeVar("_R")

_OPTIONS: Final[dict[str, Any]] = {"nogil": True, "error_model": "numpy"}
log = logging.getLogger(__name__)

_HERE: Final = Path(__file__).parent
_config: Final = cast("Any", numba).config
_compile: Final = cast("Callable[..., Any]", numba.njit)
_type_of: Final = cast("Callable[..., Any]", numba.typeof)


def kernel(*examples: object) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Compile for the types of the given examples; arguments are converted from nothing else."""
    signature = tuple(map(_type_of, examples))

    def decorate(function: Callable[_P, _R]) -> Callable[_P, _R]:
        compiled = _compile(signature, cache=True, **_OPTIONS)(function)
        return cast("Callable[_P, _R]", compiled)

    return decorate


def unchecked(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """A kernel without the look at its arguments' types: of arrays only item sizes are checked.

    The look takes longer than many a run, some 0.1 us an array in a tuple. Only for arguments that
    one place makes, of the types of the examples.
    """
    if _config.DISABLE_JIT:
        return function
    (compiled,) = cast("Any", function).overloads.values()
    return cast("Callable[_P, _R]", compiled.entry_point)


def helper(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """A function for kernels to call; it is compiled into them (not inlined it costs some 10 %)."""
    return cast("Callable[_P, _R]", _compile(forceinline=True, **_OPTIONS)(function))


def fused(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """A helper whose products may be added unrounded, and whose numbers are never NaN.

    So products and maxima are vectorised in full; sums keep their order.
    """
    options = _OPTIONS | {"fastmath": {"contract", "nnan", "nsz"}}
    return cast("Callable[_P, _R]", _compile(forceinline=True, **options)(function))


def column(dtype: type[np.generic], dimensions: int = 1) -> npt.NDArray[Any]:
    """An empty array as an example of a column."""
    return np.empty((0,) * dimensions, dtype=dtype)


def _cache_folder() -> Path:
    """A folder for the compiled kernels of exactly these sources; others beside it are removed.

    Beside the sources where they may be written, else in the user's cache.
    """
    digest = blake2b(digest_size=8)
    for source in sorted(_HERE.glob("*.py")):
        digest.update(source.name.encode() + source.read_bytes())
    beside = _HERE / "__pycache__"
    home = Path.home() / ".cache" / "headwater"
    folder = (beside if os.access(_HERE, os.W_OK) else home) / f"kernels-{digest.hexdigest()}"
    if not folder.exists():
        for stale in folder.parent.glob("kernels-*"):
            if stale != folder:
                shutil.rmtree(stale, ignore_errors=True)
    return folder


def _use_cache() -> None:
    config = cast("Any", numba.config)
    if not config.CACHE_DIR:
        folder = _cache_folder()
        if not folder.exists():
            log.warning("Compiling the learner, once for this version: about a minute.")
        config.CACHE_DIR = str(folder)


_use_cache()
