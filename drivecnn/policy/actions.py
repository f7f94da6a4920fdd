"""What to do with a distribution over steering: one curvature to drive."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from drivecnn.policy.distributions import SteeringDistribution

QUARTILES = torch.tensor([[0.25], [0.5], [0.75]])


class Action(Protocol):
    """Anything that turns distributions into curvatures."""

    def __call__(self, distribution: SteeringDistribution, driven: Tensor) -> Tensor:
        """Curvature (B,) [1/m] to drive.

        Args:
            distribution: what the policy predicts.
            driven: (2, B) curvatures [1/m] of the last decision and of the one before; nan where
                an episode had none.
        """
        ...


@dataclass(frozen=True)
class MeanAction:
    """The mean: it steers most steadily, but between two ways it takes neither."""

    def __call__(self, distribution: SteeringDistribution, driven: Tensor) -> Tensor:
        """Curvature (B,) [1/m] to drive, whatever was driven before."""
        return distribution.mean


@dataclass(frozen=True)
class MedianAction:
    """The median: of the heavier of two ways, most of the time."""

    def __call__(self, distribution: SteeringDistribution, driven: Tensor) -> Tensor:
        """Curvature (B,) [1/m] to drive, whatever was driven before."""
        return distribution.quantile(0.5)


@dataclass(frozen=True)
class ModeAction:
    """The curvature of the highest density. It jumps from one component to another."""

    def __call__(self, distribution: SteeringDistribution, driven: Tensor) -> Tensor:
        """Curvature (B,) [1/m] to drive, whatever was driven before."""
        return distribution.mode


@dataclass(frozen=True)
class NearestModeAction:
    """The mode nearest to what was driven before: it goes on with a way it has begun.

    Attributes:
        share: of the mass that a mode must have to be chosen.
    """

    share: float = 0.2

    def __call__(self, distribution: SteeringDistribution, driven: Tensor) -> Tensor:
        """Curvature (B,) [1/m] to drive; the heaviest mode where nothing was driven before."""
        return distribution.modes().nearest(driven[0], self.share)


@dataclass(frozen=True)
class SteadyAction:
    """The median, followed as a hand on a wheel would: gently, and the surer the quicker.

    Attributes:
        share: of the way from what was driven to the median that one decision wants to go.
        sure: 1/m, how wide the middle half of the mass is at most where that share is wanted; of a
            distribution four times as wide half of it is.
        least: the share that is wanted of the widest distribution.
        inertia: share of the last decision's change in this one's, beside what is wanted.
    """

    share: float = 0.5
    sure: float = 0.008
    least: float = 0.33
    inertia: float = 0.3

    def __call__(self, distribution: SteeringDistribution, driven: Tensor) -> Tensor:
        """Curvature (B,) [1/m] to drive; the median where nothing was driven before."""
        low, median, high = distribution.quantile(QUARTILES)
        last, before = driven
        sureness = (self.sure / (high - low)).clamp(max=1.0).sqrt()
        wanted = (self.share * sureness).clamp(min=self.least) * (median - last)
        going = torch.where(before.isnan(), 0.0, last - before)
        step = torch.lerp(wanted, going, self.inertia)
        return torch.where(last.isnan(), median, last + step)


ACTIONS: dict[str, Action] = {
    "mean": MeanAction(),
    "median": MedianAction(),
    "mode": ModeAction(),
    "nearest_mode": NearestModeAction(),
    "steady": SteadyAction(),
}
DEFAULT_ACTION = "steady"  # measured: tests/benchmarks/actions.py
