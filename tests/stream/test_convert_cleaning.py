"""What a conversion mends, what it leaves out, and how it tells both."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.conversions import converted, rows

from stream.convert.duplicates import Seen
from stream.errors import InputFileError, UsageError
from stream.rules import Rules

HEADER = "user_id,item_id,type,value,timestamp\n"
TIME = 1_714_557_600_000


def csv(folder: Path, *lines: str, header: str = HEADER) -> Path:
    """A CSV file of the lines."""
    path = folder / "in.csv"
    path.write_text(header + "".join(f"{line}\n" for line in lines))
    return path


def test_rows_alike_in_every_field_are_written_once(tmp_path: Path) -> None:
    """However they are written, and however far apart; a field that differs makes another row."""
    far = [f"u,i{number},view,,{TIME}" for number in range(2500)]
    path = csv(tmp_path, f"u,i,rate,4,{TIME}", *far, f"u,i,rate,4.0,{TIME // 1000}", "u,i,rate,5,")
    report, events = converted(path, "csv")
    assert (report.rows, report.written, report.duplicates) == (2503, 2502, 1)
    assert events[-1] == {"user_id": "u", "item_id": "i", "type": "rate", "value": 5.0}
    assert converted(path, "csv", out="all.csv", keep_duplicates=True)[0].written == 2503
    assert not list(tmp_path.glob(".headwater*"))


@settings(max_examples=10, deadline=None)
@given(st.lists(st.lists(st.binary(max_size=2), max_size=20), max_size=5))
def test_seen_agrees_with_a_set(chunks: list[list[bytes]]) -> None:
    """Within a chunk and over chunks."""
    known: set[bytes] = set()
    with Seen() as seen:
        for chunk in chunks:
            expected = []
            for record in chunk:
                expected.append(record not in known)
                known.add(record)
            assert seen.first(chunk) == expected


def test_values_and_ids_and_types_are_normalised(tmp_path: Path) -> None:
    """Decimal commas, blanks, pandas' floats, capitals, nan where no value is needed."""
    path = csv(
        tmp_path, ' u ,1.0,Rate,"4,5",2024-05-01', "v,2.0,favourite,nan,1714557600123456",
    )  # fmt: skip
    report, events = converted(path, "csv")
    assert events == [
        {"user_id": "u", "item_id": "1", "type": "rate", "value": 4.5, "timestamp": 1714521600000},
        {"user_id": "v", "item_id": "2", "type": "like", "timestamp": TIME + 123},
    ]
    assert report.mended == {
        "ids with blanks around them": 1,
        "ids written as 5.0, made 5": 2,
        "values that are not finite, left out": 1,
    }
    assert report.types == {"Rate → rate": 1, "favourite → like": 1}


def test_values_of_another_range_become_one_to_five(tmp_path: Path) -> None:
    """What lies outside of the range is left out."""
    path = csv(tmp_path, "u,i,rate,0,", "u,i,rate,50,", "u,i,rate,100,", "u,i,rate,101,")
    report, events = converted(path, "csv", values=(0.0, 100.0))
    assert [event["value"] for event in events] == [1, 3, 5]
    assert report.dropped["value"].examples[0]["error"] == "the value 101 is not in 0 to 100"


def test_a_pattern_reads_times_of_any_make(tmp_path: Path) -> None:
    """Numbers in another file of the same columns are not affected by a guess."""
    path = csv(tmp_path, "u,i,view,,01.05.2024 10:00", "u,j,view,,1.5.")
    report, [event] = converted(path, "csv", time_format="%d.%m.%Y %H:%M")
    assert event["timestamp"] == TIME
    assert report.dropped["timestamp"].rows == 1


def test_times_of_several_units_are_noted(tmp_path: Path) -> None:
    """They are understood, and may still be a mistake."""
    path = csv(tmp_path, f"u,i,view,,{TIME}", f"u,j,view,,{TIME // 1000}")
    report, events = converted(path, "csv")
    assert [event["timestamp"] for event in events] == [TIME, TIME]
    assert "The times are of several units: 1 in milliseconds, 1 in seconds." in report.notes


DROPPED: list[tuple[str, str]] = [
    (f",i,view,,{TIME}", "id"),
    (f"*,i,view,,{TIME}", "id"),
    (f"{'x' * 257},i,view,,{TIME}", "id"),
    (f"u,,view,,{TIME}", "id"),
    (f"u,i,stare,,{TIME}", "type"),
    (f"u,i,,,{TIME}", "type"),
    (f"u,i,rate,,{TIME}", "value"),
    (f"u,i,rate,four,{TIME}", "value"),
    (f"u,i,rate,inf,{TIME}", "value"),
    ("u,i,view,,soon", "timestamp"),
    ("u,i,view,,1960-01-01", "timestamp"),
    ("u,i,view,,2090-01-01", "timestamp"),
    ("u,i,view,", "schema"),
    ("u,i,view,,,,", "schema"),
]


