"""What is wrong with a file or an output is one sentence, and nothing half stays behind."""

import gzip
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.conversions import converted

from stream.convert.records import LONGEST_LINE
from stream.errors import InputFileError, OutputFileError, UsageError

ROOT = Path(__file__).parents[2]
CSV = "user_id,item_id,type\nu,i,view\n"
JSONL = '{"user_id":"u","item_id":"i","type":"view"}\n'


def parquet(folder: Path) -> bytes:
    """A small Parquet file."""
    path = folder / "small.parquet"
    pq.write_table(pa.table({"user_id": ["u"], "item_id": ["i"], "type": ["view"]}), path)
    return path.read_bytes()


@pytest.mark.parametrize(
    ("form", "content", "said"),
    [
        ("csv", JSONL, "is JSON Lines, not CSV: use --from jsonl"),
        ("jsonl", CSV, "is not JSON Lines: it begins with 'user_id,item_id,type'; use --from csv"),
        ("jsonl", "[" + JSONL.strip() + "]", "is a JSON array; JSON Lines are needed: `jq"),
        ("metarank", CSV, "is not JSON Lines"),
        ("metarank", JSONL, "no record has event; it has user_id, item_id, type"),
        ("gorse", JSONL.replace("type", "t"), "is not Gorse's feedback: it lacks FeedbackType"),
        ("gorse", "a,b\n1,2\n", "lacks FeedbackType, UserId, ItemId; it has a, b"),
        ("parquet", CSV, "is no Parquet that can be read"),
        ("csv", "uid,iid\n1,2\n", "lacks type, which events need|lacks user_id"),
        ("csv", "user_id,user_id\n1,2\n", "has more than one column 'user_id'"),
        ("csv", "\n\n", "has no line of columns' names"),
        ("csv", "user_id,item_id,type\n", "holds no rows"),
        ("csv", "user_id,item_id,type\nu,i,stare\n", r"Nothing of .* for type 1; row 2"),
        ("csv", "", "is empty"),
        ("jsonl", "", "is empty"),
        ("parquet", "", "is empty"),
        ("csv", "PK\x03\x04rest", "is a zip archive: unpack it first"),
        ("csv", "user_id\x00,", "is no text"),
    ],
)  # fmt: skip
def test_a_file_of_another_kind_than_named(
    form: str, content: str, said: str, tmp_path: Path
) -> None:
    """The sentence says what it is, and there is no output."""
    path = tmp_path / "in.file"
    path.write_bytes(content.encode())
    with pytest.raises(InputFileError, match=said):
        converted(path, form)
    assert [one.name for one in tmp_path.iterdir()] == ["in.file"]


@pytest.mark.parametrize("form", ["csv", "jsonl", "gorse", "metarank"])
def test_parquet_under_another_name(form: str, tmp_path: Path) -> None:
    """It says so itself."""
    path = tmp_path / "in.file"
    path.write_bytes(parquet(tmp_path))
    with pytest.raises(InputFileError, match="is Parquet: use --from parquet"):
        converted(path, form)


@pytest.mark.parametrize("name", ["ratings.csv", "u.data", "ratings.dat"])
def test_a_file_called_as_movielens_that_is_another(name: str, tmp_path: Path) -> None:
    """Its columns are not MovieLens'."""
    (tmp_path / name).write_text(CSV)
    with pytest.raises(InputFileError, match=f"is not MovieLens' {name}"):
        converted(tmp_path, "movielens")
    (tmp_path / "other.csv").write_text(CSV)
    with pytest.raises(InputFileError, match="is not called as a file of MovieLens"):
        converted(tmp_path / "other.csv", "movielens")


def test_folders_and_files_that_are_not_there(tmp_path: Path) -> None:
    """Each is named."""
    with pytest.raises(InputFileError, match="holds none of "):
        converted(tmp_path, "movielens")
    with pytest.raises(InputFileError, match=r"holds none of feedback\.jsonl, feedback\.csv"):
        converted(tmp_path, "gorse")
    with pytest.raises(InputFileError, match="is a folder"):
        converted(tmp_path, "csv")
    with pytest.raises(InputFileError, match="No such file"):
        converted(tmp_path / "none.csv", "csv")
    (tmp_path / "there.jsonl").touch()
    with pytest.raises(InputFileError, match="No such file"):
        converted(tmp_path / "none.csv", "csv", out="there.jsonl", overwrite=True)


