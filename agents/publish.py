"""Lists as they are published to `recommendations`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from agents.records import Place, TopicCode
from stream.schemas import Cause, Event, ListItem, Recommendation, Source, encode_recommendation

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Publisher:
    """Builds the records of `recommendations`; `topics` are the names that sources are given."""

    topics: dict[TopicCode, str]
    model: str

    def for_user(
        self,
        user_id: str,
        items: Sequence[ListItem],
        source: Place,
        event: Event | None,
        now_ms: int,
    ) -> tuple[bytes, bytes]:
        """Return key and value of a user's list, caused by an event or (None) by a profile."""
        topic = self.topics[source.topic]
        return user_id.encode(), encode_recommendation(
            Recommendation(
                user_id=user_id,
                list_id=f"{topic}-{source.partition}-{source.offset}-{now_ms}",
                items=list(items),
                cause="profile" if event is None else "event",
                model=self.model,
                generated_at=_time(now_ms),
                source=Source(topic, source.partition, source.offset),
                lag_seconds=(now_ms - source.broker_ms) / 1000,
                event_id=event.event_id if event else None,
                event_time=_time(event.timestamp_ms) if event else None,
            )
        )

    def for_everyone(
        self, user_id: str, items: Sequence[ListItem], cause: Cause, now_ms: int
    ) -> tuple[bytes, bytes]:
        """Return key and value of the list for users of whom nothing is known."""
        return user_id.encode(), encode_recommendation(
            Recommendation(
                user_id=user_id,
                list_id=f"{user_id}-{now_ms}",
                items=list(items),
                cause=cause,
                model=self.model,
                generated_at=_time(now_ms),
                source=None,
                lag_seconds=None,
            )
        )


def _time(milliseconds: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=milliseconds)
