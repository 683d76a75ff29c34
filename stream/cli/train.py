"""headwater train: from a history to the snapshot that workers serve."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from models.errors import DataError
from models.meta import LEARNERS
from models.search.files import read_settings
from stream.cli.flags import command
from stream.cli.given import given, refuse
from stream.cli.history_flags import FLAGS, Events, Items, Seed, Users
from stream.cli.outputs import Output, check_outputs
from stream.cli.stopping import terminable
from stream.errors import UsageError
from stream.settings import Loaded

MIXTURE = "mixture"
_DEVICES = ("auto", "cpu", "cuda")
_Version: TypeAlias = tuple[int, int, int]

Out = Annotated[Path, typer.Option("--out", help="The snapshot to write, a .safetensors file.")]
Epochs = Annotated[
    int | None,
    typer.Option("--epochs", min=1, help="At most; it may stop earlier. [12]", show_default=False),
]
Width = Annotated[
    int | None,
    typer.Option(
        "--width", min=4, max=512, help="Numbers per item vector. [64]", show_default=False
    ),
]
Learner = Annotated[
    str | None,
    typer.Option(
        "--learner",
        help=f"{MIXTURE}, or one for the likes of user-cold: {', '.join(LEARNERS)}."
        f" [that of --settings, or {MIXTURE}]",
        show_default=False,
    ),
]
SettingsFile = Annotated[
    Path | None, typer.Option("--settings", help="What `headwater search` wrote; flags go first.")
]
Device = Annotated[
    str, typer.Option("--device", metavar="|".join(_DEVICES), help="auto: a GPU if there is one.")
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(
        app,
        train,
        "headwater train --events events.csv.gz --items items.csv.gz --out shop.safetensors",
        "headwater train --events events.csv.gz --settings best.toml --out shop.safetensors",
        "headwater train --events events.csv.gz --learner bayes --out shop.safetensors",
        "HEADWATER_MODEL=shop.safetensors headwater worker",
        flags=FLAGS,
    )


def train(
    loaded: Loaded,
    context: typer.Context,
    *,
    events: Events,
    out: Out,
    items: Items = None,
    users: Users = None,
    learner: Learner = None,
    seed: Seed = 0,
    epochs: Epochs = None,
    width: Width = None,
    settings: SettingsFile = None,
    device: Device = "auto",
) -> int:
    """Train the sequence net and the gate's start on a history, and write them as one file.

    The net trains on the first nine tenths by time until the last tenth is predicted no better, and
    then learns that too. Files hold the fields of the topics; of events user_id, item_id, type and
    timestamp are needed. A history that trains no net (fewer than 50 events, one item, no positive
    event, or no user with two) gives a snapshot of counters alone, and the table says why.

    After each epoch the state is kept beside the snapshot, in OUT.training; interrupted (Ctrl-C,
    SIGTERM), the same command goes on from there.

    With --learner a meta-learner is trained instead, on all users; a worker serves it as it serves
    the mixture, from the events that each user's row remembers.
    """
    if device not in _DEVICES:
        raise UsageError(f"--device may be {', '.join(_DEVICES)}; got {device}.")
    checkpoint = Path(f"{out}.training")
    check_outputs(
        [("--events", events), ("--items", items), ("--users", users), ("--settings", settings)],
        [Output("--out", out), Output("the training of --out", checkpoint)],
    )
    name = _learner(learner, settings)
    if name == MIXTURE:
        refuse(
            given(context), {"users": "--users"}, f"another --learner; {MIXTURE} reads no profiles"
        )
    else:
        of_net = {"width": "--width", "device": "--device"}
        refuse(given(context), of_net, f"the {MIXTURE}'s net; {name} has none")
    with terminable(), _telling(out, checkpoint if name == MIXTURE else None):
        from stream.cli.training import Job, run  # noqa: PLC0415  # numba: .5 s of every command

        job = Job(events, items, users, out, checkpoint, seed, epochs, width, device, settings)
        if name == MIXTURE:
            run(loaded, job)
        else:
            from stream.cli import meta_training  # noqa: PLC0415  # the same

            meta_training.run(loaded, job, name)
    return 0


@contextmanager
def _telling(out: Path, checkpoint: Path | None) -> Iterator[None]:
    """Whoever stops the training is told what this run has kept of it."""
    paths = [out] if checkpoint is None else [out, checkpoint]
    found = {path: _version(path) for path in paths}
    try:
        yield
    except KeyboardInterrupt:
        print(f"Stopped. {_kept(out, checkpoint, found)}", file=sys.stderr)
        raise


def _kept(out: Path, checkpoint: Path | None, found: Mapping[Path, _Version | None]) -> str:
    """What a stopped run leaves, where it had found these versions of its files."""
    if _version(out) != found[out]:
        return f"The training was done: {out} is written."
    if checkpoint is None or (now := _version(checkpoint)) is None:
        return "Nothing is kept: the same command starts over."
    if now == found[checkpoint]:
        return f"Nothing new is kept: {checkpoint} is as it was found."
    return f"{checkpoint} holds the epochs so far: the same command goes on."


def _version(path: Path) -> _Version | None:
    """What tells a file from the one that is written in its place; None if there is none."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_mtime_ns, stat.st_size


def _learner(asked: str | None, settings: Path | None) -> str:
    """The learner by name, which the file of settings must be for."""
    known = (MIXTURE, *LEARNERS)
    try:
        found = read_settings(settings).learner if settings else None
    except DataError as error:
        raise UsageError(str(error)) from error
    if asked is not None and asked not in known:
        raise UsageError(f"--learner may be {', '.join(known)}; got {asked}.")
    if found is not None and found not in known:
        raise UsageError(f"{settings} is for the learner {found}; train makes {', '.join(known)}.")
    if None not in {asked, found} and asked != found:
        raise UsageError(f"{settings} is for the learner {found}; --learner is {asked}.")
    return asked or found or MIXTURE
