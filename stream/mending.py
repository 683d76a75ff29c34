"""Sets what a topic's configuration must be, and nothing else of it.

aiokafka has only AlterConfigs, which resets all that it is not told; IncrementalAlterConfigs (Kafka
2.3 and later) is therefore here.
"""

import asyncio
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResourceType
from aiokafka.errors import IncompatibleBrokerVersion, KafkaError, for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Int8, Int16, Int32, Schema, String

from stream import topics as topic_admin
from stream.connect import admin_client
from stream.errors import TopicError
from stream.settings import Settings
from stream.topics import RETENTION, Described, Topics, changes

_KEY = 44
_SET = 0
_SEEN_POLL = 0.05


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of one topic's configuration; `was` is None where Kafka told none."""

    topic: str
    key: str
    was: str | None
    wanted: str


class _Answer(Response):  # type: ignore[misc]  # no types of its own
    API_KEY = _KEY
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "resources",
            Array(
                ("error_code", Int16),
                ("error_message", String("utf-8")),
                ("resource_type", Int8),
                ("resource_name", String("utf-8")),
            ),
        ),
    )


class _Asked(RequestStruct):  # type: ignore[misc]  # no types of its own
    API_KEY = _KEY
    API_VERSION = 0
    RESPONSE_TYPE = _Answer
    SCHEMA = Schema(
        (
            "resources",
            Array(
                ("resource_type", Int8),
                ("resource_name", String("utf-8")),
                (
                    "configs",
                    Array(
                        ("name", String("utf-8")),
                        ("operation", Int8),
                        ("value", String("utf-8")),
                    ),
                ),
            ),
        ),
        ("validate_only", Boolean),
    )


class _IncrementalAlterConfigs(Request[_Asked]):  # type: ignore[misc]  # no types of its own
    API_KEY = _KEY

    def __init__(self, wanted: Mapping[str, Mapping[str, str]], *, validate_only: bool) -> None:
        self._resources = [
            (
                int(ConfigResourceType.TOPIC),
                name,
                [(key, _SET, value) for key, value in config.items()],
            )
            for name, config in wanted.items()
        ]
        self._validate_only = validate_only

    def build(self, request_struct_class: type[_Asked]) -> _Asked:
        return request_struct_class(self._resources, self._validate_only)


async def mend(
    settings: Settings, *, retention_ms: int | None = None, dry_run: bool = False
) -> list[Change]:
    """Set what existing topics require, and return what was (or, in a `dry_run`, would be) set.

    `retention_ms`: workers' input that is kept for less is kept for so long. Kafka is asked in a
    `dry_run` too, and sets nothing. Raises TopicError if Kafka refuses, and BrokerUnreachable.
    """
    found = await topic_admin.describe(settings)
    wanted = list(_changes(Topics(settings), found, retention_ms))
    if wanted:
        admin = await admin_client(settings)
        try:
            await _set(admin, wanted, dry_run)
            if not dry_run:
                await _seen(settings, wanted)
        finally:
            await admin.close()
    return wanted


def _changes(
    topics: Topics, found: Mapping[str, Described], retention_ms: int | None
) -> Iterator[Change]:
    for topic in topics:
        there = found.get(topic.name)
        if there is None:
            continue
        change = changes(topic, there)
        if retention_ms is not None and topic in topics.read_once:
            kept = replace(there, config={**there.config, **change}).retention_ms
            if kept is not None and kept < retention_ms:
                change[RETENTION] = str(retention_ms)
        for key, value in change.items():
            yield Change(topic.name, key, there.config.get(key), value)


async def _seen(settings: Settings, wanted: list[Change]) -> None:
    """Return when the broker shows what it has acknowledged, a moment later."""
    end = time.monotonic() + settings.request_timeout
    while True:
        found = await topic_admin.describe(settings)
        if all(found[change.topic].config.get(change.key) == change.wanted for change in wanted):
            return
        if time.monotonic() > end:
            names = ", ".join(sorted({change.topic for change in wanted}))
            raise TopicError(f"Kafka does not show what it set: {names}.")
        await asyncio.sleep(_SEEN_POLL)


async def _set(admin: AIOKafkaAdminClient, wanted: list[Change], dry_run: bool) -> None:
    by_topic: dict[str, dict[str, str]] = {}
    for change in wanted:
        by_topic.setdefault(change.topic, {})[change.key] = change.wanted
    request = _IncrementalAlterConfigs(by_topic, validate_only=dry_run)
    try:
        answer = await admin._send_request(request)  # noqa: SLF001  # it has no such method
    except (IncompatibleBrokerVersion, NotImplementedError) as error:
        raise TopicError("This Kafka is too old to be mended: 2.3 and later can be.") from error
    except KafkaError as error:
        raise TopicError(f"Kafka could not mend the topics: {error!r}") from error
    for code, text, _kind, name in answer.resources:
        if code:
            raise TopicError(f"Kafka refused to mend topic {name}: {text or for_code(code)}")
