"""Kafka's clock, read and not written: what the controller says of itself in DescribeQuorum.

A KRaft controller answers that it has caught up with itself now. Nothing else of Kafka's protocol
tells the time without a record being written. aiokafka lacks the request, so it is here.
"""

import time
from collections.abc import Callable

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import IncompatibleBrokerVersion, KafkaError, for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Int64,
    Schema,
    TaggedFields,
)

from stream.doctor.facts import Clock

_KEY = 55
_LOG = "__cluster_metadata"
_TRIES = 3
_TAGS = ("tags", TaggedFields)
_REPLICAS = CompactArray(
    ("replica_id", Int32),
    ("log_end_offset", Int64),
    ("last_fetch_ms", Int64),
    ("last_caught_up_ms", Int64),
    _TAGS,
)


class _Answer(Response):  # type: ignore[misc]  # no types of its own
    API_KEY = _KEY
    API_VERSION = 1
    SCHEMA = Schema(
        ("error_code", Int16),
        (
            "topics",
            CompactArray(
                ("topic", CompactString("utf-8")),
                (
                    "partitions",
                    CompactArray(
                        ("partition", Int32),
                        ("error_code", Int16),
                        ("leader_id", Int32),
                        ("leader_epoch", Int32),
                        ("high_watermark", Int64),
                        ("voters", _REPLICAS),
                        ("observers", _REPLICAS),
                        _TAGS,
                    ),
                ),
                _TAGS,
            ),
        ),
        _TAGS,
    )


class _Asked(RequestStruct):  # type: ignore[misc]  # no types of its own
    API_KEY = _KEY
    API_VERSION = 1  # the first with times
    RESPONSE_TYPE = _Answer
    FLEXIBLE_VERSION = True
    SCHEMA = Schema(
        (
            "topics",
            CompactArray(
                ("topic", CompactString("utf-8")),
                ("partitions", CompactArray(("partition", Int32), _TAGS)),
                _TAGS,
            ),
        ),
        _TAGS,
    )


class _DescribeQuorum(Request[_Asked]):  # type: ignore[misc]  # no types of its own
    API_KEY = _KEY

    def build(self, request_struct_class: type[_Asked]) -> _Asked:
        return request_struct_class([(_LOG, [(0, {})], {})], {})


async def kafka_clock(admin: AIOKafkaAdminClient, now: Callable[[], float] = time.time) -> Clock:
    """Kafka's clock against `now`, of three tries the one that was answered fastest."""
    try:
        tries = [await _ask(admin, now) for _ in range(_TRIES)]
    except (IncompatibleBrokerVersion, NotImplementedError):
        return Clock(None, unknown="it speaks no DescribeQuorum, as Kafka does from 3.3 on")
    except (KafkaError, TimeoutError) as error:
        return Clock(None, unknown=f"it refused DescribeQuorum: {error or type(error).__name__}")
    return min(tries, key=lambda clock: clock.give_or_take)


async def _ask(admin: AIOKafkaAdminClient, now: Callable[[], float]) -> Clock:
    sent, began = now(), time.monotonic()
    answer = await admin._send_request(_DescribeQuorum())  # noqa: SLF001  # it has no such method
    half = (time.monotonic() - began) / 2
    code = answer.error_code or answer.topics[0][1][0][1]
    if code:
        raise for_code(code)
    _, _, leader, _, _, voters, *_ = answer.topics[0][1][0]
    [controller_ms] = [voter[3] for voter in voters if voter[0] == leader]
    return Clock(controller_ms / 1000 - (sent + half), half)
