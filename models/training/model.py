"""A net together with what its tables are named by, and its export for serving."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from models.arrays import Bytes, Float32s, Hashes, Int64s
from models.content import Content
from models.features import FeatureMap
from models.net import NetWeights
from models.taste import Taste, no_taste
from models.training.history import History, ragged
from models.training.network import Features, Network, Shape
from models.training.settings import TrainSettings
from models.training.values import ValueRows


@dataclass(frozen=True, slots=True)
class Model:
    """A net, the hashes of its items in the order of its tables, and what its columns mean."""

    network: Network
    hashes: Hashes  # [I]
    rows: ValueRows
    features: FeatureMap

    @classmethod
    def new(
        cls,
        hashes: Hashes,
        contents: list[Content | None],
        kind: Bytes,
        value: Float32s,
        settings: TrainSettings,
    ) -> Self:
        """Draw a net for these items and for the kinds and values of the events."""
        rows, features = ValueRows.learn(kind, value), FeatureMap.learn(contents)
        shape = Shape(
            items=len(hashes),
            features=features.size,
            rows=rows.size,
            width=settings.width,
            scales=settings.scales,
            hidden=settings.hidden,
        )
        return cls(
            Network(shape, settings.dropout, settings.id_dropout), hashes.copy(), rows, features
        )

    def table(self, hashes: Hashes) -> Int64s:
        """Rows of items in the tables, -1 for those without: int64[n]."""
        order = np.argsort(self.hashes)
        place = np.minimum(np.searchsorted(self.hashes, hashes, sorter=order), len(order) - 1)
        found = order[place]
        return np.where(self.hashes[found] == hashes, found, -1)

    def grown(self, hashes: Hashes) -> Self:
        """Copy the model, with rows, zero at first, for those of the items that have none."""
        new = hashes[self.table(hashes) < 0]
        old = self.network
        shape = old.shape._replace(items=old.shape.items + len(new))
        network = Network(shape, old.dropout, old.id_dropout)
        state = old.state_dict()
        for name in ("enter", "leave", "bias", "log_liked"):
            rest = state[name].new_zeros((len(new), *state[name].shape[1:]))
            state[name] = torch.cat([state[name], rest])
        network.load_state_dict(state)
        return type(self)(network, np.concatenate([self.hashes, new]), self.rows, self.features)

    def weights(self, taste: Taste | None = None) -> NetWeights:
        """What serving needs, as arrays; the taste's items are in ascending order of hashes."""
        net, order = self.network, np.argsort(self.hashes)
        taste = taste or no_taste(len(order))
        decay = torch.sigmoid(net.decay)
        every = torch.arange(len(order), device=net.bias.device)
        return NetWeights(
            item=self.hashes[order],
            enter=_array(net.enter)[order],
            leave=_array(net.leave)[order],
            bias=_array(net.biases(every))[order],
            content_enter=_array(net.content_enter),
            content_leave=_array(net.content_leave),
            kind_first=self.rows.first,
            kind_edges=self.rows.edges,
            value_scale=_array(net.scale),
            value_shift=_array(net.shift),
            gap=_array(net.gap),
            decay=_array(decay),
            gain=_array(net.gain),
            read_in=_array(net.read_in.weight.T),
            read_in_bias=_array(net.read_in.bias),
            read_out=_array(net.read_out.weight.T),
            read_out_bias=_array(net.read_out.bias),
            read_linear=_array(net.read_linear),
            taste=taste.item,
            taste_start=taste.start,
            taste_range=taste.range,
        )


def _array(values: Tensor) -> Float32s:
    return np.ascontiguousarray(values.detach().cpu().numpy(), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Items:
    """The items of a history: rows in a model's tables, -1 without one, and content features."""

    table: Int64s  # [J]
    start: Int64s  # [J + 1]
    feature: Int64s  # [cells]
    weight: Float32s  # [cells]

    @classmethod
    def of(
        cls, model: Model, history: History, hashes: Hashes, contents: tuple[Content | None, ...]
    ) -> Self:
        """Look the history's items up; hashes and contents are those of the dataset."""
        sparse = model.features.transform([contents[item] for item in history.items])
        table = model.table(hashes[history.items])
        return cls(table, sparse.start, sparse.feature.astype(np.int64), sparse.weight)

    def features(self, items: Int64s, device: torch.device) -> Features:
        """Features of some of them."""
        size = np.diff(self.start)[items]
        _, cell = ragged(self.start[items], size)
        return Features(
            torch.from_numpy(self.feature[cell]).to(device),
            torch.from_numpy(self.weight[cell]).to(device),
            torch.from_numpy(np.cumsum(size) - size).to(device),
        )
