"""Categories of steering: a density that is linear between fixed knots."""

import math
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional

from drivecnn.policy.distributions.base import batch_index
from drivecnn.policy.distributions.family import SizedFamily
from drivecnn.policy.distributions.piecewise import Piecewise

REACH = 0.25  # 1/m, of the outer knots: a quarter beyond the tightest curve of the vehicle
BEND = 0.01  # 1/m, where uneven knots start to spread


class Categorical(Piecewise):
    """B densities that are linear between N knots, the same for all.

    Each knot carries a hat: mass that falls linearly to the knots beside it. The two outer ones
    carry half a hat and an exponential tail, which is there for targets beyond the knots.

    Args:
        logits: (B, N) log density at each knot; they need not be normalised.
        knots: (N,) [1/m], rising.
        tail: () length [1/m] of both tails; half of the outermost piece unless given, so that
            evenly spaced knots have hats of one area.
    """

    def __init__(self, logits: Tensor, knots: Tensor, tail: Tensor | None = None) -> None:
        widths = knots.diff()
        self._knots = knots
        self._tail = tail = 0.5 * widths[-1] if tail is None else tail
        log_area = _areas(widths, tail).log()  # (N,)
        self.log_mass = functional.log_softmax(logits.float() + log_area, dim=-1)  # (B, N)
        self.log_density = log_density = self.log_mass - log_area  # (B, N)
        batch = len(logits)
        super().__init__(
            knots.expand(batch, -1),
            widths.expand(batch, -1),
            log_density[:, :-1],
            log_density[:, 1:],
            tail.expand(batch, 2),
        )

    def __getitem__(self, index: int | slice | Tensor) -> Self:
        index = batch_index(len(self), index)
        return type(self)(self.log_density[index], self._knots, self._tail)

    def place(self, curvature: Tensor) -> Tensor:
        """Number of the knot at each curvature [1/m], with its share of the way to the next.

        0 to N - 1, whatever the curvature. Shape (..., B).
        """
        piece, along, _, _ = self._locate(curvature)
        return self._as(curvature, piece + along)

    def _nodes(self) -> tuple[Tensor, Tensor]:
        return self.knots.T, self.log_density.detach().T

    def tempered(self, temperature: Tensor | float) -> Self:
        """The distributions at a temperature T > 0: p^(1/T) at each knot and in the tails."""
        logits = self.log_density / temperature
        return type(self)(logits, self._knots, self._tail * temperature)


def _areas(widths: Tensor, tail: Tensor) -> Tensor:
    """Areas (N,) [1/m] of hats of height 1 at knots with widths (N - 1,) between them."""
    padded = torch.cat([2 * tail.reshape(1), widths, 2 * tail.reshape(1)])
    return 0.5 * (padded[:-1] + padded[1:])


@dataclass(frozen=True)
class CategoricalFamily(SizedFamily):
    """The log density at each of N evenly spaced knots, from the sharpest right to the left."""

    distribution = Categorical
    components: int = 101
    smallest = 3

    @property
    def outputs(self) -> int:  # noqa: D102 - as the base class says
        return self.components

    def knots(self, device: torch.device) -> Tensor:
        """Knots (N,) [1/m], rising, the same on both sides of 0."""
        return torch.linspace(-REACH, REACH, self.components, device=device)

    def __call__(self, raw: Tensor) -> Categorical:  # noqa: D102 - as the base class says
        return Categorical(raw, self.knots(raw.device))

    def initialise(self, bias: Tensor) -> None:
        """Start with the same mass around every knot."""
        widths = self.knots(bias.device).diff()
        log_area = _areas(widths, 0.5 * widths[-1]).log()
        bias.copy_(log_area.mean() - log_area)


@dataclass(frozen=True)
class LogCategoricalFamily(CategoricalFamily):
    """The log density at each of N knots whose gaps grow from the middle outwards."""

    components: int = 65

    def knots(self, device: torch.device) -> Tensor:
        """Knots (N,) [1/m], rising, the same on both sides of 0."""
        unit = torch.linspace(-1.0, 1.0, self.components, device=device)
        return BEND * torch.sinh(unit * math.asinh(REACH / BEND))
