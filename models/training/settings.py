"""What is decided before training; equal settings, data and seed give equal weights on a CPU."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, TypeAlias

from models.errors import DataError
from models.search.modules import MODULES, features_of
from models.search.space import ON_OFF, Float, Int, Parameter

Device: TypeAlias = Literal["auto", "cpu", "cuda"]


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """The recipe of learner.md; `auto` takes a GPU where there is one."""

    width: int = 64
    scales: int = 4
    hidden: int = 128
    epochs: int = 12
    warm_epochs: int = 3
    patience: int = 4  # epochs without a better validation before training stops
    seed: int = 0
    repeats: bool = False
    device: Device = "auto"
    window: int = 160  # targets of one window
    burn_in: int = 40  # events before them that only fill its state
    batch: int = 32  # windows
    most_rows: int = 4096  # targets of one batch
    whole_softmax: int = 3000  # items up to which a softmax runs over all of them
    negatives: int = 1000
    rate: float = 3e-3
    warm_rate: float = 1.5e-3
    weight_decay: float = 1e-2
    dropout: float = 0.3
    id_dropout: float = 0.1
    disliked_weight: float = 0.3
    validation_targets: int = 2000
    modules: tuple[str, ...] = tuple(MODULES)  # of the mixture

    def __post_init__(self) -> None:
        """Refuse what cannot be trained with.

        Raises
        ------
        DataError
            If something is out of its range; the message names it.

        """
        features_of(self.modules)
        for name, value in asdict(self).items():
            if isinstance(value, bool | str | tuple):
                continue
            least = 1 if isinstance(value, int) and name not in _FROM_ZERO else 0
            below = 1 if name.endswith("dropout") else float("inf")
            above_zero = value > 0 or not name.endswith("rate")
            if not (least <= value < below and above_zero):
                raise DataError(f"{name} is out of its range; got {value}.")


_FROM_ZERO: Final = {"seed", "burn_in", "whole_softmax"}
_GIVEN: Final = ("seed", "repeats", "device")
"""Settings that flags decide, and the environment."""

DEFAULTS: Final[Mapping[str, Any]] = {
    name: value for name, value in asdict(TrainSettings()).items() if name not in _GIVEN
}
"""What a file of settings may hold."""
MODULE_SPACE: Final[Mapping[str, Parameter]] = {f"modules.{name}": ON_OFF for name in MODULES}
SPACE: Final[Mapping[str, Parameter]] = {
    "width": Int(16, 128, log=True),
    "hidden": Int(32, 256, log=True),
    "scales": Int(2, 6),
    "rate": Float(5e-4, 1e-2, log=True),
    "warm_rate": Float(2e-4, 5e-3, log=True),
    "weight_decay": Float(1e-3, 1e-1, log=True),
    "dropout": Float(0.0, 0.6),
    "id_dropout": Float(0.0, 0.4),
    "disliked_weight": Float(0.0, 1.0),
    **MODULE_SPACE,
}
"""What `headwater search` varies."""
