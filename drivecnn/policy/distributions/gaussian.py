"""Single Gaussians: one way ahead, and how far to trust it."""

import math
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional

from drivecnn.policy.distributions.base import SteeringDistribution, batch_index
from drivecnn.policy.distributions.family import CURVATURE_SCALE, MIN_SCALE, Family
from drivecnn.policy.distributions.gaussian_mixture import LOG_SQRT_2PI, mean_distance
from drivecnn.policy.distributions.modes import Modes, single_mode

SQRT_PI = math.sqrt(math.pi)


class Gaussian(SteeringDistribution):
    """B Gaussians, held in float32 whatever precision the arguments have.

    Args:
        loc: (B,) means [1/m].
        scale: (B,) standard deviations [1/m], > 0.
    """

    def __init__(self, loc: Tensor, scale: Tensor) -> None:
        self.loc = loc.float()
        self.scale = scale.float()

    def __len__(self) -> int:
        return self.loc.shape[0]

    def __getitem__(self, index: int | slice | Tensor) -> Self:
        index = batch_index(len(self), index)
        return type(self)(self.loc[index], self.scale[index])

    def log_prob(self, curvature: Tensor) -> Tensor:  # noqa: D102 - as the base class says
        z = (curvature.float() - self.loc) / self.scale
        return -0.5 * z * z - self.scale.log() - LOG_SQRT_2PI

    def cdf(self, curvature: Tensor) -> Tensor:  # noqa: D102 - as the base class says
        probability: Tensor = torch.special.ndtr((curvature.float() - self.loc) / self.scale)
        return probability

    @torch.no_grad()
    def quantile(self, q: Tensor | float) -> Tensor:  # noqa: D102 - as the base class says
        q = torch.as_tensor(q, dtype=torch.float64, device=self.loc.device)
        curvature: Tensor = self.loc + self.scale * torch.special.ndtri(q)
        return curvature.float()

    @property
    def mean(self) -> Tensor:  # noqa: D102 - as the base class says
        return self.loc

    @property
    def mode(self) -> Tensor:  # noqa: D102 - as the base class says
        return self.loc.detach()

    def modes(self) -> Modes:  # noqa: D102 - as the base class says
        return single_mode(self.mode)

    def entropy(self) -> Tensor:  # noqa: D102 - as the base class says
        return self.scale.log() + (0.5 + LOG_SQRT_2PI)

    @torch.no_grad()
    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """One random curvature [1/m] of each distribution. Shape (B,)."""
        noise = torch.randn(len(self), generator=generator, device=self.loc.device)
        return self.loc + self.scale * noise

    def crps(self, curvature: Tensor) -> Tensor:  # noqa: D102 - as the base class says
        return mean_distance(curvature.float() - self.loc, self.scale) - self.scale / SQRT_PI

    def tempered(self, temperature: Tensor | float) -> Self:
        """The normalised p^(1/T): the scale becomes s sqrt(T)."""
        return type(self)(self.loc, self.scale * temperature**0.5)


@dataclass(frozen=True)
class GaussianFamily(Family):
    """A mean and a scale, in the units of a Gaussian mixture's."""

    distribution = Gaussian

    @property
    def outputs(self) -> int:  # noqa: D102 - as the base class says
        return 2

    def __call__(self, raw: Tensor) -> Gaussian:  # noqa: D102 - as the base class says
        loc, scale = raw.unbind(dim=-1)
        return Gaussian(
            CURVATURE_SCALE * loc, MIN_SCALE + CURVATURE_SCALE * functional.softplus(scale)
        )
