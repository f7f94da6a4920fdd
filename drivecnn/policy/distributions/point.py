"""Point masses: one curvature, and nothing said about how sure it is."""

import math
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from drivecnn.policy.distributions.base import SteeringDistribution, batch_index
from drivecnn.policy.distributions.family import CURVATURE_SCALE, Family
from drivecnn.policy.distributions.modes import Modes, single_mode


class PointMass(SteeringDistribution):
    """B point masses at curvatures (B,) [1/m], as a regression predicts them.

    The cdf is a step, the entropy minus infinity, the crps the distance, and there is no density.
    """

    has_density = False

    def __init__(self, curvature: Tensor) -> None:
        self.curvature = curvature.float()

    def __len__(self) -> int:
        return self.curvature.shape[0]

    def __getitem__(self, index: int | slice | Tensor) -> Self:
        return type(self)(self.curvature[batch_index(len(self), index)])

    def log_prob(self, curvature: Tensor) -> Tensor:
        """There is none.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("a point mass has no density: look at has_density first")

    def cdf(self, curvature: Tensor) -> Tensor:  # noqa: D102 - as the base class says
        return (curvature.float() >= self.curvature).float()

    @torch.no_grad()
    def quantile(self, q: Tensor | float) -> Tensor:  # noqa: D102 - as the base class says
        q = torch.as_tensor(q, device=self.curvature.device)
        return self.curvature + torch.zeros_like(q, dtype=torch.float32)

    @property
    def mean(self) -> Tensor:  # noqa: D102 - as the base class says
        return self.curvature

    @property
    def mode(self) -> Tensor:  # noqa: D102 - as the base class says
        return self.curvature.detach()

    def modes(self) -> Modes:  # noqa: D102 - as the base class says
        return single_mode(self.mode)

    def entropy(self) -> Tensor:  # noqa: D102 - as the base class says
        return torch.full_like(self.curvature, -math.inf)

    def sample(self, generator: torch.Generator | None = None) -> Tensor:  # noqa: D102
        return self.mode

    def crps(self, curvature: Tensor) -> Tensor:  # noqa: D102 - as the base class says
        return (curvature.float() - self.curvature).abs()

    def tempered(self, temperature: Tensor | float) -> Self:  # noqa: D102
        return self


@dataclass(frozen=True)
class PointFamily(Family):
    """One number: the curvature in units of CURVATURE_SCALE."""

    distribution = PointMass

    @property
    def outputs(self) -> int:  # noqa: D102 - as the base class says
        return 1

    def __call__(self, raw: Tensor) -> PointMass:  # noqa: D102 - as the base class says
        return PointMass(CURVATURE_SCALE * raw.squeeze(-1))
