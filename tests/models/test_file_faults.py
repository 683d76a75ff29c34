"""Files that cannot be read as a history: the first bad line is named."""

import gzip
from pathlib import Path

import pytest

pytest.importorskip("polars", reason="needs the extra: pip install 'headwater[train]'")

from models.dataset_files import read_dataset
from models.errors import DataError


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
