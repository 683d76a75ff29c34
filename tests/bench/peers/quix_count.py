"""Count each user's events in Quix Streams: BROKER SOURCE SINK GROUP FOLDER."""

import sys

from quixstreams import Application, State

from bench.bare import KILOBYTE


def count(_value: bytes, state: State) -> bytes:
    """Count one event of a user; what is published is 1 kB."""
    state.set("events", state.get("events", default=0) + 1)
    return KILOBYTE


def main() -> None:
    """Serve until killed."""
    broker, source, sink, group, folder = sys.argv[1:]
    app = Application(
        broker_address=broker,
        consumer_group=group,
        auto_offset_reset="earliest",
        state_dir=folder,
        producer_extra_config={"linger.ms": 5},
    )
    events = app.topic(source, value_deserializer="bytes", key_deserializer="bytes")
    answers = app.topic(sink, value_serializer="bytes", key_serializer="bytes")
    app.dataframe(events).apply(count, stateful=True).to_topic(answers)
    app.run()


if __name__ == "__main__":
    main()
