"""Each source's files become the wire's fields, which the rest of headwater reads."""

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.conversions import converted

from models.dataset_files import read_dataset
from stream.errors import InputFileError, UsageError
from stream.foreign import Kind

TIME = 1_714_557_600_000  # 2024-05-01T10:00:00Z
RATINGS = [
    {"user_id": "1", "item_id": "296", "type": "rate", "value": 4.5, "timestamp": TIME},
    {"user_id": "2", "item_id": "1", "type": "rate", "value": 3.0, "timestamp": TIME + 1000},
]
MOVIE = {"item_id": "1", "title": "Toy Story (1995)", "attributes": {"year": 1995}}


def flags(*genres: int) -> str:
    """The nineteen flags of u.item."""
    return "|".join("1" if place in genres else "0" for place in range(19))


MOVIELENS = {
    "latest": {
        "ratings.csv": "userId,movieId,rating,timestamp\n1,296,4.5,1714557600\n2,1,3,1714557601\n",
        "movies.csv": "movieId,title,genres\n1,Toy Story (1995),Animation|Comedy\n"
        '2,"Été, L\'",(no genres listed)\n',
    },
    "100k": {
        "u.data": "1\t296\t4.5\t1714557600\n2\t1\t3\t1714557601\n",
        "u.item": f"1|Toy Story (1995)|01-Jan-1995||http://x|{flags(3, 5)}\n"
        f"2|Été, L'|||http://y|{flags(0)}\n",
        "u.user": "1|24|M|technician|85711\n",
    },
    "1m": {
        "ratings.dat": "1::296::4.5::1714557600\n2::1::3::1714557601\n",
        "movies.dat": "1::Toy Story (1995)::Animation|Comedy\n2::Été, L'::(no genres listed)\n",
        "users.dat": "1::M::24::10::85711\n",
    },
}


