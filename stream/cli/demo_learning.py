"""What `headwater demo` asks of the learner: a snapshot of the past, the stream again offline."""

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import numpy as np

from agents.keys import row_id as id_of_row
from models.content import Content
from models.dataset import NEVER, Dataset
from models.dataset_files import read_dataset
from models.errors import DataError, MissingLibraryError
from models.evaluation.by_rows import ByRows, Counters
from models.evaluation.contest import Context
from models.evaluation.prequential import Protocol, plan, run
from models.evaluation.ranks import MISS, draw_ranks
from models.events import type_code
from models.hashing import item_hashes
from models.mixture import Mixture
from stream.demo.learning import WITH_NET, WITHOUT_NET, Progress
from stream.demo.report import POSITIVE_STARS, EventSeen, K, Offline
from stream.errors import UsageError
from stream.placement import Placement

SEED = 0


class _Film(msgspec.Struct):
    item_id: str
    title: str | None = None
    categories: tuple[str, ...] = ()


class _Served(ByRows):
    """A learner that is there already."""

    name = "with the net"

    def __init__(self, context: Context, learner: Mixture) -> None:
        super().__init__(context)
        self._ready = learner

    def fit(self, data: Dataset, end: int) -> None:
        """Replay events [0, end)."""
        self.begin(self._ready, data, end)


class DemoLearning:
    """The learner for stream.demo.learning.Learning; `partitions` of `events`."""

    def __init__(self, partitions: int) -> None:
        self._partitions = partitions

    def row_id(self, key: bytes) -> str | None:
        """The id that a key of `item-vectors` names; None for keys of other kinds."""
        return id_of_row(key)

    def train(self, events: Path, items: Path, snapshot: Path, progress: Progress) -> None:
        """Train on files of events and items; write a snapshot for a worker.

        Raises
        ------
        UsageError
            If what trains is not installed.

        """
        try:
            from models.training import Step, TrainSettings, train  # noqa: PLC0415  # slow to load

            data = read_dataset(events, items)
        except ModuleNotFoundError as error:
            raise UsageError(str(MissingLibraryError.of(error))) from error
        except (DataError, MissingLibraryError) as error:
            raise UsageError(str(error)) from error

        def tell(step: Step, /) -> None:
            share = (step.epoch + step.part) / step.epochs
            rate = "" if step.hit_rate is None else f"validation HR@10 {step.hit_rate:.3f}"
            progress(_SHARES[step.stage](share), rate)

        train(data, len(data), TrainSettings(seed=SEED), progress=tell).mixture.save(snapshot)

    def offline(
        self,
        events: Sequence[EventSeen],
        start: int,
        items: Path,
        snapshot: Path,
        progress: Progress,
    ) -> Offline:
        """Evaluate events[start:], in this order, with the snapshot and without."""
        data = _as_dataset(events, items)
        partition = Placement(self._partitions).partitions_of([u.encode() for u in data.users])
        found: dict[str, Sequence[int | None]] = {}
        for number, name in enumerate((WITH_NET, WITHOUT_NET)):

            def tell(what: str, done: int, of: int, number: int = number) -> None:
                progress((number + done / of) / 2, what)

            context = Context(seed=SEED, partition=np.array(partition, np.int32), progress=tell)
            contestant = (
                _Served(context, Mixture.load(snapshot)) if name == WITH_NET else Counters(context)
            )
            laid_out = plan(data, Protocol(warm_up=start / len(data)))
            outcome = run(contestant, laid_out, tell)
            ranks = draw_ranks(outcome.better, outcome.ties, data.row[laid_out.targets], SEED)
            listed: list[int | None] = [None] * len(data)
            for event, rank in zip(laid_out.targets.tolist(), ranks.tolist(), strict=True):
                listed[event] = rank - 1 if MISS < rank <= K else None
            found[name] = listed
        return found


# The part of the whole at which each stage of training is, by the part of the stage.
_SHARES: dict[str, Callable[[float], float]] = {
    "net": lambda share: 0.7 * share,
    "newest": lambda share: 0.7 + 0.1 * share,
    "gate": lambda share: 0.8 + 0.2 * share,
}


def _as_dataset(events: Sequence[EventSeen], items: Path) -> Dataset:
    """The events in the order in which the broker took them, all announced films known before."""
    films = {film.item_id: film for film in map(_film, items.read_bytes().splitlines())}
    ids = tuple(dict.fromkeys([*films, *(event.item_id for event in events)]))
    users = tuple(dict.fromkeys(event.user_id for event in events))
    place_of_item = {item: place for place, item in enumerate(ids)}
    place_of_user = {user: place for place, user in enumerate(users)}
    stars = np.array([event.stars for event in events], dtype=np.float32)
    return Dataset(
        users=users,
        items=ids,
        hashes=item_hashes(ids),
        contents=tuple(_content(films.get(item)) for item in ids),
        announced=np.array([0 if item in films else NEVER for item in ids], dtype=np.int64),
        profiles=(None,) * len(users),
        row=np.arange(len(events)),
        user=np.array([place_of_user[event.user_id] for event in events], dtype=np.int32),
        item=np.array([place_of_item[event.item_id] for event in events], dtype=np.int32),
        kind=np.full(len(events), type_code("rate"), dtype=np.uint8),
        value=stars,
        time=np.array([event.time_ms for event in events], dtype=np.int64),
        positive=stars >= POSITIVE_STARS,
        notes=(),
        fingerprint="",
    )


def _film(line: bytes) -> _Film:
    return msgspec.json.decode(line, type=_Film)


def _content(film: _Film | None) -> Content | None:
    return None if film is None else Content(film.title, film.categories)
