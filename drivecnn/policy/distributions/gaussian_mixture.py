"""Mixtures of Gaussians: the distribution that a policy predicts unless told otherwise."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from drivecnn.policy.distributions.family import MIN_SCALE
from drivecnn.policy.distributions.mixture import Mixture, MixtureFamily

SQRT_2 = math.sqrt(2)
SQRT_2PI = math.sqrt(2 * math.pi)
LOG_SQRT_2PI = 0.5 * math.log(2 * math.pi)


class GaussianMixture(Mixture):
    """B mixtures of K Gaussians: log weights, means and standard deviations (B, K)."""

    reach = 6.0

    def _component_log_prob(self, curvature: Tensor) -> Tensor:
        z = (curvature.unsqueeze(-1) - self.loc) / self.scale
        return self.log_weights - self.scale.log() - 0.5 * z * z - LOG_SQRT_2PI

    @staticmethod
    def _unit_cdf(z: Tensor) -> Tensor:
        probability: Tensor = torch.special.ndtr(z)
        return probability

    @staticmethod
    def _unit_quantile(q: Tensor) -> Tensor:
        z: Tensor = torch.special.ndtri(q)
        return z

    @staticmethod
    def _unit_pull(z: Tensor) -> Tensor:
        return torch.ones_like(z)

    def _unit_noise(self, generator: torch.Generator | None) -> Tensor:
        return torch.randn(len(self), generator=generator, device=self.loc.device)

    def crps(self, curvature: Tensor) -> Tensor:
        """Continuous ranked probability score [1/m]. Shape (..., B).

        In closed form (Grimit, Gneiting, Berrocal and Johnson, QJRMS 132, 2006).
        """
        weights = self.weights
        distance = mean_distance(curvature.float().unsqueeze(-1) - self.loc, self.scale)
        loc, variance = self.loc, self.scale.square()
        apart = loc.unsqueeze(-1) - loc.unsqueeze(-2)  # (B, K, K)
        spread = (variance.unsqueeze(-1) + variance.unsqueeze(-2)).sqrt()
        pairs = weights.unsqueeze(-1) * weights.unsqueeze(-2) * mean_distance(apart, spread)
        score: Tensor = (weights * distance).sum(dim=-1) - 0.5 * pairs.sum(dim=(-2, -1))
        return score


def mean_distance(offset: Tensor, scale: Tensor) -> Tensor:
    """E|X| of Gaussians with means `offset` and standard deviations `scale`."""
    z = offset / scale
    density = torch.exp(-0.5 * z * z) / SQRT_2PI
    return 2 * scale * density + offset * torch.erf(z / SQRT_2)


@dataclass(frozen=True)
class GaussianMixtureFamily(MixtureFamily):
    """K log weights, K means and K scales.

    The scales' floor keeps the likelihood of a perfectly predictable straight bounded.
    """

    distribution = GaussianMixture
    least_scale = MIN_SCALE
