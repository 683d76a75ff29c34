"""The search itself: Optuna suggests, an objective scores, and all is kept as it comes.

What is suggested follows from the seed and the finished trials alone, so that a search that was
killed goes on as if it had not been. The first trial is the learner's defaults, or the nearest
to them that is searched.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import optuna
from optuna.pruners import BasePruner, MedianPruner, NopPruner
from optuna.samplers import BaseSampler, GPSampler, NSGAIISampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from models.errors import DivergedError
from models.evaluation.contest import Progress
from models.search.objective import Objective
from models.search.space import Float, Int, Narrowed, Parameter, Settings, gathered, start_of

SAMPLERS: Final[Mapping[str, Callable[[int], BaseSampler]]] = {
    "tpe": lambda seed: TPESampler(seed=seed),
    "gp": lambda seed: GPSampler(seed=seed),
    "genetic": lambda seed: NSGAIISampler(seed=seed, population_size=10),
}
FINISHED: Final = (TrialState.COMPLETE, TrialState.PRUNED)
SETTINGS: Final = "settings"
DIVERGED: Final = "diverged"
_UNPRUNED: Final = 5
"""Trials before the first that may be stopped."""


@dataclass(frozen=True, slots=True)
class Search:
    """What is searched, by whom, and where trials are kept; `about` says it in a few words."""

    about: str
    study: Study
    narrowed: Narrowed
    defaults: Settings
    objective: Objective
    sampler: str
    seed: int
    prune: bool

    def run(self, trials: int, progress: Progress, done: Callable[[FrozenTrial], None]) -> None:
        """Go on until so many trials are finished, those of earlier runs counted.

        Raises
        ------
        DataError
            If nothing can be learned of the data.

        """
        self.study.pruner = self._pruner()
        while (count := len(finished(self.study))) < trials:
            state = np.random.SeedSequence([self.seed, count]).generate_state(1)
            self.study.sampler = SAMPLERS[self.sampler](int(state[0]))
            if not count and not self.study.get_trials(states=(TrialState.WAITING,)):
                self.study.enqueue_trial(start_of(self.narrowed.space, self.defaults))
            self._one(self.study.ask(), progress)
            done(self.study.get_trials(deepcopy=False)[-1])

    def _one(self, trial: Trial, progress: Progress) -> None:
        space, fixed = self.narrowed.space, self.narrowed.fixed
        values = {name: suggested(trial, name, parameter) for name, parameter in space.items()}
        settings = gathered({**fixed, **values}, self.defaults)
        trial.set_user_attr(SETTINGS, settings)
        if (score := self._known(trial)) is not None:
            self.study.tell(trial, score)
            return

        def tell(step: int, score: float) -> None:
            trial.report(score, step)
            if trial.should_prune():
                raise optuna.TrialPruned

        try:
            score = self.objective(settings, tell, progress)
        except optuna.TrialPruned:
            self.study.tell(trial, state=TrialState.PRUNED)
        except DivergedError as error:
            trial.set_user_attr(DIVERGED, str(error))
            self.study.tell(trial, state=TrialState.PRUNED)
        else:
            self.study.tell(trial, score)

    def _known(self, trial: Trial) -> float | None:
        """The score of an earlier trial of the same point, which would be the same again."""
        for earlier in self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
            if earlier.params == trial.params:
                return earlier.value
        return None

    def _pruner(self) -> BasePruner:
        if not self.prune:
            return NopPruner()
        return MedianPruner(_UNPRUNED, n_warmup_steps=self.objective.quiet_steps)


def finished(study: Study) -> list[FrozenTrial]:
    """All trials that came to an end of their own."""
    return study.get_trials(deepcopy=False, states=FINISHED)


def best(study: Study) -> FrozenTrial | None:
    """The best trial so far; of equals the first."""
    if not study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
        return None
    return study.best_trial


def suggested(trial: Trial, name: str, parameter: Parameter) -> Any:
    """What the trial's sampler suggests for a parameter."""
    if isinstance(parameter, Float):
        return trial.suggest_float(name, parameter.low, parameter.high, log=parameter.log)
    if isinstance(parameter, Int):
        return trial.suggest_int(name, parameter.low, parameter.high, log=parameter.log)
    return trial.suggest_categorical(name, parameter.options)
