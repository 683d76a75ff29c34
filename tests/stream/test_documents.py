"""The published documents: as the code makes them, and as strict as the decoder."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, validators

from stream.cli import main
from stream.decode import decode_events, decode_items, decode_profiles
from stream.documents import files
from stream.documents.json_schema import documents
from stream.rules import Rules
from stream.schemas import Rejected, decode_recommendation
from stream.settings import Settings

ROOT = Path(__file__).parents[2]
NOW = 1_700_000_000_000
RULES = Rules()


def _written_in_digits(_checker: object, instance: object) -> bool:
    """JSON Schema calls 1.0 an integer; the wire wants digits only."""
    return isinstance(instance, int) and not isinstance(instance, bool)


Strict = validators.extend(
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", _written_in_digits),
)
VALIDATORS = {name: Strict(schema) for name, schema in documents(RULES).items()}


def decoder_accepts(kind: str, message: object, rules: Rules = RULES, now: int = NOW) -> bool:
    """Whether a worker would apply the message."""
    value = json.dumps(message).encode()
    if kind == "event":
        [result] = decode_events([value], [now], rules)
    elif kind == "item":
        [result] = decode_items([b"key"], [value], [now], rules)
    else:
        [result] = decode_profiles([value])
    return not isinstance(result, Rejected)


def test_the_documents_in_the_clone_are_what_the_code_makes() -> None:
    """Drift: mended by `headwater topics schemas --out deploy/schemas`."""
    made = files.contents(Settings())
    folder = ROOT / "deploy" / "schemas"
    kept = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.json")}
    assert kept == made


@pytest.mark.parametrize("name", VALIDATORS)
def test_each_schema_is_one_and_its_examples_pass(name: str) -> None:
    """Draft 2020-12 itself agrees; every example is valid."""
    schema = VALIDATORS[name].schema
    Draft202012Validator.check_schema(schema)
    for example in schema.get("examples", []):
        VALIDATORS[name].validate(example)
        if name == "recommendation":
            decode_recommendation(json.dumps(example).encode())
        else:
            assert decoder_accepts(name, example, now=NOW + 10**11)  # they are of a later year


def test_the_messages_in_the_readme_are_valid() -> None:
    """Whatever in it is whole JSON with a user_id is an event or a profile."""
    found = re.findall(r'\{"user_id":[^\n`]*?\}(?=[\'`\n])', (ROOT / "README.md").read_text())
    messages = [parsed for text in found if (parsed := _parsed(text)) is not None]
    assert messages
    for message in messages:
        VALIDATORS["event" if "type" in message else "user"].validate(message)


def test_every_reference_in_the_asyncapi_document_leads_somewhere() -> None:
    """Channels, messages and schemas are named as they are defined."""
    document = json.loads(files.contents(Settings())["asyncapi.json"])
    references = list(_references(document))
    assert len(references) > 10
    for reference in references:
        place = document
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]
    addresses = {channel["address"] for channel in document["channels"].values()}
    assert "headwater.events" in addresses


def test_a_service_s_own_settings_enter(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Added types, the embedding's size and the prefix stand in the documents."""
    flags = ["--event-types", "listen", "--embedding-size", "2", "--topic-prefix", "shop."]
    flags += ["--broker", "a:1,b:2"]
    assert main(["topics", "schemas", "--out", str(tmp_path / "new"), *flags]) == 0
    assert capsys.readouterr().out.count("Wrote") == len(list((tmp_path / "new").iterdir()))
    event, item, api = (
        json.loads((tmp_path / "new" / name).read_text())
        for name in ("event.schema.json", "item.schema.json", "asyncapi.json")
    )
    assert Strict(event).is_valid({"user_id": "u", "item_id": "i", "type": "listen"})
    assert api["channels"]["events"]["address"] == "shop.events"
    assert [server["host"] for server in api["servers"].values()] == ["a:1", "b:2"]
    rules = Rules(embedding_size=2)
    for embedding in ([], [1, 2], [1], [1, 2, 3], [1, "2"]):
        message = {"item_id": "i", "embedding": embedding}
        assert Strict(item).is_valid(message) is decoder_accepts("item", message, rules)


