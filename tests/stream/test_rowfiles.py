"""Files of events and items: three formats, the same rows; what is wrong is named."""

import csv
import gzip
import json
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stream.errors import InputFileError
from stream.foreign import Kind
from stream.rowfiles import LONGEST_CELL, RowFile
from stream.schemas import Rejected

CSV = "user_id,item_id,type,value,timestamp\nann,5,rate,4.5,1700000000000\nbob,6,like,,\n"
ROWS = [
    {"user_id": "ann", "item_id": "5", "type": "rate", "value": 4.5, "timestamp": 1700000000000},
    {"user_id": "bob", "item_id": "6", "type": "like"},
]


def read(path: Path, kind: Kind = "events") -> list[object]:
    """Each row's fields, or its Rejected."""
    return [row if isinstance(row, Rejected) else json.loads(row) for _, row in RowFile(path, kind)]


def test_all_formats_give_the_same_rows(tmp_path: Path) -> None:
    """CSV, JSON Lines, both compressed, and Parquet; empty cells and nulls are absent fields."""
    lines = "\n".join(json.dumps(row) for row in ROWS)
    (tmp_path / "a.csv").write_text(CSV)
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(CSV.encode()))
    (tmp_path / "a.jsonl").write_text(lines + "\n\n")
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "a.parquet")
    for name in ("a.csv", "a.csv.gz", "a.jsonl", "a.jsonl.gz", "a.parquet"):
        assert read(tmp_path / name) == ROWS, name


def test_rows_are_numbered_as_an_editor_numbers_lines(tmp_path: Path) -> None:
    """The header and empty lines count; in Parquet the first row is 1."""
    (tmp_path / "a.csv").write_text(CSV)
    (tmp_path / "a.jsonl").write_text('\n{"user_id":"a"}\n')
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "a.parquet")
    assert [number for number, _ in RowFile(tmp_path / "a.csv", "events")] == [2, 3]
    assert [number for number, _ in RowFile(tmp_path / "a.jsonl", "events")] == [2]
    assert [number for number, _ in RowFile(tmp_path / "a.parquet", "events")] == [1, 2]


def test_cells_with_structure(tmp_path: Path) -> None:
    """Categories are separated by |, embeddings and attributes are JSON, available is a truth."""
    (tmp_path / "a.csv").write_text(
        "item_id,title,categories,embedding,attributes,available\n"
        '1,"One, two",a|b,"[1, 2]","{""year"": 1999}",false\n'
    )
    assert read(tmp_path / "a.csv", "items") == [
        {
            "item_id": "1",
            "title": "One, two",
            "categories": ["a", "b"],
            "embedding": [1, 2],
            "attributes": {"year": 1999},
            "available": False,
        }
    ]


def test_bad_cells_reject_their_row_only(tmp_path: Path) -> None:
    """A number that is none is left for the schema; broken JSON and extra cells are rejected."""
    (tmp_path / "a.csv").write_text(
        "user_id,type,value,context\na,rate,four,\na,rate,nan,\na,rate,4,{\na,rate,4,{},5\na,rate,4,\n"
    )
    rows = read(tmp_path / "a.csv")
    assert rows[0] == {"user_id": "a", "type": "rate", "value": "four"}
    assert [row.reason for row in rows if isinstance(row, Rejected)] == [
        "value",
        "schema",
        "schema",
    ]
    assert rows[4] == {"user_id": "a", "type": "rate", "value": 4.0}


def test_parquet_times_without_a_zone_are_utc(tmp_path: Path) -> None:
    """Most writers leave the zone out."""
    row = {"user_id": "a", "type": "like", "timestamp": datetime(2024, 1, 2, 3)}  # noqa: DTZ001
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet") == [row | {"timestamp": "2024-01-02T03:00:00Z"}]


def test_times_of_users_and_finer_than_microseconds(tmp_path: Path) -> None:
    """An attribute's zone is UTC, too, where it has none; what Python cannot hold is cut off."""
    table = {
        "user_id": ["a"],
        "since": pa.array([946_684_800_000_000_001], pa.timestamp("ns")),
        "seen": pa.array([946_684_800_000], pa.timestamp("ms", "Europe/Zurich")),
    }
    pq.write_table(pa.table(table), tmp_path / "a.parquet")
    times = {"since": "2000-01-01T00:00:00Z", "seen": "2000-01-01T01:00:00+01:00"}
    assert read(tmp_path / "a.parquet", "users") == [{"user_id": "a", "attributes": times}]


