"""What a search found: as a table, and as the comments of the file that holds it."""

from collections.abc import Iterator

from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState
from rich.table import Table

from models.evaluation.words import counted
from models.search.space import Settings, default_of, start_of
from models.search.trials import DIVERGED, FINISHED, SETTINGS, Search, best, finished


def line(search: Search, trial: FrozenTrial, trials: int) -> str:
    """A finished trial in a line: how good, and the best so far."""
    done = len(finished(search.study))
    figure, leader = search.objective.figure, best(search.study)
    ended = "stopped" if trial.state == TrialState.PRUNED else f"{figure} {trial.value:.4f}"
    if DIVERGED in trial.user_attrs:
        ended = "diverged"
    so_far = "" if leader is None else f"; best {leader.value:.4f}, of trial {leader.number}"
    took = f"{trial.duration.total_seconds():.0f} s" if trial.duration else ""
    return f"trial {trial.number} ({done} of {trials}): {ended}, {took}{so_far}"


def table(search: Search, found: FrozenTrial) -> Table:
    """The best trial beside the defaults, and beside the first trial if that is not these."""
    first, from_defaults = finished(search.study)[0], not _moved(search)
    shown = Table(title=f"Searched {search.about}", title_justify="left")
    shown.add_column("setting")
    shown.add_column("default", justify="right")
    if not from_defaults:
        shown.add_column(f"trial {first.number}, the first", justify="right")
    shown.add_column(f"trial {found.number}, the best", justify="right")
    for name in (*search.narrowed.space, *search.narrowed.fixed):
        tried = [] if from_defaults else [first]
        values = [{**search.narrowed.fixed, **trial.params}[name] for trial in (*tried, found)]
        shown.add_row(name, *map(_text, (default_of(name, search.defaults), *values)))
    shown.add_section()
    before = [_score(first)] if from_defaults else ["", _score(first)]
    shown.add_row(search.objective.figure, *before, _score(found))
    return shown


def beginning(search: Search) -> str | None:
    """What the first trial tries, if the defaults lie outside of what is searched."""
    moved = _moved(search)
    if not moved:
        return None
    told = [
        f"{name} {_text(value)} (default {_text(default_of(name, search.defaults))})"
        for name, value in moved.items()
    ]
    return f"The first trial is the nearest to the defaults: {', '.join(told)}."


def _moved(search: Search) -> Settings:
    """What of the first trial is not the learner's default."""
    space, fixed, defaults = search.narrowed.space, search.narrowed.fixed, search.defaults
    first = {**fixed, **start_of(space, defaults)}
    return {name: value for name, value in first.items() if value != default_of(name, defaults)}


def _score(trial: FrozenTrial) -> str:
    return "diverged" if DIVERGED in trial.user_attrs else _text(trial.value)


def counts(study: Study) -> str:
    """How many trials there were, and what became of them."""
    trials = study.get_trials(deepcopy=False)
    ended = [trial for trial in trials if trial.state in FINISHED]
    diverged = sum(DIVERGED in trial.user_attrs for trial in ended)
    stopped = sum(trial.state == TrialState.PRUNED for trial in ended) - diverged
    parts = [counted(len(ended), "trial"), f"{stopped} stopped early"]
    if diverged:
        parts.append(f"{diverged} diverged")
    return ", ".join(parts)


def last_divergence(study: Study) -> str:
    """Why the last trial that diverged did, after a space; nothing, if none did."""
    told = [trial.user_attrs.get(DIVERGED) for trial in finished(study)]
    return next((f" {reason}" for reason in reversed(told) if reason), "")


def settings_of(found: FrozenTrial) -> Settings:
    """The trial's settings, whole: those that were searched or fixed."""
    told: Settings = found.user_attrs[SETTINGS]
    return told


def comments(search: Search, found: FrozenTrial) -> Iterator[str]:
    """Where the settings come from."""
    first = finished(search.study)[0]
    yield f"headwater search: {search.about}"
    yield f"{search.objective.figure} {_text(found.value)} on the validation part;"
    start = "the first trial" if _moved(search) else "the defaults"
    yield f"{start} {_score(first)}; {counts(search.study)}."


def _text(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value).lower()