@pytest.mark.parametrize(
    ("form", "whole", "half", "reason"),
    [
        ("jsonl", JSONL, '{"user_id":"u","it', "json"),
        ("csv", CSV, "u,", "schema"),
        ("metarank", '{"event":"user","id":"1","user":"u"}\n' + JSONL, '{"event":"in', "json"),
    ],
)
def test_half_a_line_at_the_end(
    form: str, whole: str, half: str, reason: str, tmp_path: Path
) -> None:
    """The lines before it are kept, the half is named, and the missing newline is noted."""
    path = tmp_path / "in.file"
    path.write_text(whole + half)
    kind = "users" if form == "metarank" else "events"
    report, written = converted(path, form, kind=kind)
    assert len(written) == 1
    example = report.dropped[reason].examples[-1]
    assert example["row"] == len((whole + half).splitlines())
    assert example["error"].endswith("the last line is cut off")
    assert any("does not end with a newline" in note for note in report.notes)


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_lines_of_another_encoding_are_left_out_or_read_by_it(form: str, tmp_path: Path) -> None:
    """A line that is not UTF-8 is named; --encoding reads them all."""
    lines = ["Ann", "Zoë", "Bob"]
    path = tmp_path / "in.file"
    if form == "csv":
        content = "user_id,item_id,type\n" + "".join(f"{name},i,view\n" for name in lines)
    else:
        content = "".join(JSONL.replace('"u"', f'"{name}"') for name in lines)
    path.write_bytes(content.encode("iso-8859-1"))
    report, events = converted(path, form, rejects=tmp_path / "r.jsonl")
    assert [event["user_id"] for event in events] == ["Ann", "Bob"]
    assert report.dropped["encoding"].rows == 1
    assert "Zo\ufffd" in json.loads((tmp_path / "r.jsonl").read_text())["record"]
    events = converted(path, form, encoding="iso-8859-1", out="b.jsonl")[1]
    assert [event["user_id"] for event in events] == lines


def test_utf_16_is_named_and_read(tmp_path: Path) -> None:
    """As a spreadsheet may write it."""
    path = tmp_path / "in.csv"
    path.write_text(CSV, encoding="utf-16")
    with pytest.raises(InputFileError, match="is UTF-16: use --encoding utf-16"):
        converted(path, "csv")
    assert len(converted(path, "csv", encoding="utf-16")[1]) == 1
    with pytest.raises(InputFileError, match="unknown encoding: utf-99"):
        converted(path, "csv", encoding="utf-99", out="b.jsonl")


def test_a_line_without_an_end_is_not_held(tmp_path: Path) -> None:
    """It is skipped, whatever its length, and what follows is read."""
    path = tmp_path / "in.jsonl"
    path.write_text(
        JSONL + '{"user_id":"' + "x" * (2 * LONGEST_LINE) + '"}\n' + JSONL.replace('"u"', '"v"')
    )
    report, events = converted(path, "jsonl")
    assert [event["user_id"] for event in events] == ["u", "v"]
    assert report.dropped["size"].examples == [
        {"row": 2, "error": f"the line has more than {LONGEST_LINE} characters"}
    ]


def test_a_message_that_kafka_would_not_take_is_left_out(tmp_path: Path) -> None:
    """`replay` would refuse it."""
    path = tmp_path / "in.jsonl"
    path.write_text(JSONL + JSONL.replace("}", ',"query":"' + "x" * 1_048_576 + '"}'))
    report, events = converted(path, "jsonl")
    assert len(events) == 1
    assert report.dropped["size"].rows == 1


STRAY = 'u,"i,view\n'


@pytest.mark.parametrize(
    "after",
    [
        "",
        "v,j,view\n",
        ("v," + "j" * 250 + ",view\n") * 4500,  # more than a row may have
        'v,"j",view\n',  # the next quote is no end of a cell
        'v,"j""j",view\n',
        STRAY + "v,j,view\n",
        'v,"j\nj",view\n',  # a cell of two lines that are one
        "v," + "x" * (LONGEST_LINE + 1) + ",view\n" + "v,j,view\n",
    ],
    ids=["last", "one", "many", "quoted", "doubled", "twice", "newline", "too long"],
)
def test_a_stray_quote_costs_its_own_line(after: str, tmp_path: Path) -> None:
    """Those before and after it are kept, all are counted, and none is part of a reject."""
    path = tmp_path / "in.csv"
    path.write_text(CSV + STRAY + after)
    report, events = converted(path, "csv", rejects=tmp_path / "r.jsonl", keep_duplicates=True)
    rows = [row for row in after.replace("j\nj", "jj").splitlines() if row.endswith(",view")]
    stray, long = rows.count(STRAY.strip()), sum(len(row) > LONGEST_LINE for row in rows)
    assert len(events) == 1 + len(rows) - stray - long
    assert report.rows == 2 + len(rows)
    assert report.dropped["schema"].rows == 1 + stray
    assert report.dropped["schema"].examples[0]["row"] == 3
    first, *_ = (tmp_path / "r.jsonl").read_text().splitlines()
    assert json.loads(first)["record"] == STRAY.strip()


