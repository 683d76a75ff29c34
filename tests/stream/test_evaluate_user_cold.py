"""The command line of the evaluation of held-out users: what it takes, refuses and notes."""

import json
from pathlib import Path

import pytest
from support.commands import ratings

from stream.cli import main

pytest.importorskip("polars", reason="needs the extra: pip install 'headwater[train]'")


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few hundred ratings as CSV."""
    return ratings(tmp_path_factory.mktemp("data") / "events.csv", lambda n: n * 11 % 31)


def test_users_are_held_out(events: Path, tmp_path: Path) -> None:
    """By share and by a file of queries; JSON and pictures are written."""
    json_, pictures = tmp_path / "found.json", tmp_path / "pictures"
    lines = ["user_id,item_id,type,value,timestamp"]
    lines += [f"{n % 12},{n * 7 % 50},rate,{1 + n % 5},{10**12 + n * 60_000}" for n in range(500)]
    many, queries = tmp_path / "many.csv", tmp_path / "queries.csv"
    many.write_text("\n".join(lines) + "\n")
    queries.write_text("user_id,item_id\n3,21\n3,5\n")
    asked = ["evaluate", "--events", str(many), "--protocol", "user-cold", "--learner",
             "item-mean,item-mean-offset", "--json", str(json_)]  # fmt: skip
    assert main([*asked, "--plot", str(pictures), "--cold-share", "0.3"]) == 0
    assert json.loads(json_.read_text())["settings"]["held_out_users"] == 4
    names = sorted(path.name for path in pictures.iterdir())
    assert names == ["error_by_cost.png", "error_by_support.png"]
    assert main([*asked, "--queries", str(queries)]) == 0
    told = json.loads(json_.read_text())
    assert told["settings"]["held_out_users"] == 1
    assert list(told["learners"]["item-mean"]["by_support"])[-1] == "all"


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        (["--cold-share", "1"], "--cold-share is a part of all users"),
        (["--learner", "oracle"], "--protocol user-cold --learner may be item-mean"),
        (["--ranks", "r.parquet"], "--ranks goes with --protocol prequential"),
        (["--queries", "absent.csv"], "absent.csv is not a file"),
        (["--learner", "json:dumps"], "no subclass of models.meta.learner.MetaLearner"),
        ([], "No held-out user has an event to tell"),
        (["--k", "5", "20"], "--k goes with --protocol prequential"),
        (["--warm-up", "0.7"], "--warm-up goes with --protocol prequential"),
        (["--window", "64", "--partitions", "2"], "--window and --partitions go with --protocol"),
        (["--refit-every", "0.1", "--repeats", "allow"], "--refit-every and --repeats go with"),
        (["--queries", "q.csv", "--cold-share", "0.2"], "--cold-share goes without --queries"),
        (["--cold-folds", "5", "--cold-share", "0.2"], "--cold-share goes without --cold-folds"),
        (["--cold-folds", "5", "--queries", "q.csv"], "--cold-folds goes without --queries"),
        (["--cold-folds", "3"], "No held-out user has an event to tell"),
    ],
)
def test_wrong_use_of_held_out_users_is_told_in_one_sentence(
    events: Path, flags: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With exit code 2."""
    asked = ["evaluate", "--events", str(events), "--protocol", "user-cold", "--learner"]
    assert main([*asked, "item-mean", *flags]) == 2
    told = capsys.readouterr().err
    assert why in told
    assert told.count("\n") == 1


def test_folds_tell_of_all_users(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each is held out once, by what was learned of the others."""
    events = ratings(tmp_path / "events.csv", lambda n: n * 11 % 31, 700)
    found = tmp_path / "found.json"
    asked = ["evaluate", "--events", str(events), "--protocol", "user-cold", "--cold-folds", "5"]
    assert main([*asked, "--learner", "item-mean", "--json", str(found)]) == 0
    told = json.loads(found.read_text())
    users = len({line.split(",")[0] for line in events.read_text().splitlines()[1:]})
    assert told["settings"]["held_out_users"] == users
    assert told["settings"]["cold_folds"] == 5
    assert "cold_share" not in told["settings"]
    assert "item-mean, part 5 of 5: training" in capsys.readouterr().err


def test_files_whose_ids_fit_no_event_are_noted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of items or users; the work goes on."""
    events = ratings(tmp_path / "events.csv", lambda n: n * 11 % 31, 700)
    items, users = tmp_path / "i.csv", tmp_path / "u.csv"
    asked = ["evaluate", "--events", str(events), "--items", str(items), "--users", str(users)]
    asked += ["--protocol", "user-cold", "--cold-share", "0.4", "--learner", "item-mean"]
    for first, notes in (("", 0), ("x", 2)):
        items.write_text(f"item_id,title\n{first}3,Heat\nfresh,Cold\n")
        users.write_text(f"user_id,age\n{first}3,9\n")
        assert main(asked) == 0
        printed = capsys.readouterr().out
        assert printed.count("is of an event: it says nothing of these") == notes
        assert (f"No id of {users}" in printed) == bool(first)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "queries.csv is empty"),
        ("user_id,item_id\n", "queries.csv is empty"),
        ("user,item\n3,21\n", "queries.csv lacks user_id, item_id; it has user, item"),
        ("user_id\n3\n", "queries.csv lacks item_id; it has user_id"),
        ("user_id,item_id\n,21\n3,\n", "queries.csv has no row with both user_id and item_id"),
        ("user_id,item_id\nann,21\n3,film\n", "2 queries are of no event and left out: ann 21, 3"),
    ],
    ids=["empty", "no row", "other columns", "one column", "no whole pair", "unknown"],
)
def test_queries_that_do_not_do_are_told_in_one_sentence(
    events: Path, tmp_path: Path, text: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With exit code 2; those that are known, or twice there, are told once."""
    queries = tmp_path / "queries.csv"
    queries.write_text(text)
    asked = ["evaluate", "--events", str(events), "--protocol", "user-cold", "--learner"]
    assert main([*asked, "item-mean", "--queries", str(queries)]) == 2
    told = capsys.readouterr().err
    assert why in told
    assert told.count("\n") == 1
    queries.write_text("user_id,item_id\nann,21\n0,0\n0,0\n")
    found = tmp_path / "found.json"
    asked += ["item-mean", "--queries", str(queries), "--json", str(found)]
    assert main(asked) == 0
    assert json.loads(found.read_text())["settings"]["queries"] == 1
