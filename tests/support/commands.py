"""What the tests of commands that learn of files share."""

from collections.abc import Callable
from importlib.abc import MetaPathFinder
from pathlib import Path


def ratings(path: Path, item: Callable[[int], int], events: int = 400) -> Path:
    """Write ratings of 23 users as CSV, a minute apart, the n-th of item(n); returns the path."""
    lines = ["user_id,item_id,type,value,timestamp"]
    lines += [
        f"{n * 7 % 23},{item(n)},rate,{1 + n % 5},{10**12 + n * 60_000}" for n in range(events)
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


class Absent(MetaPathFinder):
    """Finds that a library is not installed; to be the first of sys.meta_path."""

    def __init__(self, library: str) -> None:
        self.library = library

    def find_spec(self, fullname: str, path: object, target: object = None) -> None:
        """Refuse the library alone."""
        if fullname == self.library:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
