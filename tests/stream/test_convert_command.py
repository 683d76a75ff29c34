"""`headwater convert` as a process: what it prints, what it leaves behind, what it needs."""

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stream.cli import main

HEADER = b"uid,item_id,type,shop\n"
ROOT = Path(__file__).parents[2]


def start(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Start the command in a folder, with pipes."""
    return subprocess.Popen(
        [sys.executable, "-m", "stream.cli", "convert", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "120"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_a_conversion_from_standard_input_tells_what_it_did(tmp_path: Path) -> None:
    """A table of what was left out, and sentences on types (of what is written) and columns."""
    process = start(
        tmp_path, "-", "--from", "csv", "--out", "o.jsonl", "--type", "see=view", "--map",
        "user_id=uid", "--report", "r.json",
    )  # fmt: skip
    out, err = process.communicate(HEADER + b"u,i,see,1\nu,i,see,1\nu,i,[/x],1\n")
    assert (process.returncode, err) == (0, b"")
    told = out.decode()
    assert "1 of 3 rows are in o.jsonl" in told
    assert "duplicate" in told
    assert "the type [/x] is not known" in told
    assert "Types: see → view 1." in told
    assert "Columns left out (--keep takes them): shop." in told
    assert json.loads((tmp_path / "o.jsonl").read_text()) == {
        "user_id": "u", "item_id": "i", "type": "view",
    }  # fmt: skip
    assert json.loads((tmp_path / "r.json").read_text())["duplicates"] == 1


def test_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    """Neither half an output under its name, nor what was written so far under another."""
    process = start(
        tmp_path,
        "-",
        "--from",
        "csv",
        "--out",
        "o.csv",
        "--map",
        "user_id=uid",
        "--rejects",
        "r.jsonl",
    )
    assert process.stdin is not None
    process.stdin.write(HEADER + b"".join(b"u,i%d,view,\n" % number for number in range(20_000)))
    process.stdin.flush()
    deadline = time.monotonic() + 20
    while not list(tmp_path.glob(".o.csv.*.part")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130
    assert list(tmp_path.iterdir()) == []
    process.communicate()


def test_a_file_of_any_size_takes_the_same_memory(tmp_path: Path) -> None:
    """A file of 50 MB takes at most 20 MB more at its peak than one of 4 MB."""
    small, large = (_peak_memory(tmp_path, rows) for rows in (2000, 25_000))
    assert large - small < 20_000, (small, large)


def _peak_memory(folder: Path, rows: int) -> int:
    """Convert a file of 2 kB rows; the process's peak in kB."""
    path = folder / f"{rows}.jsonl.gz"
    with gzip.open(path, "wb", 1) as file:
        for number in range(rows):
            event = {"user_id": number, "item_id": 1, "type": "view", "context": {"x": "y" * 2000}}
            file.write(json.dumps(event).encode() + b"\n")
    code = (
        "import resource, sys; from stream.cli import main;"
        "code = main(sys.argv[1:]); print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss);"
        "sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "convert", str(path), "--from", "jsonl", "--out",
         str(folder / f"{rows}.parquet")],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )  # fmt: skip
    return int(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    ("arguments", "said", "code"),
    [
        (["--from", "xml", "--out", "o.csv"], "--from needs one of movielens, gorse", 2),
        (["--from", "csv", "--out", "o.csv", "--as", "lists"], "--as needs one of events", 2),
        (["--from", "csv", "--out", "o.csv", "--map", "user_id"], "--map needs A=B", 2),
        (["--from", "csv", "--out", "o.csv", "--type", "see=stare"], "stare is no event type", 2),
        (["--from", "csv", "--out", "o.csv", "--values", "5"], "--values needs LOW:HIGH", 2),
        (["--from", "csv", "--out", "o.csv", "--values", "5:1"], "LOW below HIGH", 2),
        (["--from", "csv", "--out", "o.csv", "--delimiter", ""], "needs one sign", 2),
        (["--from", "gorse", "--out", "o.csv", "--map", "a=b"], "--map and --keep are for csv", 2),
        (["--from", "csv"], "Missing option '--out'", 2),
        (["--from", "csv", "--out", "o.csv"], "No such file", 2),
    ],
)
def test_wrong_use_is_one_sentence(
    arguments: list[str], said: str, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It names what was required and what came."""
    assert main(["convert", str(tmp_path / "none.csv"), *arguments]) == code
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1


def test_full_disk_exits_with_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Something outside failed."""
    (tmp_path / "in.csv").write_bytes(b"user_id,item_id,type\n" + b"u,i,view\n")
    (tmp_path / "full.csv").symlink_to("/dev/full")
    arguments = [str(tmp_path / "in.csv"), "--from", "csv", "--out", str(tmp_path / "full.csv")]
    assert main(["convert", *arguments]) == 1
    assert "full.csv cannot be written: No space left on device" in capsys.readouterr().err
