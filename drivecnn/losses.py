"""Losses: what training asks of a steering distribution. Each returns its terms by name."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from drivecnn.policy.distributions import (
    CURVATURE_SCALE,
    FAMILIES,
    Categorical,
    GaussianMixture,
    QuantileFunction,
    SteeringDistribution,
)
from drivecnn_envs.errors import InputError


@dataclass(frozen=True)
class LossTerms:
    """The terms of a loss over one batch, each a scalar tensor.

    Attributes:
        total: what to minimise; the only term that carries gradients.
        nll: mean negative log-likelihood, nats; None where there is no density.
        curvature_mae: mean distance [1/m] between the distribution's mean and the target.
    """

    total: Tensor
    nll: Tensor | None
    curvature_mae: Tensor


class Loss(Protocol):
    """Anything that judges the distributions of a batch against the expert's curvature."""

    def __call__(self, distribution: SteeringDistribution, curvature: Tensor) -> LossTerms:
        """The terms for target curvatures (B,) [1/m]."""
        ...

    def fits(self, kind: type[SteeringDistribution]) -> bool:
        """Whether it can judge distributions of a kind."""
        ...


def check_loss(name: str, family: str) -> None:
    """Refuse a loss that does not exist or cannot judge a family's distributions.

    Raises:
        InputError: one line that says which ones would do.
    """
    if name not in LOSSES:
        raise InputError(f"loss is {name!r}, expected one of {', '.join(LOSSES)}")
    fitting = [other for other, kind in FAMILIES.items() if LOSSES[name].fits(kind.distribution)]
    if family not in fitting:
        raise InputError(
            f"loss {name} does not fit distribution {family}, expected {' or '.join(fitting)}"
        )


class _PerTarget(ABC):
    """A loss that is the mean of what each target costs."""

    def fits(self, kind: type[SteeringDistribution]) -> bool:
        """Whether it can judge distributions of a kind: any, unless a loss says otherwise."""
        return True

    def __call__(self, distribution: SteeringDistribution, curvature: Tensor) -> LossTerms:
        """The terms for target curvatures (B,) [1/m]."""
        total = self._cost(distribution, curvature).mean()
        with torch.no_grad():
            error = (distribution.mean - curvature).abs()  # (B,)
            nll = -distribution.log_prob(curvature).mean() if distribution.has_density else None
        return LossTerms(total, nll, error.mean())

    @abstractmethod
    def _cost(self, distribution: SteeringDistribution, curvature: Tensor) -> Tensor:
        """What each target costs. Shape (B,)."""


class NLLLoss(_PerTarget):
    """Negative log-likelihood of the target [nats].

    Not for a quantile function: its density is even between two levels, so that moving both towards
    a target gains nothing, and the gradient leads away from the best fit.
    """

    def fits(self, kind: type[SteeringDistribution]) -> bool:
        """Whether distributions of a kind have a density that follows the target."""
        return kind.has_density and not issubclass(kind, QuantileFunction)

    def _cost(self, distribution: SteeringDistribution, curvature: Tensor) -> Tensor:
        return -distribution.log_prob(curvature)


class CRPSLoss(_PerTarget):
    """Continuous ranked probability score, in units of CURVATURE_SCALE."""

    def _cost(self, distribution: SteeringDistribution, curvature: Tensor) -> Tensor:
        return distribution.crps(curvature) / CURVATURE_SCALE


class MSELoss(_PerTarget):
    """Squared error of the mean, in units of CURVATURE_SCALE: what a regression minimises."""

    def _cost(self, distribution: SteeringDistribution, curvature: Tensor) -> Tensor:
        return ((distribution.mean - curvature) / CURVATURE_SCALE).square()


@dataclass(frozen=True)
class HLGaussLoss(_PerTarget):
    """Cross-entropy [nats] between the knots' mass and a target that is spread over the knots.

    The target's mass is a Gaussian's about it, between the middles of the knots on either side.
    Imani and White, ICML 2018; Farebrother et al., ICML 2024 (arXiv 2403.03950), whose width this
    is. The Gaussian lives on the knots' numbers, so uneven knots spread it unevenly.

    Attributes:
        width: standard deviation of the Gaussian, in knots.
    """

    width: float = 0.75

    def fits(self, kind: type[SteeringDistribution]) -> bool:
        """Whether distributions of a kind have mass at knots."""
        return issubclass(kind, Categorical)

    def _cost(self, distribution: SteeringDistribution, curvature: Tensor) -> Tensor:
        assert isinstance(distribution, Categorical)  # check_loss
        knots = distribution.log_mass.shape[-1]
        edges = torch.arange(knots - 1, device=curvature.device) + 0.5  # (N - 1,)
        place = distribution.place(curvature).unsqueeze(-1)  # (B, 1)
        below = torch.special.ndtr((edges - place) / self.width)  # (B, N - 1)
        ends = torch.zeros_like(place), torch.ones_like(place)
        target = torch.cat([ends[0], below, ends[1]], dim=-1).diff(dim=-1)  # (B, N)
        return -(target * distribution.log_mass).sum(dim=-1)


@dataclass(frozen=True)
class VariationalLoss(_PerTarget):
    """Negative log-likelihood plus penalties on a Gaussian mixture's weights and scales.

    Of Amini, Rosman, Karaman and Rus, ICRA 2019 (arXiv 1811.10119): the Lp norm of the weights
    with p < 1, lowest when one component has them all, and (log scale - c)^2 of every component.
    p and c are those of a public re-implementation; the factors are ours.

    Attributes:
        power: p of the norm.
        sparsity: factor of the norm.
        log_scale: c, the log of the scale [1/m] that costs nothing.
        spread: factor of the scales' penalty.
    """

    power: float = 0.5
    sparsity: float = 1.0
    log_scale: float = -5.0
    spread: float = 1.0

    def fits(self, kind: type[SteeringDistribution]) -> bool:
        """Whether distributions of a kind are mixtures of Gaussians."""
        return issubclass(kind, GaussianMixture)

    def _cost(self, distribution: SteeringDistribution, curvature: Tensor) -> Tensor:
        assert isinstance(distribution, GaussianMixture)  # check_loss
        log_norm = (self.power * distribution.log_weights).logsumexp(dim=-1) / self.power
        off = (distribution.scale.log() - self.log_scale).square().sum(dim=-1)  # (B,)
        penalty = self.sparsity * log_norm.exp() + self.spread * off
        return penalty - distribution.log_prob(curvature)


def unsteadiness(distribution: SteeringDistribution, curvature: Tensor, counted: Tensor) -> Tensor:
    """How much the mean's error changes from one decision to the next.

    Half the mean square of the change, in units of CURVATURE_SCALE; beyond one unit it is linear.

    Args:
        distribution: over steering at B moments, the second half each a decision after the first.
        curvature: (B,) targets [1/m].
        counted: (B,) whether a moment counts; a car with one that does not is left out.
    """
    now, after = ((distribution.mean - curvature) / CURVATURE_SCALE).chunk(2)
    counts = counted.view(2, -1).all(dim=0)
    change = functional.huber_loss(after, now, reduction="none")
    return (change * counts).sum() / counts.sum().clamp(min=1)


LOSSES: dict[str, Loss] = {
    "nll": NLLLoss(),
    "crps": CRPSLoss(),
    "mse": MSELoss(),
    "hl_gauss": HLGaussLoss(),
    "variational": VariationalLoss(),
}
