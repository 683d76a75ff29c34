"""Learners by gradient steps: a start, rates and items' vectors from which few steps suffice.

A user's weights, of a base scorer (models.meta.bases), start alike for all but for what profile
attributes shift, and take a few steps downhill on the user's events. What differs between the
learners is which weights the steps move and how the start is learned; each is one file:

    anil     the head alone; slow weights learn through the steps
    maml     all weights; slow weights learn through the steps (second order)
    fomaml   all weights; slow weights learn as if the steps did not depend on them
    metasgd  all weights, each with a learned rate of its own
    reptile  all weights; the start moves towards where the steps lead

All start from what variational EM makes of the tasks (models.meta.em), as the Bayesian head does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

import numpy as np

from models.arrays import Float32s
from models.meta import heads
from models.meta.bases import Base, Dot, Mlp
from models.meta.configured import Settings
from models.meta.episodic import SPACE, EpisodicLearner, EpisodicSettings
from models.meta.tasks import Profile, Support
from models.search.space import Choice, Float, Int, Space

Rates: TypeAlias = Literal["fixed", "step", "weight"]


@dataclass(frozen=True, slots=True)
class GradientSettings(EpisodicSettings):
    """What is decided before training."""

    most: ClassVar[Mapping[str, int]] = {**EpisodicSettings.most, "units": 1024, "steps": 100}

    base: Literal["dot", "mlp"] = "dot"
    loss: heads.Loss = "squared"
    units: int = 16  # of the mlp's layer
    steps: int = 1
    rate: float = 0.6
    rates: Rates = "step"  # fixed, or learned from `rate` on: one a step, or one a weight and step
    damping: float = 20.0  # events; steps on n events are n / (n + damping) long
    head_only: bool = False
    first_order: bool = False
    reptile: bool = False
    towards: float = 1.0  # how far Reptile's start moves to where steps lead

    def __post_init__(self) -> None:
        """Refuse what cannot be learned with.

        Raises
        ------
        DataError
            If a setting is out of its range; the message names it.

        """
        Settings.__post_init__(self)
        self.one_of("base", "dot", "mlp")
        self.one_of("loss", "squared", "cross-entropy")
        self.one_of("rates", "fixed", "step", "weight")

    @property
    def scorer(self) -> Base:
        """The base scorer."""
        return Dot(self.size) if self.base == "dot" else Mlp(self.size, self.size, self.units)


class GradientLearner(EpisodicLearner[GradientSettings]):
    """Weights [n, w]: the scorer's; where steps move the head alone, the head's.

    Adapting a head is numpy's work; other weights are adapted by torch, which a worker must have.
    """

    training = "gradient"
    defaults = GradientSettings()
    space: ClassVar[Space] = {
        **SPACE,
        "base": Choice(("dot", "mlp")),
        "loss": Choice(("squared", "cross-entropy")),
        "steps": Int(1, 5),
        "rate": Float(0.05, 1.0, log=True),
        "damping": Float(2.0, 100.0, log=True),
    }

    def check_libraries(self) -> None:
        """Torch is needed, unless steps move the head alone. Raises MissingLibraryError."""
        if not self.settings.head_only:
            self._torch()

    def start(self, profiles: Sequence[Profile]) -> Float32s:
        """What all start from, the head shifted by profiles."""
        weights = np.tile(self.learned["start"], (len(profiles), 1))
        shift = self.shifts(profiles)
        weights[:, : shift.shape[1]] += shift
        return weights

    def adapt_weights(self, weights: Float32s, support: Support) -> Float32s:
        """Take the steps."""
        if not support.value.shape[1]:
            return weights
        target = scaled(self.settings.loss, self.learned["range"], support.value) * support.mask
        if self.settings.head_only:
            return self._stepped(weights, support, target)
        events = support.vector, target, support.mask
        after: Float32s = self._torch().adapted(
            self.settings, weights, events, self.learned["rates"]
        )
        return after

    def _stepped(self, weights: Float32s, support: Support, target: Float32s) -> Float32s:
        hidden = self.settings.scorer.hidden(self.learned["body"], support.vector)
        offset, taste = heads.stepped(
            (weights[:, :1], weights[:, 1:]), hidden, support.vector[..., 0], target, support.mask,
            self.learned["rates"], np.float32(self.settings.damping), self.settings.loss,
        )  # fmt: skip
        return np.concatenate([offset, taste], axis=1).astype(np.float32)

    def predict(self, weights: Float32s, vectors: Float32s) -> Float32s:
        """What the base scorer says."""
        scorer = self.settings.scorer
        if self.settings.head_only:
            hidden = scorer.hidden(self.learned["body"], vectors)
            value = scorer.of_hidden(weights, hidden, vectors)
        else:
            value = scorer.value(weights, vectors)
        return unscaled(self.settings.loss, self.learned["range"], value)


def span(range_: Float32s) -> float:
    """How far values lie apart; 1 where all are alike."""
    low, high = map(float, range_)
    return high - low or 1.0


def scaled(loss: heads.Loss, range_: Float32s, value: Float32s) -> Float32s:
    """Values as the loss takes them: as they are, or for the cross-entropy within 0..1."""
    if loss == "squared":
        return value
    share = (value - range_[0]) / np.float32(span(range_))
    return np.asarray(np.clip(share, 0, 1), dtype=np.float32)


def unscaled(loss: heads.Loss, range_: Float32s, value: Float32s) -> Float32s:
    """Values of what the scorer says: the same, or of logits where the loss is cross-entropy."""
    if loss == "cross-entropy":
        return np.asarray(range_[0] + span(range_) * heads.expit(value), dtype=np.float32)
    return np.asarray(value, dtype=np.float32)
