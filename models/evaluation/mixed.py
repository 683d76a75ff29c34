"""The headline: net and counters together, trained on what lies behind."""

import logging

from models.dataset import Dataset
from models.evaluation.by_rows import ByRows
from models.evaluation.contest import Context
from models.search.modules import NET
from models.training import Step, TrainSettings, refresh, train
from models.training.settings import DEFAULTS, SPACE

_log = logging.getLogger(__name__)


class Mixed(ByRows):
    """The mixture as `headwater train` makes it, with its rows as workers keep them."""

    name = "mixture"
    space, defaults = SPACE, DEFAULTS

    def __init__(self, context: Context) -> None:
        """Take the context's settings. Raises DataError if one is out of its range."""
        super().__init__(context)
        own = context.settings.get(self.name, {})
        self.settings = TrainSettings(seed=context.seed, repeats=context.repeats, **own)

    def fit(self, data: Dataset, end: int) -> None:
        """Train on events [0, end), then replay them."""
        settings = self.settings
        self._trained = train(data, end, settings, progress=self._tell)
        if self._trained.mixture.net is None and NET in settings.modules:
            _log.warning("The mixture has no net: %s.", self._trained.mixture.notes["net"])
        self.begin(self._trained.mixture, data, end)

    def refit(self, data: Dataset, end: int) -> None:
        """Refresh the net by all events so far; rows and gates stay."""
        self._trained = refresh(self._trained, data, end, progress=self._tell)
        self.use(self._trained.mixture)

    def _tell(self, step: Step, /) -> None:
        done = int(100 * (step.epoch + step.part))
        self.context.progress(f"{self.name}: training, {step.stage}", done, 100 * step.epochs)
        if step.stage == "net" and step.loss is not None and step.hit_rate is not None:
            self.context.validated(step.epoch, step.hit_rate)
