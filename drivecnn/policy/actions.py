"""What to do with a distribution over steering: one curvature to drive."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from drivecnn.policy.distributions import SteeringDistribution


class Action(Protocol):
    """Anything that turns distributions into curvatures."""

    def __call__(self, distribution: SteeringDistribution, last: Tensor) -> Tensor:
        """Curvature (B,) [1/m] to drive.

        Args:
            distribution: what the policy predicts.
            last: (B,) curvature [1/m] driven before; nan at the start of an episode.
        """
        ...


@dataclass(frozen=True)
class MeanAction:
    """The mean: it steers most steadily, but between two ways it takes neither."""

    def __call__(self, distribution: SteeringDistribution, last: Tensor) -> Tensor:
        """Curvature (B,) [1/m] to drive, whatever was driven before."""
        return distribution.mean


@dataclass(frozen=True)
class MedianAction:
    """The median: of the heavier of two ways, most of the time."""

    def __call__(self, distribution: SteeringDistribution, last: Tensor) -> Tensor:
        """Curvature (B,) [1/m] to drive, whatever was driven before."""
        return distribution.quantile(0.5)


@dataclass(frozen=True)
class ModeAction:
    """The curvature of the highest density. It jumps from one component to another."""

    def __call__(self, distribution: SteeringDistribution, last: Tensor) -> Tensor:
        """Curvature (B,) [1/m] to drive, whatever was driven before."""
        return distribution.mode


@dataclass(frozen=True)
class NearestModeAction:
    """The mode nearest to what was driven before: it goes on with a way it has begun.

    Attributes:
        share: of the mass that a mode must have to be chosen.
    """

    share: float = 0.2

    def __call__(self, distribution: SteeringDistribution, last: Tensor) -> Tensor:
        """Curvature (B,) [1/m] to drive; the heaviest mode where nothing was driven before."""
        return distribution.modes().nearest(last, self.share)


@dataclass(frozen=True)
class SteadyAction:
    """What a steady hand does: it holds the wheel while that may be right, and never jumps.

    It goes towards the middle part of the distribution, and no farther than to its nearer end.

    Attributes:
        doubt: the middle part lies between the quantiles `doubt` and 1 - `doubt`; at 0.5 it is the
            median.
        share: of the way there that one decision goes.
        most: 1/m that one decision changes at most; 0.03 turns the front wheels at 86 degrees/s.
    """

    doubt: float = 0.4
    share: float = 0.5
    most: float = 0.03

    def __call__(self, distribution: SteeringDistribution, last: Tensor) -> Tensor:
        """Curvature (B,) [1/m] to drive; the median where nothing was driven before."""
        shares = torch.tensor([[0.5], [self.doubt], [1.0 - self.doubt]], dtype=torch.float64)
        median, low, high = distribution.quantile(shares)
        step = self.share * (last.clamp(low, high) - last)
        return torch.where(last.isnan(), median, last + step.clamp(-self.most, self.most))


ACTIONS: dict[str, Action] = {
    "mean": MeanAction(),
    "median": MedianAction(),
    "mode": ModeAction(),
    "nearest_mode": NearestModeAction(),
    "steady": SteadyAction(),
}
DEFAULT_ACTION = "steady"  # measured: tests/benchmarks/actions.py
