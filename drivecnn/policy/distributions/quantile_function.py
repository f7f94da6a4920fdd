"""Quantile functions: the curvatures between which equal shares of the mass lie."""

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional

from drivecnn.policy.distributions.base import batch_index
from drivecnn.policy.distributions.family import CURVATURE_SCALE, MIN_SCALE, SizedFamily
from drivecnn.policy.distributions.gaussian_mixture import SQRT_2PI
from drivecnn.policy.distributions.piecewise import Piecewise, running_sum

START_GAP = -2.0  # raw: 32 gaps of softplus(-2) make 0.2 1/m


class QuantileFunction(Piecewise):
    """B distributions with an even density between N levels and exponential tails beyond.

    Args:
        start: (B,) the lowest level [1/m].
        gaps: (B, N - 1) from each level to the next [1/m], > 0.
        logits: (B, N - 1) log density between the levels; they need not be normalised.
        tails: (B, 2) lengths [1/m] over which the left and the right tail fall to 1/e; they begin
            with the density of the piece beside them.
    """

    def __init__(self, start: Tensor, gaps: Tensor, logits: Tensor, tails: Tensor) -> None:
        start, gaps, logits, tails = (value.float() for value in (start, gaps, logits, tails))
        lengths = torch.cat([tails[:, :1], gaps, tails[:, 1:]], dim=-1)  # (B, N + 1)
        edged = torch.cat([logits[:, :1], logits, logits[:, -1:]], dim=-1)
        total = (edged + lengths.log()).logsumexp(dim=-1, keepdim=True)  # (B, 1)
        super().__init__(running_sum(start, gaps), gaps, logits - total, logits - total, tails)

    @classmethod
    def of_levels(cls, start: Tensor, gaps: Tensor) -> Self:
        """Those with 1/N of the mass between levels and half of that in each tail."""
        tails = 0.5 * torch.stack([gaps[:, 0], gaps[:, -1]], dim=-1)
        return cls(start, gaps, -gaps.log(), tails)

    def __getitem__(self, index: int | slice | Tensor) -> Self:
        i = batch_index(len(self), index)
        return type(self)(self.knots[i, 0], self.widths[i], self.left[i], self.tails[i])

    def _nodes(self) -> tuple[Tensor, Tensor]:
        middles = self.knots[:, :-1] + 0.5 * self.widths
        return middles.detach().T, self.left.detach().T

    def tempered(self, temperature: Tensor | float) -> Self:
        """The normalised p^(1/T)."""
        return type(self)(
            self.knots[:, 0], self.widths, self.left / temperature, self.tails * temperature
        )


@dataclass(frozen=True)
class QuantileFamily(SizedFamily):
    """The middle of N levels and the gaps between them: softplus(output) in CURVATURE_SCALE.

    Level i of 0..N - 1 is the (i + 1/2) / N quantile. No gap is smaller than where the density is
    that of a Gaussian of MIN_SCALE, which keeps the likelihood bounded.
    """

    distribution = QuantileFunction
    components: int = 33
    smallest = 2

    @property
    def outputs(self) -> int:  # noqa: D102 - as the base class says
        return self.components

    def __call__(self, raw: Tensor) -> QuantileFunction:  # noqa: D102 - as the base class says
        least = SQRT_2PI * MIN_SCALE / self.components
        gaps = least + CURVATURE_SCALE * functional.softplus(raw[:, 1:])  # (B, N - 1)
        half = (self.components - 1) // 2
        before = gaps[:, :half].sum(dim=-1)  # of an odd N: from the lowest level to the middle one
        if self.components % 2 == 0:
            before = before + 0.5 * gaps[:, half]
        return QuantileFunction.of_levels(CURVATURE_SCALE * raw[:, 0] - before, gaps)

    def initialise(self, bias: Tensor) -> None:
        """Start with levels that cover what a vehicle can drive."""
        bias[1:].fill_(START_GAP)