def test_a_folder_that_cannot_be_written_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file where the folder should be: one sentence, exit code 2."""
    (tmp_path / "taken").write_text("")
    assert main(["topics", "schemas", "--out", str(tmp_path / "taken")]) == 2
    assert "taken cannot be written" in capsys.readouterr().err


IDS = ["u", "x" * 256, "x" * 257, "", "*", 7, -3, True, 1.5, None, ["u"], {}]
TIMES = [
    *("2023-11-14T22:13:20Z", "2023-11-14 22:13:20.5+01:00", "1990-01-01T00:00:00Z"),
    *("2023-13-14T22:13:20Z", "2023-11-14T24:13:20Z", "2023-11-14T22:13:20", "yesterday", ""),
    *("1989-12-31T23:59:59Z", "2023-11-14T22:13Z", "2023-11-14T22:13:20+24:00"),
    *(NOW, 631_152_000_000, 631_151_999_999, 1_700_000_000, -1, 1.5, True, None, []),
]
OBJECTS = [{}, {"a": {"b": [1, None]}}, None, [], "text", 5]
POOLS: dict[str, list[Any]] = {
    "user_id": IDS,
    "item_id": IDS,
    "event_id": IDS,
    "list_id": IDS,
    "items": [[], ["a", 1], ["a", ""], [None], "a", None, {}],
    "type": ["like", "rate", "search", "impression", "view", "stare", "", 5, None],
    "value": [4, 4.5, -1e300, "4", True, None, [4]],
    "timestamp": TIMES,
    "query": ["noir", "", None, 5, ["noir"]],
    "context": OBJECTS,
    "attributes": OBJECTS,
    "title": ["", "T", None, 5],
    "categories": [[], ["a"], ["a", 1], "a", None],
    "embedding": [[], [1, 0.5], [0] * 4096, [0] * 4097, ["1"], [True], [None], None, "12"],
    "available": [True, False, None, 0, "yes"],
    "later": [None, {"deep": [1]}],
}


def _messages(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    """Messages whose fields are mostly right: the first of a pool is always so."""
    known = [*VALIDATORS[kind].schema["properties"], "later"]
    wanted = [name for name in known if name in VALIDATORS[kind].schema["required"]]
    mostly = {
        name: st.just(POOLS[name][0]) | st.just(POOLS[name][0]) | st.sampled_from(POOLS[name])
        for name in known
    }
    good = {name: mostly[name] for name in wanted}
    rest = {name: field for name, field in mostly.items() if name not in wanted}
    return st.fixed_dictionaries(good, optional=rest) | st.fixed_dictionaries({}, optional=mostly)


@pytest.mark.parametrize("kind", ["event", "item", "user"])
def test_schema_and_decoder_agree(kind: str) -> None:
    """On right and wrong fields of all kinds, in any combination: both take it or neither does."""

    @settings(max_examples=400, deadline=None)
    @given(_messages(kind))
    def agree(message: dict[str, Any]) -> None:
        assert VALIDATORS[kind].is_valid(message) is decoder_accepts(kind, message)

    agree()


@pytest.mark.parametrize("kind", ["event", "item", "user"])
@pytest.mark.parametrize("field", POOLS)
def test_each_value_of_a_field_alone(kind: str, field: str) -> None:
    """The same for every value of every field in an otherwise right message of each type."""
    whole = {"user_id": "u", "item_id": "i", "items": ["a"], "list_id": "l", "query": "q"}
    for type_ in ("like", "rate", "search", "impression"):
        for value in POOLS[field]:
            message = whole | {"type": type_, "value": 5} | {field: value}
            assert VALIDATORS[kind].is_valid(message) is decoder_accepts(kind, message), message


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.integers(-(10**12), NOW)
    | st.text(st.characters(codec="utf-8"), max_size=64),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None)
@given(JSON | st.fixed_dictionaries({}, optional=dict.fromkeys(POOLS, JSON)))
def test_what_a_schema_takes_the_decoder_takes(message: object) -> None:
    """Of any JSON at all."""
    for kind in ("event", "item", "user"):
        assert not VALIDATORS[kind].is_valid(message) or decoder_accepts(kind, message)


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(text)
    except ValueError:
        return None
    return found


def _references(part: object) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        part = list(part.values())
    if isinstance(part, list):
        for inner in part:
            yield from _references(inner)
