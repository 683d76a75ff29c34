"""Facts about the machine and the software, which figures mean little without."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

_CPUINFO = Path("/proc/cpuinfo")
_LIBRARIES = ("headwater", "aiokafka", "faust-streaming", "numpy", "numba", "rocksdict")


def facts() -> dict[str, Any]:
    """Processor, cores, load of now, versions."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "load_before": load(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in _LIBRARIES},
    }


def load() -> list[float]:
    """How many processes ran or wanted to, of late: means of 1, 5 and 15 minutes."""
    return [round(mean, 2) for mean in os.getloadavg()]


def resident_bytes(pid: int) -> int:
    """The memory of a process."""
    shown = subprocess.run(
        ["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=True
    )
    return 1024 * int(shown.stdout)


def _processor() -> str:
    if _CPUINFO.is_file():
        for line in _CPUINFO.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
