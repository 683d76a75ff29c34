"""Training: the sequence net by torch, and the gate from which partitions start.

>>> from models.training import TrainSettings, train
>>> trained = train(data, len(data), TrainSettings(epochs=12))  # doctest: +SKIP
>>> trained.mixture.save(Path("snapshot.safetensors"))  # doctest: +SKIP
"""

from models.training.fit import Trained, refresh, train
from models.training.net_training import has_gpu
from models.training.progress import Progress, Step
from models.training.settings import DEFAULTS, TrainSettings

__all__ = [
    "DEFAULTS",
    "Progress",
    "Step",
    "TrainSettings",
    "Trained",
    "has_gpu",
    "refresh",
    "train",
]
