"""One or two real messages for each value: documentation, checked by the tests as all else is."""

from collections.abc import Mapping
from typing import Any

OF: Mapping[str, list[dict[str, Any]]] = {
    "event": [
        {"user_id": "ann", "item_id": "318", "type": "like"},
        {
            "event_id": "6f1c",
            "user_id": "ann",
            "item_id": "296",
            "type": "rate",
            "value": 4.5,
            "timestamp": "2026-11-22T06:00:00.117Z",
        },
        {"user_id": "ann", "type": "search", "query": "noir"},
        {
            "user_id": "ann",
            "type": "impression",
            "items": ["2571", "50"],
            "list_id": "headwater.events-3-1-1795327200123",
        },
    ],
    "item": [
        {
            "item_id": "318",
            "title": "The Shawshank Redemption",
            "categories": ["Drama"],
            "attributes": {"year": 1994},
            "timestamp": 1795327200117,
        },
        {"item_id": "318", "available": False},
    ],
    "user": [{"user_id": "ann", "attributes": {"age": "25-34"}}],
    "recommendation": [
        {
            "user_id": "ann",
            "list_id": "headwater.events-3-1-1795327200123",
            "items": [{"item_id": "2571", "score": 1.93}, {"item_id": "50", "score": 1.71}],
            "cause": "event",
            "model": "2d711642b726b044",
            "generated_at": "2026-11-22T06:00:00.123Z",
            "source": {"topic": "headwater.events", "partition": 3, "offset": 1},
            "lag_seconds": 0.006,
            "event_time": "2026-11-22T06:00:00.117Z",
        }
    ],
}
