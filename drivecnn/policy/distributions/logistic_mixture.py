"""Mixtures of logistic distributions: peaks like a Gaussian's, tails like an exponential's."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from drivecnn.policy.distributions.family import MIN_SCALE
from drivecnn.policy.distributions.gaussian_mixture import SQRT_2PI
from drivecnn.policy.distributions.mixture import Mixture, MixtureFamily

MIN_LOGISTIC_SCALE = MIN_SCALE * SQRT_2PI / 4  # 1/m: its peak is as high as the Gaussian's
PAIR_REACH = 18  # scales; nodes that are one scale apart are exact to 1e-6 of it
FLAT = 1e-3  # below it tanh(z / 2) / z is 1/2


class LogisticMixture(Mixture):
    """B mixtures of K logistic distributions: log weights, middles and scales (B, K).

    A mistake costs |z| nats, not z^2 / 2: one far target does not drag a component along.
    """

    reach = 24.0

    def _component_log_prob(self, curvature: Tensor) -> Tensor:
        z = (curvature.unsqueeze(-1) - self.loc) / self.scale
        return self.log_weights - self.scale.log() - _unit_distance(z)

    @staticmethod
    def _unit_cdf(z: Tensor) -> Tensor:
        return torch.sigmoid(z)

    @staticmethod
    def _unit_quantile(q: Tensor) -> Tensor:
        return torch.logit(q)

    @staticmethod
    def _unit_pull(z: Tensor) -> Tensor:
        near = z.abs() < FLAT
        return torch.where(near, 0.5, torch.tanh(0.5 * z) / z.masked_fill(near, 1.0))

    def _unit_noise(self, generator: torch.Generator | None) -> Tensor:
        share = torch.rand(len(self), generator=generator, device=self.loc.device)
        return torch.logit(share, eps=torch.finfo(torch.float32).eps)

    def crps(self, curvature: Tensor) -> Tensor:
        """Continuous ranked probability score [1/m]. Shape (..., B).

        E|X - curvature| in closed form; E|X - X'| of two components has none, unless their scales
        are the same, and is summed over nodes of the narrower one.
        """
        weights, loc, scale = self.weights, self.loc, self.scale
        z = (curvature.float().unsqueeze(-1) - loc) / scale
        distance = (weights * scale * _unit_distance(z)).sum(dim=-1)  # (..., B)
        both = scale.unsqueeze(-1), scale.unsqueeze(-2)
        narrow, wide = torch.minimum(*both), torch.maximum(*both)  # (B, K, K)
        apart = loc.unsqueeze(-1) - loc.unsqueeze(-2)
        nodes = torch.arange(-PAIR_REACH, PAIR_REACH + 1.0, device=loc.device)  # (N,) scales
        mass = _unit_distance(nodes).neg().exp()  # (N,)
        places = apart.unsqueeze(-1) + narrow.unsqueeze(-1) * nodes  # (B, K, K, N)
        gap = wide * (mass * _unit_distance(places / wide.unsqueeze(-1))).sum(dim=-1)
        pairs = weights.unsqueeze(-1) * weights.unsqueeze(-2) * gap
        return distance - 0.5 * pairs.sum(dim=(-2, -1))


def _unit_distance(z: Tensor) -> Tensor:
    """E|X - z| of a logistic X of scale 1 about 0, which is also minus its log density at z."""
    return z + 2 * functional.softplus(-z)


@dataclass(frozen=True)
class LogisticMixtureFamily(MixtureFamily):
    """K log weights, K middles and K scales."""

    distribution = LogisticMixture
    least_scale = MIN_LOGISTIC_SCALE
