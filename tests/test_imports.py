"""The layers: models imports neither other package, stream neither but in stream/cli.

And what serves imports nothing that training alone needs.
"""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FORBIDDEN = {"models": {"stream", "agents"}, "stream": {"models", "agents"}, "agents": set()}

TRAINING = {  # the extra `train`
    "torch", "polars", "matplotlib", "implicit", "optuna", "plotly", "scipy",
}  # fmt: skip
TRAINERS = (
    "models/training", "models/evaluation", "models/dataset_files", "models/meta/training",
    "models/search",
)  # fmt: skip


def imported(path: Path) -> set[str]:
    """Top-level names that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("package", FORBIDDEN)
def test_no_package_imports_what_stands_above_it(package: str) -> None:
    """A forbidden import anywhere in the package fails here, with its file."""
    files = [
        path
        for path in (ROOT / package).rglob("*.py")
        if not path.is_relative_to(ROOT / "stream" / "cli")
    ]
    assert files
    wrong = {str(path.relative_to(ROOT)): imported(path) & FORBIDDEN[package] for path in files}
    assert {name: found for name, found in wrong.items() if found} == {}


@pytest.mark.parametrize("package", FORBIDDEN)
def test_only_training_and_evaluation_import_what_the_extra_brings(package: str) -> None:
    """A worker is installed without the extra: not even a late import may ask for it."""
    wrong = {
        name: imported(path) & TRAINING
        for path in (ROOT / package).rglob("*.py")
        if not (name := path.relative_to(ROOT).as_posix()).startswith(TRAINERS)
    }
    assert {name: found for name, found in wrong.items() if found} == {}


@pytest.mark.parametrize("package", FORBIDDEN)
def test_imports_are_absolute(package: str) -> None:
    """Relative imports would escape the rule above."""
    relative = [
        str(path.relative_to(ROOT))
        for path in (ROOT / package).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert relative == []
