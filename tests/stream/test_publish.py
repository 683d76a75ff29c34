"""What is sent is what a worker could apply."""

import pytest

from stream.foreign import Kind
from stream.publish import Outgoing, as_json, prepare
from stream.rules import Rules
from stream.schemas import Rejected

RULES = Rules()


@pytest.mark.parametrize(
    ("kind", "value", "key", "listed"),
    [
        ("events", b'{"user_id":7,"item_id":1,"type":"like"}', b"7", True),
        ("events", b'{"user_id":"u","type":"impression","items":[],"list_id":"l"}', b"u", False),
        ("items", b'{"item_id":"\xc3\xa9"}', "é".encode(), False),
        ("users", b'{"user_id":"u"}', b"u", True),
    ],
)
def test_the_key_is_the_id_and_the_value_untouched(
    kind: Kind, value: bytes, key: bytes, listed: bool
) -> None:
    """The key is what the worker will place by; bytes are sent as they came."""
    assert prepare(kind, value, RULES) == Outgoing(key, value, listed)


def test_a_message_that_kafka_would_refuse_is_named() -> None:
    """Two megabytes do not fit a topic that takes one."""
    value = as_json({"user_id": "u", "type": "like", "item_id": "i", "query": "x" * 2_000_000})
    result = prepare("events", value, RULES)
    assert isinstance(result, Rejected)
    assert result.reason == "size"
    assert "Kafka takes 1048588" in result.error


def test_absent_fields_are_left_out() -> None:
    """None is no value; False and 0 are."""
    assert as_json({"a": None, "b": False, "c": 0}) == b'{"b":false,"c":0}'
