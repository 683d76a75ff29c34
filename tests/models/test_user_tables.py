"""Tables of users, whose columns are attributes: in training, and as replay sends them."""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from stream.decode import decode_profiles
from stream.rowfiles import RowFile
from stream.schemas import Profile

pl = pytest.importorskip("polars", reason="needs the extra: pip install 'headwater[train]'")

from models.dataset_files.users import read_profiles  # noqa: E402


def write(path: Path, columns: Mapping[str, Sequence[object]]) -> Path:
    """Write a table as CSV or Parquet."""
    frame = pl.DataFrame(columns)
    if path.suffix == ".csv":
        frame.write_csv(path)
    else:
        frame.write_parquet(path)
    return path


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_a_tables_other_columns_are_attributes_of_its_users(tmp_path: Path, ending: str) -> None:
    """Numbers where they look so, empty cells nothing; in JSON Lines other fields stay unknown."""
    columns = {"user_id": ["ann", "bob"], "age": ["25", None], "country": ["CH", "FR"]}
    path = write(tmp_path / f"users{ending}", columns)
    assert read_profiles(path) == {"ann": {"age": 25.0, "country": "CH"}, "bob": {"country": "FR"}}
    lines = tmp_path / "users.jsonl"
    lines.write_text('{"user_id": "ann", "age": 25}\n')
    assert read_profiles(lines) == {"ann": {}}


CELLS = ["25", " 2.5 ", "nan", "inf", "-Infinity", "1e999", "CH", "", None, "true", "007", "a|b"]
COLUMNS = {
    "age": CELLS,
    "available": CELLS,  # a field of items, and a column like others of users
    "income": [1.5, math.nan, math.inf, -math.inf, 0.0, None, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0],
    "visits": [1, 2, None, 4, 5, 6, 7, 8, 9, 10, 11, 12],
    "member": [True, False, None, True, False, True, False, True, False, True, False, True],
    "tags": [["a"], [], None, ["b"], *[["c", "d"]] * 8],
    "since": [datetime(2000, 1, 1, 0, 0, second) for second in range(12)],  # noqa: DTZ001
    "seen": [datetime(2000, 1, 1, hour, tzinfo=UTC) for hour in range(12)],
    "born": [date(1970, 1, 1 + day) for day in range(12)],
    "attributes": ['{"age": 1}', "{}", "null", *[None] * 9],
}


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_a_table_of_users_means_the_same_in_training_and_on_the_wire(
    tmp_path: Path, ending: str
) -> None:
    """Cells that are no number to count with are absent in both."""
    columns = {k: v for k, v in COLUMNS.items() if not (ending == ".csv" and k == "tags")}
    users = [f"u{number}" for number in range(len(CELLS))]
    path = write(tmp_path / f"users{ending}", {"user_id": users, **columns})
    rows = [row for _, row in RowFile(path, "users")]
    profiles = decode_profiles([row for row in rows if isinstance(row, bytes)])
    sent = {one.user_id: one.attributes for one in profiles if isinstance(one, Profile)}
    assert sent == read_profiles(path)
    assert sent["u0"] == sent["u0"] | {"age": 1, "available": 25, "income": 1.5}
    assert all({"age", "available"}.isdisjoint(sent[user]) for user in ("u2", "u3", "u5", "u7"))
    if ending == ".parquet":  # which knows of times; a zone that is not there is UTC
        assert (sent["u5"]["since"], sent["u5"]["seen"], sent["u5"]["born"]) == (
            "2000-01-01T00:00:05Z",
            "2000-01-01T05:00:00Z",
            "1970-01-06",
        )
    assert "income" in sent["u4"]
    assert all("income" not in sent[user] for user in ("u1", "u2", "u3", "u5"))
