"""Files that cannot be read as a history: the first bad line is named."""

import csv
import gzip
import re
from pathlib import Path

import pytest

from models.dataset_files import read_dataset
from models.errors import DataError

pl = pytest.importorskip("polars", reason="needs the extra: pip install 'headwater[train]'")

from models.dataset_files.users import read_profiles  # noqa: E402


@pytest.mark.parametrize(
    ("name", "row", "why"),
    [
        ("e.csv", b"1,2,like,3,4,5\n", "line 4 has 6 cells, the header 4"),
        ("e.csv", b"\xe9,2,like,3\n", "line 4 is not UTF-8: byte 0xe9"),
        ("e.csv", b'1,"2"x,like,3\n', "line 4 begins no row of CSV: ',' expected after"),
        ("e.csv", b'1,"2,like,3\n', "line 4 begins no row of CSV: unexpected end of data"),
        ("e.csv.gz", b"1,2,like,3,4,5\n", "line 4 has 6 cells, the header 4"),
        ("e.jsonl", b'{"user_id": 1, "item', "line 2 is no JSON object: Unterminated string"),
        ("e.jsonl.gz", b"7\n", "line 2 is no JSON object: it has no fields"),
    ],
)
def test_the_first_bad_line_is_named_and_what_to_do(
    tmp_path: Path, name: str, row: bytes, why: str
) -> None:
    """A row of CSV counts by the line on which it begins; half a last line refuses the file."""
    good = b'{"user_id": 1, "item_id": 2, "type": "like", "timestamp": 3}\n'
    if ".csv" in name:
        good = b'user_id,item_id,type,timestamp\n1,"2\n3",like,3\n'
    after = b"1,2,like,3\n" if ".csv" in name else b""
    packed = gzip.compress if name.endswith(".gz") else bytes
    (tmp_path / name).write_bytes(packed(good + row + after))
    with pytest.raises(DataError) as caught:
        read_dataset(tmp_path / name)
    said = str(caught.value)
    assert said.startswith(f"{tmp_path / name} cannot be read: {why}")
    assert said.endswith("; mend or remove it, or let `headwater convert` leave such lines out.")


@pytest.mark.parametrize(
    ("name", "content", "place"),
    [
        ("u.csv", 'user_id,attributes\n1,"{\n}"\n\n2,oops\n', "u.csv, line 5"),
        ("u.jsonl", '{"user_id":1}\n\n{"user_id":2,"attributes":7}\n', "u.jsonl, line 3"),
    ],
)
def test_a_cell_that_is_none_is_told_by_its_line(
    tmp_path: Path, name: str, content: str, place: str
) -> None:
    """Where the row begins, whatever lines stand before it; in Parquet by its row."""
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=re.escape(f"{tmp_path}/{place}: attributes ")):
        read_profiles(tmp_path / name)
    table = pl.DataFrame({"user_id": [1, 2], "attributes": ["{}", "oops"]})
    table.write_parquet(tmp_path / "u.parquet")
    with pytest.raises(DataError, match=r"u\.parquet, row 2: attributes should be JSON"):
        read_profiles(tmp_path / "u.parquet")


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("2,oops\n", ", line 3: attributes should be JSON"),
        ("2,{},3,4\n", " cannot be read: line 3 has 4 cells, the header 2"),
    ],
)
def test_a_long_cell_is_not_to_blame(tmp_path: Path, row: str, told: str) -> None:
    """Longer than Python's csv would have it, whose limit is as before afterwards."""
    long = f'1,"{{""about"": ""{"x" * 140_000}""}}"\n'
    (tmp_path / "u.csv").write_text(f"user_id,attributes\n{long}{row}")
    others = csv.field_size_limit(131_072)  # Python's own, whatever tests before this one set
    try:
        with pytest.raises(DataError, match=re.escape(f"{tmp_path}/u.csv{told}")):
            read_profiles(tmp_path / "u.csv")
    finally:
        left = csv.field_size_limit(others)
    assert left == 131_072
