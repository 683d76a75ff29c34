"""headwater search: which settings of a learner suit a history, found by trials."""

from pathlib import Path
from typing import Annotated

import typer

from stream.cli.flags import command
from stream.cli.given import given
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
from stream.cli.stopping import terminable
from stream.errors import UsageError
from stream.settings import Loaded

_SAMPLERS = ("tpe", "gp", "genetic")

Out = Annotated[Path, typer.Option("--out", help="The best settings, a TOML file to write.")]
Learner = Annotated[
    str, typer.Option("--learner", help="As `headwater evaluate` names them; one with settings.")
]
Space = Annotated[
    Path | None, typer.Option("--space", help="A TOML file: search what it names, nothing else.")
]
Trials = Annotated[
    int, typer.Option("--n-trials", min=1, help="In all, those of an earlier run counted.")
]
Sampler = Annotated[
    str,
    typer.Option("--sampler", metavar="|".join(_SAMPLERS), help="gp: Gaussian process."),
]
Prune = Annotated[
    bool, typer.Option("--prune/--no-prune", help="Stop trials that promise less than most.")
]
Storage = Annotated[
    Path | None,
    typer.Option("--storage", help="All trials, SQLite; OUT.trials otherwise.", show_default=False),
]
WarmUp = Annotated[
    float, typer.Option("--warm-up", help="The part of all events that is looked at, the first.")
]
Draws = Annotated[
    int, typer.Option("--draws", min=1, help="Meta-learners: sets of users held out in turn.")
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(
        app,
        search,
        "headwater search --events events.csv.gz --items items.csv.gz --out best.toml",
        "headwater train --events events.csv.gz --items items.csv.gz --settings best.toml"
        " --out shop.safetensors",
        "headwater search --events e.csv --learner counters --sampler genetic --out best.toml",
        "headwater search --events e.csv --users u.csv --learner maml --n-trials 50 --out maml.toml"
        " --plot pictures",
        flags=FLAGS,
    )


def search(
    loaded: Loaded,
    context: typer.Context,
    *,
    events: Events,
    out: Out,
    items: Items = None,
    users: Users = None,
    learner: Learner = "mixture",
    space: Space = None,
    n_trials: Trials = 30,
    sampler: Sampler = "tpe",
    prune: Prune = True,
    storage: Storage = None,
    warm_up: WarmUp = 0.7,
    cold_share: ColdShare = 0.2,
    draws: Draws = 2,
    seed: Seed = 0,
    plot: PlotOut = None,
) -> int:
    """Search a learner's settings, and which modules the mixture has; write the best ones.

    The first trial is the defaults, or with --space what is nearest to them; others are suggested
    by what was found so far. What `headwater evaluate` tests with the same --warm-up, or
    --cold-share and --seed, is never looked at: a trial trains on the first 80 % of the warm-up and
    is scored by HR@10 over its rest, predicted event by event; a meta-learner's by the MAE for
    users held out of those that train.

    Every trial is kept as it ends. Killed or interrupted, the same command goes on; with a larger
    --n-trials it adds trials.
    """
    if sampler not in _SAMPLERS:
        raise UsageError(f"--sampler may be {', '.join(_SAMPLERS)}; got {sampler}.")
    if not 0 < warm_up <= 1:
        raise UsageError(f"--warm-up is a part of all events, up to 1; got {warm_up}.")
    check_cold_share(cold_share)
    storage = storage or Path(f"{out}.trials")
    inputs = [("--events", events), ("--items", items), ("--users", users), ("--space", space)]
    check_outputs(inputs, [Output("--out", out), Output("--storage", storage)], plot)
    from stream.cli.searching import Job, run  # noqa: PLC0415  # numba: .5 s of every command

    job = Job(
        events, items, users, out, storage, space, plot, learner=learner, trials=n_trials,
        sampler=sampler, prune=prune, warm_up=warm_up, cold_share=cold_share, draws=draws,
        seed=seed, given=given(context),
    )  # fmt: skip
    with terminable():
        run(loaded, job)
    return 0
