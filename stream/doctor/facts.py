"""What was seen of an installation; nothing here judges. Times are epoch milliseconds."""

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field

from stream.topics import Described


@dataclass(frozen=True, slots=True)
class Clock:
    """Kafka's clock against this machine's.

    `ahead` is Kafka's less ours in seconds, `give_or_take` half the time that asking took; None
    when Kafka does not tell, for the reason `unknown`.
    """

    ahead: float | None
    give_or_take: float = 0.0
    unknown: str = ""


@dataclass(frozen=True, slots=True)
class Cluster:
    """What answers at the address: nodes, and the versions spoken of each of Kafka's requests."""

    nodes: int
    versions: Mapping[int, tuple[int, int]]
    clock: Clock
    topics: Mapping[str, Described]
    away: Sequence[str] = ()  # advertised addresses at which nobody answers
    leaderless: Sequence[str] = ()  # topic[partition]
    under_replicated: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class NoKafka:
    """Why no Kafka could be asked, in a sentence, and what mends that."""

    text: str
    mend: str | None = None


@dataclass(frozen=True, slots=True)
class Sampled:
    """One of the newest events: where it lies, whose it is, and what its clocks say."""

    partition: int
    key: bytes | None
    user_id: str
    broker_ms: int
    event_ms: int


@dataclass(frozen=True, slots=True)
class Events:
    """The newest events that could be read as such."""

    partitions: int
    sampled: Sequence[Sampled]


@dataclass(frozen=True, slots=True)
class Group:
    """The workers' consumer group as Kafka knows it; `hosts` has one entry for each member."""

    state: str
    hosts: Sequence[str]


@dataclass(frozen=True, slots=True)
class Waiting:
    """Records of one partition that are not yet committed; `oldest_ms` is the first one's time."""

    topic: str
    partition: int
    records: int
    oldest_ms: int | None = None


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """How many records were set aside in the last hour, by reason; `more`: not all were counted."""

    reasons: Mapping[str, int]
    more: bool = False


@dataclass(frozen=True, slots=True)
class Kafka:
    """All that Kafka tells. None: the topic is not there, or Kafka refused, see `refused`."""

    cluster: Cluster
    events: Events | None = None
    group: Group | None = None
    waiting: Sequence[Waiting] | None = None
    dead_letters: DeadLetters | None = None
    refused: Mapping[str, str] = field(default_factory=dict)
    _: KW_ONLY
    now_ms: float  # by Kafka's clock where it tells, else by ours; after all that was read


@dataclass(frozen=True, slots=True)
class StateDir:
    """The folder of the tables. `error`: what a worker would meet when it writes there."""

    path: str
    exists: bool
    error: str | None
    free_bytes: int
    number: int | None = None  # the error's errno


@dataclass(frozen=True, slots=True)
class Model:
    """The snapshot that the settings name; `error` is the sentence with which a worker refuses."""

    path: str | None
    version: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A worker's web page. `error`: nobody answers, or someone who is no worker."""

    address: str
    error: str | None = None
    silent: bool = False  # it takes connections and does not answer
    health: str | None = None  # what /healthz complains of
    readiness: str | None = None
    ahead: float | None = None  # s, its clock less ours, to a second
    models: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A Prometheus; `workers` it reaches and `down` it does not, `firing` are its alerts."""

    url: str
    error: str | None = None
    workers: int = 0
    down: Sequence[str] = ()
    firing: Sequence[str] = ()
