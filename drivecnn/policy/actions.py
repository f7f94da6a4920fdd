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
    """The median, followed as a hand on a wheel would: part of the way, and never in a jump.

    Attributes:
        share: of the way from what was driven to the median that one decision goes.
        most: 1/m that one decision changes at most; 0.03 turns the front wheels at 86 degrees/s.
    """

    share: float = 0.4
    most: float = 0.03

    def __call__(self, distribution: SteeringDistribution, last: Tensor) -> Tensor:
        """Curvature (B,) [1/m] to drive; the median where nothing was driven before."""
        median = distribution.quantile(0.5)
        step = (self.share * (median - last)).clamp(-self.most, self.most)
        return torch.where(last.isnan(), median, last + step)


ACTIONS: dict[str, Action] = {
    "mean": MeanAction(),
    "median": MedianAction(),
    "mode": ModeAction(),
    "nearest_mode": NearestModeAction(),
    "steady": SteadyAction(),
}
DEFAULT_ACTION = "steady"  # measured: tests/benchmarks/actions.py
