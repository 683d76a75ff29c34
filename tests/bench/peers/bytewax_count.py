"""Count each user's events in Bytewax: BROKER SOURCE SINK GROUP FOLDER."""

import sys
from pathlib import Path

import bytewax.operators as op
from bytewax.connectors.kafka import KafkaSinkMessage, KafkaSourceMessage
from bytewax.connectors.kafka import operators as kafka
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import cluster_main

from bench.bare import KILOBYTE

_BATCH = 1000


def user(message: KafkaSourceMessage) -> str:
    """Whose event it is."""
    return message.key.decode()


def count(events: int | None, _message: KafkaSourceMessage) -> tuple[int, bytes]:
    """Count one event of a user; what is published is 1 kB."""
    return (events or 0) + 1, KILOBYTE


def answer(counted: tuple[str, bytes]) -> KafkaSinkMessage:
    """What is published."""
    key, value = counted
    return KafkaSinkMessage(key.encode(), value)


def flow(broker: str, source: str, sink: str) -> Dataflow:
    """From Kafka to Kafka."""
    made = Dataflow("count")
    read = kafka.input("events", made, brokers=[broker], topics=[source], batch_size=_BATCH)
    by_user = op.key_on("by_user", read.oks, user)
    counted = op.stateful_map("count", by_user, count)
    answers = op.map("answer", counted, answer)
    kafka.output("answers", answers, brokers=[broker], topic=sink, add_config={"linger.ms": "5"})
    return made


def main() -> None:
    """Serve until killed, with its state kept as its authors advise."""
    broker, source, sink, _group, folder = sys.argv[1:]
    kept = Path(folder)
    init_db_dir(kept, 1)
    cluster_main(flow(broker, source, sink), [], 0, recovery_config=RecoveryConfig(str(kept)))


if __name__ == "__main__":
    main()