def test_quoted_newlines_are_part_of_their_cell(tmp_path: Path) -> None:
    """Also with quotes and separators among them; rows after them keep their numbers."""
    path = tmp_path / "in.csv"
    text = 'one\n\n"two", three\n'
    path.write_text(CSV + 'u,"' + text.replace('"', '""') + '",view\nu,i,stare\n')
    report, events = converted(path, "csv")
    assert events[1]["item_id"] == text.strip()
    assert report.dropped["type"].examples[0]["row"] == 7


@pytest.mark.parametrize("form", ["csv", "jsonl"])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-16"])
def test_a_line_of_utf_16_costs_itself(form: str, encoding: str, tmp_path: Path) -> None:
    """The lines around it are kept, though half a sign of its end stands before the next one."""
    before, line = (CSV, "v,i,view\n") if form == "csv" else (JSONL, JSONL.replace('"u"', '"v"'))
    after = line.replace("v", "w", 1) if form == "csv" else line.replace('"v"', '"w"')
    path = tmp_path / "in.file"
    path.write_bytes(before.encode() + line.encode(encoding) + b"\xff\0\1\n" + after.encode())
    report, events = converted(path, form)
    assert [event["user_id"] for event in events] == ["u", "w"]
    assert report.dropped["encoding"].rows == 2


@pytest.mark.parametrize("content", [b"\x1f\x8bno gzip", gzip.compress(CSV.encode() * 99)[:-20]])
def test_broken_compression(content: bytes, tmp_path: Path) -> None:
    """What is missing may be most of the file: nothing is written."""
    path = tmp_path / "in.csv.gz"
    path.write_bytes(content)
    with pytest.raises(InputFileError, match="cannot be read"):
        converted(path, "csv")
    assert [one.name for one in tmp_path.iterdir()] == ["in.csv.gz"]


def test_outputs_that_are_there_or_cannot_be(tmp_path: Path) -> None:
    """Nothing is replaced unasked, and the input never."""
    path = tmp_path / "in.csv"
    path.write_text(CSV)
    (tmp_path / "there.jsonl").write_text("old")
    with pytest.raises(UsageError, match=r"there\.jsonl is there already; --overwrite"):
        converted(path, "csv", out="there.jsonl")
    assert (tmp_path / "there.jsonl").read_text() == "old"
    assert len(converted(path, "csv", out="there.jsonl", overwrite=True)[1]) == 1
    with pytest.raises(UsageError, match=r"needs to end in \.jsonl"):
        converted(path, "csv", out="out.txt")
    with pytest.raises(UsageError, match="there is no folder"):
        converted(path, "csv", out="none/out.csv")
    with pytest.raises(UsageError, match="is the input itself"):
        converted(path, "csv", out="in.csv", overwrite=True)
    with pytest.raises(UsageError, match="need to be different files"):
        converted(path, "csv", out="o.jsonl", report=tmp_path / ".." / tmp_path.name / "o.jsonl")


@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz", "csv", "parquet"])
def test_a_full_disk(ending: str, tmp_path: Path) -> None:
    """One sentence, and no half file, for the output, the report and the rejects."""
    path = tmp_path / "in.csv"
    path.write_text(CSV + "".join(f"u,i{number},view\n" for number in range(3000)) + "u,\n")
    full = tmp_path / f"full.{ending}"
    full.symlink_to("/dev/full")
    with pytest.raises(OutputFileError, match=f"full.{ending} cannot be written: No space left"):
        converted(path, "csv", out=full.name)
    for side in ("report", "rejects"):
        with pytest.raises(OutputFileError, match=f"full.{ending} cannot be written: No space"):
            converted(path, "csv", out=f"{side}.{ending}", **{side: full})
    assert {one.name for one in tmp_path.iterdir()} == {"in.csv", full.name}


@pytest.mark.parametrize("kilobytes", [0, 128])
def test_no_room_for_what_was_seen(kilobytes: int, tmp_path: Path) -> None:
    """Neither at the start nor later, when it cannot even be closed: one sentence all the same."""
    (tmp_path / "in.csv").write_text(CSV + "".join(f"u,i{n},view\n" for n in range(20_000)))
    command = f"{sys.executable} -m stream.cli convert in.csv --from csv --out o.jsonl"
    done = subprocess.run(
        ["bash", "-c", f"ulimit -f {kilobytes}; exec {command}"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"headwater: [^\n]* cannot be (kept|written)[^\n]*\n", done.stderr)
    assert [one.name for one in tmp_path.iterdir()] == ["in.csv"]
