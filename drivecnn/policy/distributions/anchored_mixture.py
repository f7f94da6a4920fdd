"""Mixtures of many Gaussians, each of which keeps to its own stretch of curvature."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from drivecnn.policy.distributions.family import MIN_SCALE, SizedFamily, spread
from drivecnn.policy.distributions.gaussian_mixture import GaussianMixture

NARROW = math.log(math.expm1(0.5))  # softplus of it is a half


@dataclass(frozen=True)
class AnchoredMixtureFamily(SizedFamily):
    """K log weights, and where the K Gaussians lie about anchors and how wide they are.

    A Gaussian that can go anywhere settles between two ways that lie close together; one that stays
    by its anchor leaves the second way to its neighbour. Anchors are of Chai, Sapp, Bansal and
    Anguelov, "MultiPath", CoRL 2019 (arXiv 1910.05449).

    loc = anchor + gap x tanh(output); scale = MIN_SCALE + gap x softplus(output), half a gap at
    first; gaps between anchors grow from the middle outwards.
    """

    distribution = GaussianMixture
    components: int = 21
    smallest = 3

    @property
    def outputs(self) -> int:  # noqa: D102 - as the base class says
        return 3 * self.components

    def __call__(self, raw: Tensor) -> GaussianMixture:  # noqa: D102 - as the base class says
        logits, offset, width = raw.chunk(3, dim=-1)  # (B, K) each
        anchors = spread(self.components, raw.device)  # (K,)
        (gaps,) = torch.gradient(anchors)  # (K,)
        loc = anchors + gaps * torch.tanh(offset)
        scale = MIN_SCALE + gaps * functional.softplus(width + NARROW)
        return self.distribution(logits, loc, scale)
