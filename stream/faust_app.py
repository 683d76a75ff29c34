"""Faust's app and producer as a worker's settings want them; nothing of them happens at import."""

from collections.abc import Callable, Container
from pathlib import Path
from typing import cast

import faust

from stream.faustfix import FAUST_LOG
from stream.faustfix.flush import FlushProducer
from stream.faustfix.resume import SeekFirstTableManager
from stream.fence import Fence
from stream.fenced_producer import FencedProducer, fenced_producer
from stream.intake import RunConsumer
from stream.settings import Settings
from stream.tables import RowTable

# A request of some such batches is copied in the processor's cache: with 1 MB, each record of 1 kB
# took .7 µs longer. A longer record has a batch of its own.
_BATCH_BYTES = 262_144
# A fetch takes at most this many times the longest run.
_POLL_RUNS = 4
_BACKENDS = {"rocksdb": "rocksdb://", "memory": "memory://"}


def make_app(settings: Settings, state_dir: Path) -> faust.App:
    """An app whose transport is still Faust's own; RocksDB lies in `state_dir`."""
    return faust.App(
        settings.group,
        broker=";".join(f"kafka://{part.strip()}" for part in settings.broker.split(",")),
        store=_BACKENDS[settings.store],
        datadir=str(state_dir),
        TableManager=SeekFirstTableManager,
        Table=RowTable,
        topic_partitions=settings.partitions,
        topic_replication_factor=settings.replication,
        topic_disable_leader=True,
        topic_allow_declare=False,
        table_standby_replicas=0,
        web_enabled=False,
        broker_session_timeout=settings.session_timeout,
        broker_heartbeat_interval=settings.heartbeat_interval,
        broker_commit_interval=settings.commit_interval,
        broker_max_poll_records=_POLL_RUNS * settings.max_run,
        producer_linger=settings.linger_ms / 1000,
        producer_max_batch_size=_BATCH_BYTES,
        producer_request_timeout=settings.request_timeout,
        stream_wait_empty=True,
        stream_recovery_delay=0.0,
    )


def producer_class(
    fence: Fence,
    on_fenced: Callable[[], None],
    patient: Container[str],
    started: Callable[[FencedProducer], None],
) -> type[FlushProducer]:
    """Faust's producer on a fenced aiokafka one, which `started` is given once it runs.

    `on_fenced`: called when the broker refuses a write. `patient`: topics whose records linger.
    """
    make = fenced_producer(fence, on_fenced, patient)

    class Producer(FlushProducer):
        """Faust's producer on a fenced aiokafka one."""

        logger = FAUST_LOG

        def _new_producer(self, transactional_id: str | None = None) -> FencedProducer:
            del transactional_id
            options = {**self._settings_default(), **self._settings_auth()}
            return make(**{k: v for k, v in options.items() if k != "acks"})

        async def on_start(self) -> None:
            await super().on_start()
            started(cast("FencedProducer", self._producer))

    return Producer


def consumer_of(app: faust.App) -> RunConsumer | None:
    """The app's consumer, if it has been made."""
    consumer = app._consumer  # noqa: SLF001  # the property would make one
    return consumer if isinstance(consumer, RunConsumer) else None
