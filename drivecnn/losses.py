"""Losses: what training asks of a steering distribution. Each returns its terms by name."""

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from drivecnn.policy import SteeringDistribution


@dataclass(frozen=True)
class LossTerms:
    """The terms of a loss over one batch, each a scalar tensor.

    Attributes:
        total: what to minimise; the only term that carries gradients.
        nll: mean negative log-likelihood, nats.
        curvature_mae: mean distance [1/m] between the distribution's mean and the target.
    """

    total: Tensor
    nll: Tensor
    curvature_mae: Tensor


class Loss(Protocol):
    """Anything that judges the distributions of a batch against the expert's curvature."""

    def __call__(
        self, distribution: SteeringDistribution, curvature: Tensor, weight: Tensor | None = None
    ) -> LossTerms:
        """The terms for target curvatures (B,) [1/m] and optional weights (B,) >= 0."""
        ...


class NLLLoss:
    """Mean negative log-likelihood of the target; with weights, the weighted mean."""

    def __call__(
        self, distribution: SteeringDistribution, curvature: Tensor, weight: Tensor | None = None
    ) -> LossTerms:
        """The terms for target curvatures (B,) [1/m] and optional weights (B,) >= 0."""
        nll = -distribution.log_prob(curvature)  # (B,)
        error = (distribution.mean.detach() - curvature).abs()  # (B,)
        total = nll.mean() if weight is None else (weight * nll).sum() / weight.sum()
        return LossTerms(total, nll.detach().mean(), error.mean())