def test_each_row_that_cannot_be_applied_has_its_reason(tmp_path: Path) -> None:
    """In the report, with its line, and in the file of rejects, with its content."""
    path = csv(tmp_path, *[line for line, _ in DROPPED], f"u,i,view,,{TIME}")
    told, rejects = tmp_path / "report.json", tmp_path / "rejects.jsonl"
    report, events = converted(path, "csv", report=told, rejects=rejects)
    assert len(events) == 1
    found = [json.loads(line) for line in rejects.read_text().splitlines()]
    assert [(one["row"], one["reason"]) for one in found] == [
        (number, reason) for number, (_, reason) in enumerate(DROPPED, 2)
    ]
    assert found[4]["record"]["type"] == "stare"
    assert "the type stare is not known: --type stare=TYPE" in found[4]["error"]
    stored = json.loads(told.read_text())
    assert stored == json.loads(json.dumps(report.as_json()))
    assert (stored["rows"], stored["written"]) == (len(DROPPED) + 1, 1)
    assert stored["dropped"]["value"]["rows"] == 3
    assert len(stored["dropped"]["id"]["examples"]) == 3


def test_items_with_cells_that_hold_no_json_are_left_out(tmp_path: Path) -> None:
    """The others are not; a | in a category would part it in CSV."""
    path = csv(
        tmp_path,
        '1,"{""a"":1}",[1],yes,a|b',
        "2,{,,,",
        '3,[],"[1,""x""]",,',
        "4,,,maybe,",
        '5,,,0,"[""a|b"", 7]"',
        header="item_id,attributes,embedding,available,categories\n",
    )  # fmt: skip
    report, items = converted(path, "csv", kind="items", out="o.csv")
    assert items == [
        {"item_id": "1", "attributes": {"a": 1}, "embedding": [1], "available": True,
         "categories": ["a", "b"]},
        {"item_id": "5", "available": False, "categories": ["a/b", "7"]},
    ]  # fmt: skip
    assert report.dropped["schema"].rows == 3
    assert report.mended["categories with |, which separates them in CSV, made /"] == 1


def test_a_file_without_types_needs_one(tmp_path: Path) -> None:
    """With values it is of ratings; without them nobody can know."""
    rated = csv(tmp_path, "u,i,4", header="user_id,item_id,rating\n")
    report, [event] = converted(rated, "csv")
    assert (event["type"], event["value"]) == ("rate", 4)
    assert "There is no type: each event with a value counts as rate." in report.notes
    bare = csv(tmp_path, "u,i", header="user_id,item_id\n")
    with pytest.raises(InputFileError, match=r"lacks type.*--default-type TYPE"):
        converted(bare, "csv", out="b.csv")
    assert converted(bare, "csv", out="c.csv", default_type="view")[1][0]["type"] == "view"


def test_configured_types_and_embeddings_count(tmp_path: Path) -> None:
    """The settings are the worker's."""
    rules = Rules(types=Rules().types | {"stare"}, embedding_size=2)
    assert converted(csv(tmp_path, "u,i,stare,,"), "csv", rules=rules)[0].written == 1
    path = csv(tmp_path, "1,[1]", header="item_id,embedding\n")
    with pytest.raises(InputFileError, match=r"embedding 1\); row 2|embedding 1; row 2"):
        converted(path, "csv", kind="items", out="i.csv", rules=rules)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"columns": {"user": "user_id"}}, "--map user=user_id: events have user_id, item_id"),
        ({"columns": {"query": "uid"}}, "--map query=uid: .* has user_id, item_id, type"),
        ({"keep": frozenset({"uid"})}, "--keep uid: .* has user_id, item_id, type"),
    ],
)
def test_columns_that_are_not_there_are_named(more: Any, said: str, tmp_path: Path) -> None:
    """With those that are."""
    with pytest.raises(UsageError, match=said):
        converted(csv(tmp_path, "u,i,view,,"), "csv", **more)


def test_nested_columns_of_parquet_and_json_are_kept_whole(tmp_path: Path) -> None:
    """All other columns go into attributes, beside what is there."""
    path = tmp_path / "in.jsonl"
    path.write_text('{"item_id":1,"attributes":{"a":1},"size":{"w":2},"tags":["x"]}\n')
    _, [item] = converted(path, "jsonl", kind="items", keep=frozenset({"all"}), out="o.parquet")
    assert item["attributes"] == {"a": 1, "size": {"w": 2}, "tags": ["x"]}
    assert rows(tmp_path / "o.parquet", "items") == [item]
