"""Small nets for tests: one at random, and one whose taste is known."""

from collections.abc import Sequence

import numpy as np

from models.content import Content
from models.features import FeatureMap
from models.hashing import item_hashes
from models.mixture import Mixture, MixtureSettings
from models.net import Net, NetWeights
from models.samples import sample_net

_WIDTH = 4


def random_mixture(seed: int, items: Sequence[str], trained_until: int = 0) -> Mixture:
    """A mixture with a net that nobody trained, which knows these items."""
    net = sample_net(seed, known=item_hashes(items))
    return Mixture(MixtureSettings(), net=net, trained_until=trained_until)


def taste_mixture(contents: Sequence[Content]) -> Mixture:
    """A mixture whose net wants for users what is of the categories that they have acted on.

    There are four categories at most; ids, values and times say nothing.
    """
    features = FeatureMap.learn(contents)
    weights = _speechless(features)
    for place, name in enumerate(sorted({name for one in contents for name in one.categories})):
        column = features.transform([Content(categories=(name,))]).feature
        weights.content_enter[column, place] = 1
        weights.content_leave[column, place] = 10
    weights.read_linear[:_WIDTH] = np.eye(_WIDTH)
    return Mixture(MixtureSettings(), net=Net(weights, features))


def _speechless(features: FeatureMap) -> NetWeights:
    """Weights of one slow time scale, with which a net says nothing."""

    def zeros(*shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        return np.zeros(shape, dtype=np.float32)

    return NetWeights(
        item=item_hashes([]),
        enter=zeros(0, _WIDTH),
        leave=zeros(0, _WIDTH),
        bias=zeros(0),
        content_enter=zeros(features.size, _WIDTH),
        content_leave=zeros(features.size, _WIDTH),
        kind_first=np.zeros(256, dtype=np.int32),
        kind_edges=np.full((256, 4), np.inf, dtype=np.float32),
        value_scale=zeros(1, _WIDTH),
        value_shift=zeros(1, _WIDTH),
        gap=zeros(12, _WIDTH),
        decay=np.array([0.9], dtype=np.float32),
        gain=np.array([1.0], dtype=np.float32),
        read_in=zeros(_WIDTH + 1, 1),
        read_in_bias=zeros(1),
        read_out=zeros(1, _WIDTH),
        read_out_bias=zeros(_WIDTH),
        read_linear=zeros(_WIDTH + 1, _WIDTH),
        taste=zeros(0, 0),
        taste_start=zeros(0),
        taste_range=zeros(2),
    )