@pytest.mark.parametrize(
    ("column", "said"),
    [
        (pa.array([b"\xff"]).view(pa.string()), "can't decode byte 0xff"),
        (pa.array([2**62], pa.timestamp("us")), "out of range"),
    ],
)
def test_a_cell_of_parquet_that_python_cannot_hold(
    column: pa.Array, said: str, tmp_path: Path
) -> None:
    """Text that is not UTF-8, a time after the year 9999: a sentence that names the file."""
    pq.write_table(pa.table({"user_id": ["a"], "x": column}), tmp_path / "a.parquet")
    with pytest.raises(InputFileError, match=rf"a\.parquet cannot be read: .*{said}"):
        read(tmp_path / "a.parquet", "users")


def test_a_long_cell_is_read_whatever_was_read_before(tmp_path: Path) -> None:
    """Up to the limit of convert's own CSV; the csv module has one for the whole process."""
    (tmp_path / "a.csv").write_text(f"user_id,type,query\na,search,{'x' * 200_000}\n")
    csv.field_size_limit(131_072)
    assert read(tmp_path / "a.csv") == [{"user_id": "a", "type": "search", "query": "x" * 200_000}]


def test_the_fraction_ends_at_one(tmp_path: Path) -> None:
    """Progress goes from 0 to 1, also when read a second time."""
    (tmp_path / "a.csv").write_text(CSV)
    file = RowFile(tmp_path / "a.csv", "events")
    for _ in range(2):
        assert file.fraction in {0.0, 1.0}
        assert len(list(file)) == 2
        assert file.fraction == 1.0


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.txt", b"", r"not \.jsonl, \.csv"),
        ("a.gz", b"", r"not \.jsonl, \.csv"),
        ("a.csv", b"userId,movieId\n1,2\n", "lacks user_id, type, which events need"),
        ("b.csv", b"", "lacks user_id, type"),
        ("a.csv.gz", b"no gzip", "cannot be read"),
        ("b.csv.gz", gzip.compress(CSV.encode())[:-12], "cannot be read"),
        ("c.csv", b"user_id,type\n\xff,like\n", "line 2, is not UTF-8: byte 0xff"),
        ("d.csv", b"user_id,type\nann," + b"x" * (LONGEST_CELL + 1), "line 2: field larger than"),
        ("a.parquet", b"no parquet", "cannot be read"),
    ],
)
def test_an_unreadable_file_is_one_sentence(
    name: str, content: bytes, said: str, tmp_path: Path
) -> None:
    """Wrong ending, wrong columns, broken compression: the sentence names the file."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputFileError, match=said) as caught:
        read(tmp_path / name)
    assert name in str(caught.value)


def test_no_such_file(tmp_path: Path) -> None:
    """A missing file is named, and a folder."""
    with pytest.raises(InputFileError, match="is not a file"):
        RowFile(tmp_path / "a.csv", "events")
    with pytest.raises(InputFileError, match="is a folder, not a file"):
        RowFile(tmp_path, "events")


def test_a_tables_other_columns_are_attributes_of_its_users(tmp_path: Path) -> None:
    """In CSV and Parquet alike, beside those that `attributes` holds."""
    (tmp_path / "u.csv").write_text('user_id,age,attributes\nann,25,"{""plan"":""free""}"\nbob,,\n')
    rows = [{"user_id": "ann", "age": 25, "attributes": '{"plan":"free"}'}, {"user_id": "bob"}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "u.parquet")
    for name in ("u.csv", "u.parquet"):
        ann = {"user_id": "ann", "attributes": {"age": 25, "plan": "free"}}
        assert read(tmp_path / name, "users") == [ann, {"user_id": "bob"}], name


def test_attributes_that_are_null_leave_the_other_columns(tmp_path: Path) -> None:
    """A null is an absent field; what is no object stays, for the schema to refuse."""
    (tmp_path / "u.csv").write_text("user_id,age,attributes\nann,3,null\nbob,,null\neve,3,7\n")
    ann = {"user_id": "ann", "attributes": {"age": 3}}
    eve = {"user_id": "eve", "attributes": 7}
    assert read(tmp_path / "u.csv", "users") == [ann, {"user_id": "bob"}, eve]
