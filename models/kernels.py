"""All kernels, compiled: `python -m models.kernels` does at setup what the first start would."""

import importlib
from time import perf_counter


def warm() -> float:
    """Import, and so compile or load from the cache, all kernels; returns seconds."""
    began = perf_counter()
    importlib.import_module("models.mixture")
    return perf_counter() - began


if __name__ == "__main__":
    print(f"kernels ready in {warm():.1f} s")  # noqa: T201
