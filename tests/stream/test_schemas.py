"""Lists as we write them on the wire."""

import json

from stream.schemas import (
    ListItem,
    Recommendation,
    Source,
    decode_recommendation,
    encode_recommendation,
)
from stream.times import moment

NOW = 1_700_000_000_000


def test_a_list_comes_back_as_it_was_written() -> None:
    """Optional fields are absent; the list for unknown users has source and lag null."""
    written = Recommendation(
        user_id="*",
        list_id="l",
        items=[ListItem("a", 1.5), ListItem("b", 0.5, reasons=["new"])],
        cause="item",
        model="m",
        generated_at=moment(NOW + 123),
        source=None,
        lag_seconds=None,
    )
    value = encode_recommendation(written)
    assert decode_recommendation(value) == written
    fields = json.loads(value)
    assert fields["source"] is None
    assert fields["lag_seconds"] is None
    assert "event_id" not in fields
    assert fields["items"][0] == {"item_id": "a", "score": 1.5}
    written.source = Source("t", 1, 2)
    assert json.loads(encode_recommendation(written))["source"] == {
        "topic": "t",
        "partition": 1,
        "offset": 2,
    }
