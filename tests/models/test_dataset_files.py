"""Files of events, items and users as one history, whatever their format and their faults."""

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.content import Content
from models.dataset import NEVER, Dataset
from models.dataset_files import Positivity, read_dataset
from models.errors import DataError
from models.events import STANDARD_TYPES, type_code
from stream.rules import Rules
from stream.schemas import Event
from stream.settings import STANDARD_TYPES as STREAM_TYPES
from stream.settings import Settings

pl = pytest.importorskip("polars", reason="needs the extra: pip install 'headwater[train]'")

START = 1_600_000_000_000
DEMO = Path(__file__).resolve().parents[2] / "deploy" / "demo"
Rows = Sequence[dict[str, Any]]
EVENTS: Rows = [
    {"user_id": "ann", "item_id": "1", "type": "rate", "value": 5.0, "timestamp": START},
    {"user_id": "bob", "item_id": "2", "type": "view", "timestamp": START + 1000},
    {"user_id": "ann", "item_id": "2", "type": "rate", "value": 2.5, "timestamp": START + 2000},
]
ITEMS: Rows = [
    {
        "item_id": "2",
        "title": "Two",
        "categories": ["a", "b"],
        "attributes": {"year": 1999, "x": 0.5},
    },
    {"item_id": "3", "embedding": [0.1, 0.25], "timestamp": START - 5000},
]
USERS: Rows = [{"user_id": "bob", "attributes": {"age": 24, "city": "Ulm"}}]


def as_json(path: Path, rows: Rows) -> Path:
    """The rows as JSON Lines."""
    text = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


def as_csv(path: Path, rows: Rows) -> Path:
    """The rows as CSV, with the cells that the command line reads."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [",".join(names)]
    lines.extend(",".join(_cell(row.get(name)) for name in names) for row in rows)
    text = ("\n".join(lines) + "\n").encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict) or (isinstance(value, list) and not isinstance(value[0], str)):
        return '"' + json.dumps(value).replace('"', '""') + '"'
    return "|".join(value) if isinstance(value, list) else str(value)


def as_parquet(path: Path, rows: Rows) -> Path:
    """The rows as Parquet, in polars' own types."""
    pl.DataFrame(list(rows)).write_parquet(path)
    return path


def read(tmp_path: Path, rows: Rows, rules: Positivity | None = None) -> Dataset:
    """The history that the rows make."""
    return read_dataset(as_json(tmp_path / "events.jsonl", rows), rules=rules)


def at(user: object, item: object, seconds: int = 0, **fields: Any) -> dict[str, Any]:
    """A like."""
    return {
        "user_id": user,
        "item_id": item,
        "type": "like",
        "timestamp": START + 1000 * seconds,
    } | fields


@pytest.mark.parametrize(
    ("write", "ending"),
    [(as_json, ".jsonl"), (as_json, ".jsonl.gz"), (as_csv, ".csv"), (as_csv, ".csv.gz"),
     (as_parquet, ".parquet")],
)  # fmt: skip
def test_every_format_gives_the_same_history(tmp_path: Path, write: Any, ending: str) -> None:
    """Ids, contents, profiles, columns, and so the fingerprint."""
    data = read_dataset(
        write(tmp_path / f"events{ending}", EVENTS),
        write(tmp_path / f"items{ending}", ITEMS),
        write(tmp_path / f"users{ending}", USERS),
    )
    assert data.users == ("ann", "bob")
    assert data.items == ("1", "2", "3")
    assert data.user.tolist() == [0, 1, 0]
    assert data.item.tolist() == [0, 1, 1]
    assert data.kind.tolist() == [type_code("rate"), type_code("view"), type_code("rate")]
    assert data.value.tolist() == [5.0, pytest.approx(np.nan, nan_ok=True), 2.5]
    assert data.time.tolist() == [START, START + 1000, START + 2000]
    assert data.positive.tolist() == [True, True, False]
    assert data.contents[0] is None
    assert data.contents[1] == Content("Two", ("a", "b"), {"year": 1999, "x": 0.5})
    assert data.contents[2] == Content(embedding=(0.1, 0.25))
    assert data.announced.tolist() == [NEVER, NEVER, START - 5000]
    assert data.profiles == (None, {"age": 24, "city": "Ulm"})
    assert data.notes == ()
    assert data.fingerprint == "fea277791636cd0e"


