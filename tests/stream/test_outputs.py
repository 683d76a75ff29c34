"""What commands write takes no other file's place, and appears whole or not at all."""

import os
from pathlib import Path
from typing import IO

import pytest
from support.commands import ratings

pytest.importorskip("polars", reason="needs the extra: pip install 'headwater[train]'")

from stream.cli import INTERRUPTED, contest, main


@pytest.fixture
def events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A few ratings, in the folder where the command is given, with other names for them."""
    monkeypatch.chdir(tmp_path)
    path = ratings(Path("e.csv"), lambda n: n * 11 % 31)
    Path("link.csv").symlink_to(path)
    Path("hard.csv").hardlink_to(path)
    Path("folder").mkdir()
    Path("best.toml").write_text('learner = "counters"\n[settings]\n')
    return path


def contents(folder: Path) -> dict[str, bytes]:
    """All that lies there."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("evaluate --json e.csv", "--json e.csv is the same file as that of --events"),
        ("evaluate --ranks folder/../e.csv", "is the same file as that of --events"),
        ("evaluate --ranks link.csv", "is the same file as that of --events"),
        ("evaluate --ranks hard.csv", "is the same file as that of --events"),
        ("evaluate --users u.csv --json u.csv", "is the same file as that of --users"),
        ("evaluate --json best.toml --settings best.toml", "as that of --settings"),
        ("evaluate --protocol user-cold --queries q --json q", "as that of --queries"),
        ("evaluate --json x --ranks folder/../x", "is the same file as that of --json"),
        ("evaluate --json x --plot x", "--plot x is the same file as that of --json"),
        ("evaluate --json folder", "cannot be written: it is a folder"),
        ("evaluate --json /proc/x.json", "--json /proc/x.json cannot be written: "),
        ("evaluate --json none/x.json", "cannot be written: there is no folder"),
        ("evaluate --ranks /dev/full", "cannot be written: it is a device or a pipe"),
        ("evaluate --plot /proc/pictures/new", "--plot /proc/pictures/new cannot be written: "),
        ("evaluate --plot e.csv/new", "--plot e.csv/new cannot be written: "),
        ("evaluate --plot best.toml", "--plot takes a folder; best.toml is a file"),
        ("evaluate --events folder", "folder is a folder, not a file"),
        ("train --out link.csv", "--out link.csv is the same file as that of --events"),
        ("train --out best.toml --settings best.toml", "as that of --settings"),
        ("train --out /dev/full", "cannot be written: it is a device or a pipe"),
        ("train --out /", "--out / cannot be written: it is a folder"),
        ("train --out /proc/x", "--out /proc/x cannot be written: "),
        ("search --out e.csv", "--out e.csv is the same file as that of --events"),
        ("search --out x --space x", "--out x is the same file as that of --space"),
        ("search --out x --storage x", "--storage x is the same file as that of --out"),
        ("search --out /dev/null", "cannot be written: it is a device or a pipe"),
        ("search --out /", "--out / cannot be written: it is a folder"),
    ],
)
def test_what_would_fail_or_destroy_is_refused(
    events: Path, command: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """By name, in one sentence, with exit code 2; and nothing has changed."""
    before = contents(Path())
    name, *flags = command.split()
    assert main([name, "--events", str(events), *flags]) == 2
    printed, told = capsys.readouterr()
    assert why in told
    assert told.count("\n") == 1
    assert not printed
    assert contents(Path()) == before
    assert Path("/dev/full").is_char_device()


@pytest.mark.usefixtures("events")
def test_a_file_that_may_only_be_read_is_not_replaced(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its folder would allow it."""
    Path("kept.json").touch()
    monkeypatch.setattr(
        os, "access", lambda path, mode: (str(path), mode) != ("kept.json", os.W_OK)
    )
    assert evaluate("--json", "kept.json") == 2
    assert "kept.json cannot be written: it may only be read.\n" in capsys.readouterr().err


def evaluate(*more: str) -> int:
    """Run the command with a fast learner."""
    return main(["evaluate", "--events", "e.csv", "--learner", "popularity", *more])


@pytest.mark.usefixtures("events")
def test_a_full_disk_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    """After the table, with exit code 1; a device is written, not replaced."""
    assert evaluate("--json", "/dev/full") == 1
    printed, told = capsys.readouterr()
    assert "popularity" in printed
    assert told.endswith("headwater: /dev/full cannot be written: No space left on device.\n")
    assert "Traceback" not in told
    assert evaluate("--json", "/dev/null") == 0
    assert Path("/dev/null").is_char_device()


@pytest.mark.usefixtures("events")
@pytest.mark.parametrize("work", ["standings", "write_ranks"])
def test_ranks_of_an_interrupted_evaluation_replace_nothing(
    work: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whenever that is; of the new ones nothing stays."""
    assert evaluate("--ranks", "ranks.parquet") == 0
    before = contents(Path())
    assert before["ranks.parquet"].endswith(b"PAR1")

    def interrupted(file: IO[bytes], *_: object) -> None:
        if work == "write_ranks":
            file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(contest, work, interrupted)
    assert evaluate("--ranks", "ranks.parquet") == INTERRUPTED
    assert contents(Path()) == before
