"""Networks that tell the next item from the last ones, and how they are trained.

A network makes a query of a user's last 50 items, and an item's score is its product with the
item's vector, which is the same at the input and at the output, plus a bias. Loss: softmax over the
items that the user has not had yet, weight 1 for positive targets and .3 for others; over a sample
that the batch shares, with log-Q correction, where there are many.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from models.arrays import Bools
from models.dataset import Dataset
from models.evaluation.baselines.passages import Passage, Passages
from models.training.batches import had_at
from models.training.candidates import Candidates, Drawer
from models.training.epochs import one_cycle
from models.training.history import History
from models.training.loss import softmax_loss
from models.training.settings import TrainSettings

WIDTH: Final = 64
_CANDIDATES: Final = TrainSettings(whole_softmax=2_048, negatives=1_024)
"""Up to so many items the softmax is over all of them, else over so many and the batch's own."""


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


def seen_items(data: Dataset, end: int) -> Bools:
    """Which items occur in events [0, end); the start, the last one, does."""
    seen: Bools = np.bincount(data.item[:end], minlength=len(data.items) + 1) > 0
    seen[-1] = True
    return seen


def learn_from(
    network: Network,
    history: History,
    passage: Passage,
    candidates: Candidates,
    seen: Tensor,
    *,
    repeats: bool,
) -> float:
    """Add the gradients of the mean loss over the passage's targets, and return it."""
    part, items = passage.batch, torch.from_numpy(history.items[candidates.items])
    queries = network.queries(torch.from_numpy(passage.inputs), seen).flatten(0, 1)
    hidden = None
    if not repeats:
        had = had_at(history, passage.windows, candidates.column, len(items))
        earlier = part.earlier.astype(np.int32)
        hidden = torch.from_numpy(had), torch.from_numpy(part.user), torch.from_numpy(earlier)
    logs = candidates.correction
    return softmax_loss(
        queries[torch.from_numpy(part.at)],
        network.vectors(items),
        network.bias(items)[:, 0],
        torch.from_numpy(candidates.column[part.target]),
        torch.from_numpy(part.weight),
        hidden,
        None if logs is None else torch.from_numpy(logs),
    )


def optimizer_of(network: Network) -> torch.optim.Optimizer:
    """AdamW with decay on matrices only."""
    matrices = [weight for weight in network.encoder.parameters() if weight.dim() > 1]
    inside = {id(weight) for weight in matrices}
    others = [weight for weight in network.parameters() if id(weight) not in inside]
    groups = [{"params": matrices, "weight_decay": 0.01}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, fused=True)


def train(
    network: Network,
    data: Dataset,
    end: int,
    *,
    rate: float,
    epochs: int,
    seed: int,
    repeats: bool,
) -> Iterator[list[float]]:
    """Train on events [0, end), one epoch with each step of the iterator: the losses of its steps.

    The rate rises to `rate` and falls to 0 over all epochs. Each epoch seeds torch's generator.
    """
    draw = np.random.default_rng(seed)
    passages = Passages(data, end, repeats=repeats)
    drawer, seen = Drawer(passages.history, _CANDIDATES), torch.from_numpy(seen_items(data, end))
    optimizer = optimizer_of(network)
    for epoch in range(epochs):
        torch.manual_seed(int(draw.integers(2**62)))
        network.train()
        losses = []
        for step, passage in enumerate(passages.batches(draw)):
            done = (epoch + min(step / passages.steps(), 1.0)) / epochs
            for group in optimizer.param_groups:
                group["lr"] = one_cycle(done, rate)
            candidates = drawer.draw(passage.batch.target, draw)
            optimizer.zero_grad(set_to_none=True)
            losses.append(
                learn_from(network, passages.history, passage, candidates, seen, repeats=repeats)
            )
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
        network.eval()
        yield losses