@pytest.fixture(params=["latest", "100k", "1m"])
def movielens(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder of MovieLens in one of its layouts; the old ones are in ISO 8859-1."""
    encoding = "utf-8" if request.param == "latest" else "iso-8859-1"
    for name, content in MOVIELENS[request.param].items():
        (tmp_path / name).write_bytes(content.encode(encoding))
    return tmp_path


def test_movielens_in_its_three_layouts(movielens: Path) -> None:
    """Ratings, and titles with their accents, whatever the encoding."""
    assert converted(movielens, "movielens")[1] == RATINGS
    _, items = converted(movielens, "movielens", kind="items", out="items.csv.gz")
    assert items == [
        MOVIE | {"categories": items[0]["categories"]},
        {"item_id": "2", "title": "Été, L'"},
    ]
    assert items[0]["categories"] == ["Animation", "Comedy"]


def test_people_of_movielens(movielens: Path) -> None:
    """The newer sets have none, and say so."""
    if (movielens / "ratings.csv").exists():
        with pytest.raises(InputFileError, match="only 100K and 1M have users"):
            converted(movielens, "movielens", kind="users")
        return
    _, [user] = converted(movielens, "movielens", kind="users")
    assert user["user_id"] == "1"
    assert user["attributes"] | {"occupation": ""} == {
        "age": 24, "gender": "M", "occupation": "", "zip": "85711",
    }  # fmt: skip


def test_a_single_file_of_movielens_is_known_by_its_name(tmp_path: Path) -> None:
    """Packed too; one of another kind is named."""
    packed = tmp_path / "ratings.csv.gz"
    packed.write_bytes(gzip.compress(MOVIELENS["latest"]["ratings.csv"].encode()))
    assert converted(packed, "movielens")[1] == RATINGS
    with pytest.raises(UsageError, match=r"ratings\.csv\.gz holds events: use --as events"):
        converted(packed, "movielens", kind="items")


FEEDBACK = [
    {
        "FeedbackType": "star", "UserId": "bob", "ItemId": "vuejs:vue", "Value": 0,
        "Timestamp": "2024-05-01T10:00:00Z", "Updated": "2024-05-01T10:00:00Z", "Comment": "",
    },
    {
        "FeedbackType": "read", "UserId": "bob", "ItemId": "d3:d3", "Value": 2.5,
        "Timestamp": "2024-05-01T12:00:00.5+02:00", "Comment": "twice",
    },
]  # fmt: skip
GORSE_EVENTS = [
    {"user_id": "bob", "item_id": "vuejs:vue", "type": "like", "timestamp": TIME},
    {"user_id": "bob", "item_id": "d3:d3", "type": "view", "timestamp": TIME + 500},
]


def test_gorse_s_json_lines(tmp_path: Path) -> None:
    """A folder of its exports: feedback, items, users."""
    lines = "".join(json.dumps(line) + "\n" for line in FEEDBACK)
    (tmp_path / "feedback.jsonl").write_text(lines)
    report, events = converted(tmp_path, "gorse")
    assert events == [
        GORSE_EVENTS[0],
        GORSE_EVENTS[1] | {"value": 2.5, "context": {"comment": "twice"}},
    ]
    assert report.types == {"star → like": 1, "read → view": 1}
    item = {
        "ItemId": "d3:d3", "IsHidden": True, "Categories": ["js"], "Comment": "D3",
        "Timestamp": "2024-05-01T10:00:00Z", "Labels": {"topics": ["svg"]},
    }  # fmt: skip
    (tmp_path / "items.jsonl").write_text(json.dumps(item) + "\n")
    assert converted(tmp_path, "gorse", kind="items", out="i.csv")[1] == [
        {
            "item_id": "d3:d3", "title": "D3", "categories": ["js"], "available": False,
            "attributes": {"topics": ["svg"]}, "timestamp": TIME,
        }
    ]  # fmt: skip
    (tmp_path / "users.jsonl").write_text('{"UserId":"bob","Labels":["dev"],"Comment":""}\n')
    assert converted(tmp_path, "gorse", kind="users", out="u.csv")[1] == [
        {"user_id": "bob", "attributes": {"labels": ["dev"]}}
    ]


def test_what_gorse_has_and_headwater_has_not_is_told(tmp_path: Path) -> None:
    """Go's zero time is counted; columns that hold something and have no field are named."""
    zero = FEEDBACK[0] | {"Timestamp": "0001-01-01T00:00:00Z"}
    (tmp_path / "feedback.jsonl").write_text(json.dumps(zero) + "\n" + json.dumps(FEEDBACK[1]))
    report, events = converted(tmp_path, "gorse")
    assert "timestamp" not in events[0]
    assert report.mended == {"times of the year 1, Gorse's for none, left out": 1}
    assert report.ignored_columns == ["Updated"]
    (tmp_path / "users.jsonl").write_text(
        '{"UserId":"a","Labels":[],"Subscribe":[],"Comment":""}\n' * 200
        + '{"UserId":"b","Labels":[],"Subscribe":["x"],"Comment":"c"}\n'
    )
    report, _ = converted(tmp_path, "gorse", kind="users", out="u.jsonl")
    assert report.ignored_columns == ["Subscribe", "Comment"]


def test_gorse_s_csv(tmp_path: Path) -> None:
    """As its older releases write it, with Go's times."""
    (tmp_path / "feedback.csv").write_text(
        "feedback_type,user_id,item_id,time_stamp\r\n"
        "star,bob,vuejs:vue,2024-05-01 10:00:00 +0000 UTC\r\n"
        "read,bob,d3:d3,2024-05-01 12:00:00.5 +0200 CEST\r\n"
    )
    assert converted(tmp_path, "gorse")[1] == GORSE_EVENTS
    (tmp_path / "items.csv").write_text(
        "item_id,is_hidden,categories,time_stamp,labels,description\r\n"
        'd3:d3,true,js|viz,0001-01-01 00:00:00 +0000 UTC,svg|dom,"D3, a library"\r\n'
    )
    assert converted(tmp_path, "gorse", kind="items", out="i.jsonl")[1] == [
        {
            "item_id": "d3:d3", "title": "D3, a library", "categories": ["js", "viz"],
            "available": False, "attributes": {"labels": ["svg", "dom"]},
        }
    ]  # fmt: skip


def test_a_type_of_gorse_may_become_another_or_be_left_out(tmp_path: Path) -> None:
    """What the command says counts before what is usual."""
    path = tmp_path / "feedback.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in FEEDBACK))
    report, events = converted(path, "gorse", types={"star": "follow", "read": ""})
    assert [event["type"] for event in events] == ["follow"]
    assert report.dropped["left-out"].rows == 1


METARANK = [
    {"event": "item", "id": "1", "timestamp": str(TIME), "item": "a",
     "fields": [{"name": "title", "value": "Cat"}, {"name": "color", "value": ["black"]}]},
    {"event": "user", "id": "2", "timestamp": str(TIME), "user": "ann",
     "fields": [{"name": "age", "value": 33}]},
    {"event": "ranking", "id": "r", "timestamp": str(TIME), "user": "ann",
     "items": [{"id": "b", "relevancy": 2.0}, {"id": "a"}]},
    {"event": "interaction", "id": "4", "ranking": "r", "timestamp": "2024-05-01T10:00:00Z",
     "user": "ann", "session": "s", "type": "purchase", "item": "a"},
]  # fmt: skip


def test_metarank_s_one_file_is_three_of_ours(tmp_path: Path) -> None:
    """Rows of another kind are counted by what reads them."""
    path = tmp_path / "events.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in METARANK))
    report, events = converted(path, "metarank")
    assert events == [
        {"user_id": "ann", "type": "impression", "timestamp": TIME, "event_id": "r",
         "items": ["b", "a"], "list_id": "r"},
        {"user_id": "ann", "item_id": "a", "type": "purchase", "timestamp": TIME, "event_id": "4",
         "list_id": "r", "context": {"session": "s"}},
    ]  # fmt: skip
    assert report.dropped["other-kind"].rows == 2
    assert report.dropped["other-kind"].examples[0]["error"].endswith("--as items reads it")
    assert converted(path, "metarank", kind="items", out="i.jsonl")[1] == [
        {"item_id": "a", "title": "Cat", "attributes": {"color": ["black"]}, "timestamp": TIME}
    ]
    assert converted(path, "metarank", kind="users", out="u.jsonl")[1] == [
        {"user_id": "ann", "attributes": {"age": 33}}
    ]


ANY = [
    {
        "Customer ID": "7",
        "sku": "a",
        "Event Type": "view",
        "when": "2024-05-01T10:00:00Z",
        "shop": 3,
    },
    {"Customer ID": "8", "sku": "b", "Event Type": "Click", "when": "2024-05-01T10:00:01Z"},
]


@pytest.fixture(params=["csv", "jsonl", "parquet"])
def any_file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The same rows in each general format."""
    path = tmp_path / f"log.{request.param}"
    if request.param == "csv":
        path.write_text(
            "\ufeffCustomer ID;sku;Event Type;when;shop\n7;a;view;2024-05-01T10:00:00Z;3\n"
            "8;b;Click;2024-05-01T10:00:01Z;\n"
        )
    elif request.param == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in ANY))
    else:
        moments = [datetime.fromisoformat(str(row["when"])) for row in ANY]
        table = pa.Table.from_pylist(
            [row | {"when": when} for row, when in zip(ANY, moments, strict=True)]
        )
        pq.write_table(table, path)
    return path


def test_any_file_by_its_columns(any_file: Path) -> None:
    """Told, guessed with a note, kept, or named as left out."""
    form = any_file.suffix[1:]
    report, events = converted(any_file, form, columns={"timestamp": "when"}, out="a.jsonl")
    assert events == [
        {"user_id": "7", "item_id": "a", "type": "view", "timestamp": TIME},
        {"user_id": "8", "item_id": "b", "type": "click", "timestamp": TIME + 1000},
    ]
    assert report.ignored_columns == ["shop"]
    assert any("user_id is read from Customer ID" in note for note in report.notes)
    kept, events = converted(
        any_file, form, columns={"timestamp": "when"}, keep=frozenset({"shop"}), out="b.jsonl"
    )
    assert events[0]["context"] in ({"shop": 3}, {"shop": "3"})
    assert kept.ignored_columns == []


@pytest.mark.parametrize("out", ["o.jsonl", "o.jsonl.gz", "o.csv", "o.csv.gz", "o.parquet"])
@pytest.mark.parametrize("kind", ["events", "items", "users"])
def test_every_output_holds_the_same(kind: Kind, out: str, tmp_path: Path) -> None:
    """Whatever the ending, `replay` reads what was meant, and again converted nothing changes."""
    whole = {
        "events": {
            "user_id": "u", "item_id": "i", "type": "impression", "value": 2.5, "timestamp": TIME,
            "event_id": "e", "query": "q", "items": ["a", "b"], "list_id": "l",
            "context": {"a": [1]},
        },
        "items": {
            "item_id": "i", "title": 'A "title", true', "categories": ["a", "b"],
            "attributes": {"a": {"b": 1}}, "embedding": [0.5, 1.0], "available": False,
            "timestamp": TIME,
        },
        "users": {"user_id": "u", "attributes": {"a": "b"}},
    }[kind]  # fmt: skip
    path = tmp_path / "in.jsonl"
    path.write_text(json.dumps(whole) + "\n")
    assert converted(path, "jsonl", kind=kind, out=out)[1] == [whole]
    form = "jsonl" if "jsonl" in out else out.split(".")[1]
    assert converted(tmp_path / out, form, kind=kind, out="again.jsonl")[1] == [whole]


@pytest.mark.parametrize("out", ["events.jsonl", "events.csv.gz", "events.parquet"])
def test_training_reads_what_was_converted(movielens: Path, out: str) -> None:
    """The same columns by polars."""
    converted(movielens, "movielens", out=out)
    ending = out.removeprefix("events")
    converted(movielens, "movielens", kind="items", out=f"items{ending}")
    data = read_dataset(movielens / out, movielens / f"items{ending}")
    assert (len(data), data.users, data.time[0]) == (2, ("1", "2"), TIME)
    assert data.contents[data.items.index("1")].categories == ("Animation", "Comedy")  # type: ignore[union-attr]


def test_times_of_parquet_keep_their_moment(tmp_path: Path) -> None:
    """With a zone, without one, and in nanoseconds."""
    moment = datetime(2024, 5, 1, 10, tzinfo=UTC)
    for place, kind in enumerate((pa.timestamp("us", "Europe/Berlin"), pa.timestamp("ns"))):
        column = pa.array([moment if kind.tz else moment.replace(tzinfo=None)], kind)
        path = tmp_path / f"{place}.parquet"
        table = pa.table({"user_id": ["u"], "item_id": [5], "type": ["view"], "timestamp": column})
        pq.write_table(table, path)
        assert converted(path, "parquet", out=f"{place}.jsonl")[1] == [
            {"user_id": "u", "item_id": "5", "type": "view", "timestamp": TIME}
        ]
