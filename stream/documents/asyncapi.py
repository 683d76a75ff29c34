"""The AsyncAPI 3.0 document of the public topics: names, shapes, keys, headers, values.

`models` is left out until a worker reads it.
"""

from typing import Any

from stream.documents import examples
from stream.documents.json_schema import Schema, components, dead_letter_headers
from stream.rules import Rules
from stream.schemas import QUIET_HEADER
from stream.settings import Settings
from stream.topics import Topic, Topics

# Of what is on the wire, not of the program: the middle number grows when a field is added.
WIRE_VERSION = "1.0.0"
_BINDING = "0.5.0"
_PLACED = (
    "Keys are placed by murmur2, Kafka's default: librdkafka and kcat need"
    " `partitioner=murmur2_random`. What lies elsewhere is forwarded, one hop later."
)


def document(settings: Settings) -> Schema:
    """The whole document for these settings: their topic names, event types, embedding size."""
    topics = Topics(settings)
    channels = {
        "events": _channel(topics.events, "What users do.", "event"),
        "items": _channel(topics.items, "The catalogue.", "item", "itemWithdrawn"),
        "users": _channel(topics.users, "What is known of users beside events.", "user"),
        "recommendations": _channel(
            topics.recommendations, "One record per user: the newest list.", "recommendation"
        ),
        "deadLetters": _channel(topics.dead_letters, "What cannot be applied.", "deadLetter"),
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "headwater",
            "version": WIRE_VERSION,
            "description": (
                "Events and items in, a fresh list for each user out. Fields are added in later"
                " versions, never changed; unknown ones are ignored. " + _PLACED
            ),
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            f"kafka{number}": {"host": address, "protocol": "kafka"}
            for number, address in enumerate(settings.broker.split(","), 1)
        },
        "channels": channels,
        "operations": {
            "readEvents": _operation("receive", "events"),
            "readItems": _operation("receive", "items"),
            "readUsers": _operation("receive", "users"),
            "publishLists": _operation("send", "recommendations"),
            "setAside": _operation("send", "deadLetters"),
        },
        "components": {
            "messages": _messages(),
            "schemas": components(Rules.of(settings), "#/components/schemas/{name}"),
        },
    }


def _channel(topic: Topic, description: str, *messages: str) -> Schema:
    config: Schema = dict(topic.config)
    config["cleanup.policy"] = [config["cleanup.policy"]]
    if "max.message.bytes" in config:
        config["max.message.bytes"] = int(config["max.message.bytes"])
    return {
        "address": topic.name,
        "description": description,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
        "bindings": {
            "kafka": {
                "partitions": topic.partitions,
                "topicConfiguration": config,
                "bindingVersion": _BINDING,
            }
        },
    }


def _operation(action: str, channel: str) -> Schema:
    return {"action": action, "channel": {"$ref": f"#/channels/{channel}"}}


def _messages() -> Schema:
    name, value = QUIET_HEADER
    quiet = {
        "type": "object",
        "properties": {
            name: {
                "description": "`no`: the event is applied without a list, for back-filling.",
                "type": "string",
                "enum": [value.decode()],
            }
        },
    }
    return {
        "event": _message("event", "user_id", headers=quiet),
        "item": _message("item", "item_id"),
        "itemWithdrawn": {
            "summary": "A record without a value withdraws the item that its key names.",
            "payload": {"type": "null"},
            "bindings": _key("item_id"),
        },
        "user": _message("user", "user_id"),
        "recommendation": _message("recommendation", "user_id"),
        "deadLetter": {
            "summary": "The source's bytes and key, untouched.",
            "headers": dead_letter_headers(),
            "payload": {},
            "contentType": "application/octet-stream",
            "bindings": _key("the source's, which may be missing"),
        },
    }


def _message(name: str, key: str, **more: Any) -> Schema:
    return {
        "payload": {"$ref": f"#/components/schemas/{name}"},
        "bindings": _key(key),
        "examples": [{"payload": example} for example in examples.OF[name]],
        **more,
    }


def _key(what: str) -> Schema:
    key = {"type": "string", "description": f"UTF-8: {what}."}
    return {"kafka": {"key": key, "bindingVersion": _BINDING}}
