"""What is decided before training; equal settings, data and seed give equal weights on a CPU."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

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
