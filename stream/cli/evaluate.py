"""headwater evaluate: which learner adapts best to a history's users, and at what cost."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from models.evaluation.contestants import CONTESTANTS, DEFAULT
from models.meta import LEARNERS
from stream.cli.flags import command
from stream.cli.given import given, refuse
from stream.cli.history_flags import (
    FLAGS,
    ColdShare,
    Events,
    Items,
    PlotOut,
    Seed,
    Users,
    check_cold_share,
)
from stream.cli.outputs import Output, check_outputs
from stream.errors import UsageError
from stream.settings import Loaded

LENGTH = 10
_PREQUENTIAL, _USER_COLD = "prequential", "user-cold"
_READ_BY: Final = {
    _PREQUENTIAL: {
        "warm_up": "--warm-up", "refit_every": "--refit-every", "k": "--k", "more_k": "--k",
        "window": "--window", "partitions": "--partitions", "ranks": "--ranks",
        "repeats": "--repeats",
    },
    _USER_COLD: {
        "cold_share": "--cold-share", "cold_folds": "--cold-folds", "queries": "--queries",
    },
}  # fmt: skip
"""Parameters that one protocol alone reads, and their flags."""

ProtocolName = Annotated[
    str, typer.Option("--protocol", help=f"{_PREQUENTIAL}, or {_USER_COLD}: users held out.")
]
Learners = Annotated[
    list[str] | None,
    typer.Option(
        "--learner",
        metavar="NAME[,NAME]",
        help=f"May be repeated: {', '.join(CONTESTANTS)}; of user-cold {', '.join(LEARNERS)}; all;"
        " or one's own as module:Class.",
    ),
]
WarmUp = Annotated[float, typer.Option("--warm-up", help="The part of all events that trains.")]
Refit = Annotated[
    float | None,
    typer.Option("--refit-every", help="A part of all events: train anew after so many."),
]
Lengths = Annotated[
    list[str] | None,
    typer.Option("--k", metavar="K[,K]", help="List lengths, beside 10.", show_default=False),
]
MoreLengths = Annotated[
    list[str] | None,
    typer.Argument(metavar="K", help="More of --k, as in --k 10 20 50.", show_default=False),
]
Window = Annotated[int, typer.Option("--window", min=1, help="Events predicted together.")]
Partitions = Annotated[int, typer.Option("--partitions", min=1, help="Each has a gate of its own.")]
ColdFolds = Annotated[
    int | None,
    typer.Option("--cold-folds", min=2, help="user-cold: hold each user out once, in N parts."),
]
Queries = Annotated[
    Path | None,
    typer.Option("--queries", help="user-cold: pairs of user_id and item_id to tell, no others."),
]
SettingsFiles = Annotated[
    list[Path] | None,
    typer.Option("--settings", help="What `headwater search` wrote; may be repeated."),
]
JsonOut = Annotated[Path | None, typer.Option("--json", help="Write everything found here.")]
RanksOut = Annotated[Path | None, typer.Option("--ranks", help="Write each rank here (Parquet).")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(
        app,
        evaluate,
        "headwater evaluate --events events.csv.gz --items items.csv.gz",
        "headwater evaluate --events e.parquet --learner mixture,neighbours --refit-every 0.1",
        "headwater evaluate --events e.jsonl --learner all --json found.json --plot pictures",
        "headwater evaluate --events e.jsonl --learner counters,my_module:MyLearner",
        "headwater evaluate --events e.csv --users u.csv --protocol user-cold --learner bayes,maml",
        flags=FLAGS,
    )


def evaluate(
    loaded: Loaded,
    context: typer.Context,
    *,
    events: Events,
    items: Items = None,
    users: Users = None,
    protocol: ProtocolName = _PREQUENTIAL,
    learner: Learners = None,
    warm_up: WarmUp = 0.7,
    refit_every: Refit = None,
    k: Lengths = None,
    more_k: MoreLengths = None,
    window: Window = 64,
    partitions: Partitions = 1,
    cold_share: ColdShare = 0.2,
    cold_folds: ColdFolds = None,
    queries: Queries = None,
    seed: Seed = 0,
    settings: SettingsFiles = None,
    json_: JsonOut = None,
    ranks: RanksOut = None,
    plot: PlotOut = None,
) -> int:
    """Let learners predict a history's events one after the other, and compare them.

    In time order: the first part trains, then every positive event is predicted, by ranking all
    items known at that moment, and then learned. What the user has had is left out unless repeats
    are allowed; an item not yet known counts as a miss; ties are broken at random. Files hold the
    fields of the topics; of events user_id, item_id, type and timestamp are needed.

    Without --learner: the mixture, the same without its net (counters), and the fast baselines. A
    learner that fails is told by why; the others go on, and the exit code is 1 at the end. Stopped
    (Ctrl-C, SIGTERM), it keeps what the learners had found that had finished.

    With --protocol user-cold: a share of the users is held out; what was learned of the others
    adapts to their first 0, 1, 2, 3, 5, 10, 20 events and then tells the values of up to 60 later
    ones. --cold-folds holds each user out once. --queries names the events to be told instead; all
    others of their users adapt.
    """
    if protocol not in {_PREQUENTIAL, _USER_COLD}:
        raise UsageError(f"--protocol is {_PREQUENTIAL} or {_USER_COLD}; got {protocol}.")
    inputs = [("--events", events), ("--items", items), ("--users", users), ("--queries", queries)]
    inputs += [("--settings", path) for path in settings or ()]
    outputs = Output("--json", json_, device=True), Output("--ranks", ranks)
    check_outputs(inputs, outputs, plot)
    files = events, items, users, json_, plot, tuple(settings or ())
    on_line = given(context)
    other = _PREQUENTIAL if protocol == _USER_COLD else _USER_COLD
    refuse(on_line, _READ_BY[other], f"--protocol {other}")
    if protocol == _USER_COLD:
        told = {
            "learners": learner,
            **_held(on_line, cold_share, cold_folds, queries),
            "seed": seed,
        }
        return _user_cold(loaded, files, queries, told)
    _check_parts(warm_up, refit_every)
    learners = _learners(learner, protocol, CONTESTANTS, DEFAULT)
    if not any(":" in name for name in learners):  # none of ours reads profiles here
        refuse(on_line, {"users": "--users"}, f"--protocol {_USER_COLD}, or a learner of one's own")
    asked = {
        "learners": learners,
        "warm_up": warm_up,
        "refit_every": refit_every,
        "positive_min": loaded.settings.positive_min,
        "repeats": loaded.settings.repeats,
        "k": _lengths([*(k or ()), *(more_k or ())]),
        "window": window,
        "partitions": partitions,
        "seed": seed,
    }
    from stream.cli.contest import PREQUENTIAL  # noqa: PLC0415  # numba: .5 s of every command
    from stream.cli.holding import Files, hold  # noqa: PLC0415  # the same

    hold(loaded, Files(*files, ranks=ranks), asked, PREQUENTIAL)
    return 0


def _user_cold(
    loaded: Loaded,
    files: tuple[Path, Path | None, Path | None, Path | None, Path | None, tuple[Path, ...]],
    queries: Path | None,
    asked: dict[str, Any],
) -> int:
    """Check what was asked for, and go on where what is slow to load is loaded."""
    asked["learners"] = _learners(asked["learners"], _USER_COLD, LEARNERS, LEARNERS)
    asked["positive_min"] = loaded.settings.positive_min
    from stream.cli.holding import Files, hold  # noqa: PLC0415  # numba: .5 s of every command
    from stream.cli.user_cold import USER_COLD  # noqa: PLC0415  # the same

    hold(loaded, Files(*files, queries=queries), asked, USER_COLD)
    return 0


def _held(
    on_line: Collection[str], share: float, folds: int | None, queries: Path | None
) -> dict[str, Any]:
    """What says who is held out, if one option does."""
    said = [flag for name, flag in _READ_BY[_USER_COLD].items() if name in on_line]
    if len(said) > 1:
        raise UsageError(f"{said[0]} goes without {said[1]}: either says who is held out.")
    if queries is None and folds is None:
        check_cold_share(share)
        return {"cold_share": share}
    return {} if folds is None else {"cold_folds": folds}


def _learners(
    given: Sequence[str] | None, protocol: str, known: Collection[str], default: Collection[str]
) -> list[str]:
    names = [name.strip() for text in given or () for name in text.split(",") if name.strip()]
    if "all" in names:
        names = [*known, *(name for name in names if ":" in name)]
    if wrong := [name for name in names if name not in known and ":" not in name]:
        raise UsageError(
            f"With --protocol {protocol} --learner may be {', '.join(known)}, all, or one's own as"
            f" module:Class; got {', '.join(wrong)}."
        )
    return list(dict.fromkeys(names or default))


def _lengths(given: Sequence[str]) -> list[int]:
    """The list lengths, ascending; 10 is always one of them."""
    texts = [text.strip() for texts in given for text in texts.split(",")]
    if wrong := [text for text in texts if not text.isdecimal() or int(text) < 1]:
        raise UsageError(f"--k takes whole numbers from 1 on; got {', '.join(wrong)}.")
    return sorted({LENGTH, *map(int, texts)})


def _check_parts(warm_up: float, refit_every: float | None) -> None:
    if not 0 < warm_up < 1:
        raise UsageError(f"--warm-up is a part of all events, between 0 and 1; got {warm_up}.")
    if refit_every is not None and not 0 < refit_every <= 1:
        raise UsageError(f"--refit-every is a part of all events, up to 1; got {refit_every}.")
