"""Networks that tell the next item from the last ones, and how they are trained.

A network makes a query of a user's last 50 items, and an item's score is its product with the
item's vector, which is the same at the input and at the output, plus a bias. Loss: softmax over the
items that the passage does not hold yet, weight 1 for positive targets and .3 for others; over
_SAMPLED of them, drawn in proportion to count^.75 with log-Q correction, where there are more.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from models.arrays import Bools, Float32s, Int64s
from models.dataset import Dataset
from models.evaluation.baselines.passages import LENGTH, Batch, Passages

WIDTH: Final = 64
_FULL: Final = 2_048
"""Up to so many items the softmax is over all of them."""
_SAMPLED: Final = 1_024
_NEVER: Final = -1e9


class Network(nn.Module):
    """Scores from items; `encoder` makes [b, t, WIDTH] of [b, t, WIDTH], each from those before."""

    def __init__(self, items: int, encoder: nn.Module, dropout: float) -> None:
        super().__init__()
        self.vectors = nn.Embedding(items + 1, WIDTH)  # the last one: the start
        nn.init.normal_(self.vectors.weight, std=WIDTH**-0.5)
        self.bias = nn.Embedding(items + 1, 1)
        nn.init.zeros_(self.bias.weight)
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout)

    def queries(self, inputs: Tensor, seen: Tensor) -> Tensor:
        """[b, t, WIDTH] from items int64[b, t]; an item without training events is a zero."""
        entered = self.vectors(inputs) * WIDTH**0.5 * seen[inputs][..., None]
        queries: Tensor = self.dropout(self.encoder(self.dropout(entered)))
        return queries

    def scores(self, queries: Tensor) -> Tensor:
        """[m, items] from [m, WIDTH]."""
        return torch.addmm(self.bias.weight[:, 0], queries, self.vectors.weight.T)[:, :-1]


class Vocabulary:
    """The items that occur in events [0, end), and how often."""

    def __init__(self, data: Dataset, end: int) -> None:
        counts = np.bincount(data.item[:end], minlength=len(data.items))
        self.seen: Bools = np.append(counts > 0, True)  # the start too
        self.items = np.flatnonzero(counts)
        shares = counts[self.items] ** 0.75
        self._shares = shares / max(shares.sum(), 1.0)

    def candidates(self, draw: np.random.Generator) -> tuple[Int64s, Float32s | None]:
        """Items to tell targets from, and log of the chance that each had to be among them.

        The last one is the start, which is never to be told. No logs: these are all items.
        """
        start = len(self.seen) - 1
        if len(self.items) <= _FULL:
            return np.append(self.items, start), None
        drawn = np.unique(draw.choice(len(self.items), _SAMPLED, p=self._shares))
        chance = -np.expm1(_SAMPLED * np.log1p(-self._shares[drawn]))
        return np.append(self.items[drawn], start), np.append(np.log(chance), 0.0).astype("f4")


def loss_of(
    network: Network, batch: Batch, seen: Tensor, items: Int64s, logs: Float32s | None
) -> Tensor:
    """Weighted mean over the batch's targets of - log softmax, against `items`."""
    start = network.vectors.num_embeddings - 1
    inputs, counted = torch.from_numpy(batch.inputs), torch.from_numpy(batch.weights > 0)
    weights = torch.from_numpy(batch.weights)[counted]
    targets = torch.from_numpy(batch.targets)[counted]
    queries = network.queries(inputs, seen)[counted]
    others = torch.from_numpy(items)
    bias = network.bias(others)[:, 0]
    if logs is not None:
        bias = bias - torch.from_numpy(logs)
    scores = torch.addmm(bias, queries, network.vectors(others).T)
    column = torch.full((start + 1,), len(items) - 1)
    column[others] = torch.arange(len(items))
    row, place = counted.nonzero(as_tuple=True)
    held = torch.where(torch.arange(LENGTH) <= place[:, None], inputs[row], start)
    held = torch.cat([held, targets[:, None], torch.full_like(targets, start)[:, None]], dim=1)
    scores = scores.scatter_(1, column[held], _NEVER)
    target = (queries * network.vectors(targets)).sum(1) + network.bias(targets)[:, 0]
    total = torch.logaddexp(torch.logsumexp(scores, dim=1), target)
    loss: Tensor = ((total - target) * weights).sum() / weights.sum()
    return loss


def optimizer_of(network: Network, rate: float) -> torch.optim.Optimizer:
    """AdamW with decay on matrices only."""
    matrices = [weight for weight in network.encoder.parameters() if weight.dim() > 1]
    inside = {id(weight) for weight in matrices}
    others = [weight for weight in network.parameters() if id(weight) not in inside]
    groups = [{"params": matrices, "weight_decay": 0.01}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=rate)


def train(
    network: Network, data: Dataset, end: int, *, rate: float, epochs: int, seed: int
) -> Iterator[int]:
    """Train on events [0, end), one epoch (from 1) with each step of the iterator."""
    draw = np.random.default_rng(seed)
    passages, vocabulary = Passages(data, end), Vocabulary(data, end)
    seen = torch.from_numpy(vocabulary.seen)
    optimizer = optimizer_of(network, rate)
    for epoch in range(1, epochs + 1):
        network.train()
        for batch in passages.batches(draw):
            items, logs = vocabulary.candidates(draw)
            loss = loss_of(network, batch, seen, items, logs)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
        network.eval()
        yield epoch