def test_ids_are_integers_or_texts_or_both(tmp_path: Path) -> None:
    """Integers are their digits, also where absent cells made floats of the column."""
    mixed = read(tmp_path, [at(1, "a"), at("x", 2, 1), at("1", 7, 2)])
    assert (mixed.users, mixed.items) == (("1", "x"), ("a", "2", "7"))
    frame = pl.DataFrame({
        "user_id": [1.0, 2.0, None], "item_id": [3, 4, 5], "type": ["like"] * 3,
        "timestamp": [START, START + 1, START + 2],
    })  # fmt: skip
    frame.write_parquet(tmp_path / "floats.parquet")
    floats = read_dataset(tmp_path / "floats.parquet")
    assert (floats.users, floats.items) == (("1", "2"), ("3", "4"))
    frame.write_csv(tmp_path / "floats.csv")
    assert read_dataset(tmp_path / "floats.csv").users == ("1", "2")


@pytest.mark.parametrize(
    "given",
    ["2020-09-13T12:26:40Z", "2020-09-13T14:26:40.000+02:00", "2020-09-13 12:26:40+00:00",
     "2020-09-13T12:26:40", str(START), f"{START}.0", START],
)  # fmt: skip
def test_times_are_rfc_3339_or_milliseconds(tmp_path: Path, given: object) -> None:
    """In each of their spellings, side by side in one file."""
    data = read(tmp_path, [at("a", "i", timestamp=given), at("b", "j", 1)])
    assert data.time.tolist() == [START, START + 1000]


def test_parquet_has_times_of_its_own(tmp_path: Path) -> None:
    """Without a zone they are UTC."""
    frame = pl.DataFrame([at("a", "i")]).with_columns(
        pl.col("timestamp").cast(pl.Datetime("ms")).cast(pl.Datetime("us"))
    )
    frame.write_parquet(tmp_path / "e.parquet")
    assert read_dataset(tmp_path / "e.parquet").time.tolist() == [START]


def test_events_are_sorted_with_a_note_and_rows_count_all_of_the_input(tmp_path: Path) -> None:
    """Equal times keep the file's order; a row that was dropped has its number too."""
    rows = [at("a", "late", 9), at("b", None, 1), at("a", "first", 2), at("b", "second", 2)]
    data = read(tmp_path, rows)
    assert data.items == ("first", "second", "late")
    assert data.row.tolist() == [1, 2, 3]
    assert data.notes == (
        "The events were not in time order; they were sorted.",
        "1 row left out: without item_id.",
    )


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (at(None, "i"), "without user_id"),
        (at("", "i"), "without user_id"),
        (at("*", "i"), "reserved"),
        (at("a", None), "without item_id"),
        (at("a" * 257, "i"), "more than 256 bytes"),
        (at("a", "i", type=None), "without type"),
        (at("a", "i", type="smell"), "types that are not configured: smell"),
        (at("a", None, type="search", query="q"), "searches and impressions"),
        (at("a", "i", type="impression"), "searches and impressions"),
        (at("a", "i", timestamp=None), "without a time"),
        (at("a", "i", timestamp="soon"), "without a time"),
        (at("a", "i", timestamp=1_600_000_000), "before 1990"),
        (at("a", "i", value="five"), "no number"),
        (at("a", "i", type="rate"), "rates without a value"),
        (at("u", "v"), "the same as an earlier row in every field"),
    ],
)
def test_rows_that_no_learner_applies_are_left_out_by_name(
    tmp_path: Path, wrong: dict[str, Any], why: str
) -> None:
    """One note each, and the others stay."""
    data = read(tmp_path, [at("u", "v"), wrong])
    assert len(data) == 1
    assert sum(why in note and note.startswith("1 row left out") for note in data.notes) == 1


def test_an_event_id_counts_once_per_user(tmp_path: Path) -> None:
    """The first in time stays; another user may use the same id."""
    rows = [at("a", "i", 0, event_id=1), at("a", "j", 1, event_id="1"), at("b", "k", 2, event_id=1)]
    data = read(tmp_path, [*rows, at("b", "l", 3), at("b", "l", 4)])
    assert [data.items[item] for item in data.item] == ["i", "k", "l", "l"]


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e300"])
def test_values_that_are_not_finite_are_absent(tmp_path: Path, value: str) -> None:
    """With a note; a rate then has none and is left out."""
    data = read(tmp_path, [at("a", "i", value=value), at("a", "j", 1, type="rate", value=value)])
    assert np.isnan(data.value).tolist() == [True]
    assert data.notes == (
        "2 values were not finite, or beyond 1e15, and count as absent.",
        "1 row left out: rates without a value.",
    )


def test_what_cannot_be_used_is_told_in_one_sentence(tmp_path: Path) -> None:
    """Empty and broken files, missing columns, nothing usable."""

    def told(path: Path, items: Path | None = None) -> str:
        with pytest.raises(DataError) as caught:
            read_dataset(path, items)
        return str(caught.value)

    good = as_json(tmp_path / "good.jsonl", EVENTS)
    empty = tmp_path / "empty.csv"
    empty.write_bytes(b"")
    assert told(empty).endswith("is empty.")
    empty.write_text("user_id,item_id,type,timestamp\n")
    assert told(empty).endswith("is empty.")
    for ending in (".csv", ".jsonl", ".parquet"):
        path = tmp_path / f"lacking{ending}"
        {".csv": as_csv, ".jsonl": as_json, ".parquet": as_parquet}[ending](
            path, [{"user_id": "a", "type": "like", "when": 5}]
        )
        assert "item_id, timestamp" in told(path)
    assert "no event that can be learned from. 1 row left out: without user_id" in told(
        as_json(tmp_path / "none.jsonl", [at(None, "i"), at("x", None)])
    )
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"user_id": 1}\n{"value": NaN}\n')
    assert "line 2 is no JSON object: NaN is no number" in told(broken)
    cut = tmp_path / "cut.csv.gz"
    cut.write_bytes(gzip.compress(b"user_id,item_id,type,timestamp\n" * 99)[:-12])
    assert "cannot be read" in told(cut)
    assert "is not a file" in told(tmp_path / "absent.csv")
    assert "is not .jsonl, .csv" in told(tmp_path / "events.xlsx")
    assert told(tmp_path).endswith("is a folder, not a file.")
    cell = tmp_path / "items.csv"
    cell.write_text("item_id,attributes\n1,{oops\n")
    assert "items.csv, line 2: attributes should be JSON" in told(good, cell)


def test_a_cell_that_holds_null_is_an_absent_field(tmp_path: Path) -> None:
    """As on the wire, to which `replay` sends none."""
    cells = tmp_path / "items.csv"
    cells.write_text("item_id,title,attributes,embedding\n9,Nine,null,null\n")
    data = read_dataset(as_json(tmp_path / "e.jsonl", EVENTS), cells)
    assert data.contents[data.items.index("9")] == Content("Nine")


def test_of_several_rows_of_an_item_the_last_counts_from_the_first_time_on(tmp_path: Path) -> None:
    """And one that is unavailable is not offered before its first event."""
    items = as_json(
        tmp_path / "items.jsonl",
        [
            {"item_id": 1, "title": "old", "timestamp": START + 5},
            {"item_id": "1", "title": "new", "timestamp": START + 9},
            {"item_id": 9, "timestamp": START, "available": False},
        ],
    )
    data = read_dataset(as_json(tmp_path / "e.jsonl", EVENTS), items)
    assert data.contents[data.items.index("1")] == Content("new")
    assert data.announced.tolist() == [START + 5, NEVER, NEVER]
    assert "1 item is marked as unavailable, and known from" in data.notes[0]


def test_the_rule_of_what_is_positive_is_the_stream_s(tmp_path: Path) -> None:
    """On every type, with values around the limit, as configured and by default."""
    settings = Settings(
        event_types=("skip", "listen"), neutral_types=("view", "skip"), positive_min=3
    )
    for rules in (Rules(), Rules.of(settings)):
        mine = Positivity(rules.types, rules.positive_types, rules.positive_min)
        rows = [
            at("u", f"{kind} {value}", place, type=kind, value=value)
            for place, (kind, value) in enumerate(
                (kind, value)
                for kind in sorted(rules.types - {"search", "impression"})
                for value in (2.999, 3.0, 3.999, 4.0, 5.0)
            )
        ]
        data = read(tmp_path, rows, mine)
        expected = [rules.positive(Event("u", row["type"], 0, "i", row["value"])) for row in rows]
        assert data.positive.tolist() == expected
    assert Positivity() == Positivity(Rules().types, Rules().positive_types, Rules().positive_min)
    assert STANDARD_TYPES == STREAM_TYPES


def test_the_demonstration_s_ratings_are_read_whole() -> None:
    """A hundred thousand rows without a note."""
    data = read_dataset(DEMO / "events.csv.gz", DEMO / "items.csv.gz")
    assert (len(data), len(data.users), len(data.items)) == (100_836, 610, 9_742)
    assert data.notes == ()
    assert (np.diff(data.time) >= 0).all()
    assert data.contents[data.items.index("1")] == Content(
        "Toy Story (1995)", ("Adventure", "Animation", "Children", "Comedy", "Fantasy")
    )
