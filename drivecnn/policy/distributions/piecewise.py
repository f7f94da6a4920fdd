"""Densities made of straight pieces between knots, with exponential tails beyond."""

import math
from abc import abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor

from drivecnn.policy.distributions.base import SteeringDistribution
from drivecnn.policy.distributions.modes import Modes, find_modes

TINY = torch.finfo(torch.float32).tiny
ENTROPY_PARTS = 16  # of each piece, for Simpson's rule
BOOLE = (7 / 90, 32 / 90, 12 / 90, 32 / 90, 7 / 90)  # exact up to the fifth power


class Places(NamedTuple):
    """Where curvatures lie among the knots, each (B, G)."""

    piece: Tensor  # number of the piece, the first or last one where beyond all knots
    along: Tensor  # share of the piece that lies below, 0 to 1
    below: Tensor  # lengths of the left tail that the curvature is below the first knot, >= 0
    above: Tensor  # lengths of the right tail that the curvature is above the last knot, >= 0


class Piecewise(SteeringDistribution):
    """B densities that are linear between N knots and fall exponentially beyond the outer ones.

    Everything but the entropy is in closed form. The tails go on where the outer pieces end, so
    every curvature has a density, however far out.

    Args:
        knots: (B, N) [1/m], rising.
        widths: (B, N - 1) from each knot to the next [1/m], > 0 also where float32 rounds two knots
            far out to one.
        left: (B, N - 1) log density where each piece begins; all of them and the tails integrate
            to one.
        right: (B, N - 1) log density where it ends.
        tails: (B, 2) lengths [1/m] over which the left and the right tail fall to 1/e.
    """

    def __init__(
        self, knots: Tensor, widths: Tensor, left: Tensor, right: Tensor, tails: Tensor
    ) -> None:
        self.knots, self.widths, self.tails = knots, widths, tails
        self.left, self.right = left, right
        first, last = self._ends = left.exp(), right.exp()  # density there
        self._tail_mass = tails * torch.stack([first[:, 0], last[:, -1]], dim=-1)  # (B, 2)
        mass = 0.5 * widths * (first + last)
        self._below = running_sum(self._tail_mass[:, 0], mass)  # (B, N), the cdf at each knot

    def __len__(self) -> int:
        return self.knots.shape[0]

    def _locate(self, curvature: Tensor) -> Places:
        """Where curvatures (..., B) lie among the knots."""
        x = self._columns(curvature.float())
        knots = self.knots
        piece = torch.searchsorted(knots[:, 1:-1].detach().contiguous(), x, right=True)
        along = (x - knots.gather(1, piece)) / self.widths.gather(1, piece)
        return Places(
            piece,
            along.clamp(0.0, 1.0),
            (knots[:, :1] - x).clamp_min(0.0) / self.tails[:, :1],
            (x - knots[:, -1:]).clamp_min(0.0) / self.tails[:, 1:],
        )

    def _shape(self, values: Tensor) -> torch.Size:
        """The shape (..., B) of the answer to values that broadcast against (B,)."""
        shape: torch.Size = torch.broadcast_shapes(values.shape, self.knots.shape[:1])  # type: ignore[no-untyped-call]
        return shape

    def _columns(self, values: Tensor) -> Tensor:
        """Values (..., B), or that broadcast so, as (B, G)."""
        rows = values.broadcast_to(self._shape(values))
        return rows.reshape(rows.shape[:-1].numel(), len(self)).T.contiguous()

    def _as(self, curvature: Tensor, answers: Tensor) -> Tensor:
        """Answers (B, G) in the shape (..., B) of what the curvatures ask for."""
        return answers.T.reshape(self._shape(curvature))

    def log_prob(self, curvature: Tensor) -> Tensor:  # noqa: D102 - as the base class says
        piece, along, below, above = self._locate(curvature)
        start = self.left.gather(1, piece) + _log_share(1.0 - along)
        end = self.right.gather(1, piece) + _log_share(along)
        return self._as(curvature, torch.logaddexp(start, end) - below - above)

    def cdf(self, curvature: Tensor) -> Tensor:  # noqa: D102 - as the base class says
        piece, along, below, above = self._locate(curvature)
        first, last = (density.gather(1, piece) for density in self._ends)
        grown = along * (first + 0.5 * (last - first) * along) * self.widths.gather(1, piece)
        low, high = self._tail_mass.chunk(2, dim=1)  # (B, 1) each
        inside = self._below.gather(1, piece) + grown
        mass = inside + low * below.neg().expm1() - high * above.neg().expm1()
        return self._as(curvature, mass.clamp(0.0, 1.0))

    @torch.no_grad()
    def quantile(self, q: Tensor | float) -> Tensor:  # noqa: D102 - as the base class says
        q = torch.as_tensor(q, dtype=torch.float64, device=self.knots.device)
        share = self._columns(q)
        piece = torch.searchsorted(self._below[:, 1:-1].contiguous(), share.float(), right=True)
        rest = (share - self._below.gather(1, piece)).clamp_min(0.0)  # mass to find in the piece
        width = self.widths.gather(1, piece).double()
        first, last = (density.gather(1, piece).double() for density in self._ends)
        root = (first.square() + 2 * (last - first) * rest / width).clamp_min(0.0).sqrt()
        along = (2 * rest / (width * (first + root)).clamp_min(TINY)).clamp_max(1.0)
        low, high = self._tail_mass.double().clamp_min(TINY).chunk(2, dim=1)
        outside = self.tails[:, :1] * (share / low).clamp_max(1.0).log()
        outside = outside - self.tails[:, 1:] * ((1.0 - share) / high).clamp_max(1.0).log()
        curvature = self.knots.gather(1, piece) + along * width + outside
        return self._as(q, curvature).float()

    @property
    def mean(self) -> Tensor:
        """Mean curvature [1/m]. Shape (B,)."""
        first, last = self._ends
        knots, widths = self.knots, self.widths
        mass = 0.5 * widths * (first + last)
        inside = mass * knots[:, :-1] + widths.square() * (first / 6 + last / 3)
        outer = torch.stack([knots[:, 0] - self.tails[:, 0], knots[:, -1] + self.tails[:, 1]], -1)
        return inside.sum(dim=-1) + (self._tail_mass * outer).sum(dim=-1)

    @property
    @torch.no_grad()
    def mode(self) -> Tensor:
        """Curvature [1/m] of the highest density. Shape (B,)."""
        nodes, log_density = self._nodes()
        highest, where = log_density.max(dim=0, keepdim=True)
        mode = nodes.gather(0, where).masked_fill(highest.isnan(), torch.nan)
        return mode.squeeze(0)

    def modes(self) -> Modes:  # noqa: D102 - as the base class says
        return find_modes(*self._nodes(), self.cdf)

    @abstractmethod
    def _nodes(self) -> tuple[Tensor, Tensor]:
        """Curvatures [1/m] (G, B) that show every peak and valley, and the log density there."""

    def entropy(self) -> Tensor:
        """Differential entropy in nats. Shape (B,). Error < 1e-3 nats."""
        first, last = self._ends
        unit = torch.linspace(0.0, 1.0, ENTROPY_PARTS + 1, device=first.device)
        density = first + (last - first) * unit[:, None, None]  # (S, B, N - 1)
        spent = -density * density.clamp_min(TINY).log()
        weight = torch.full_like(unit, 2 / 3)
        weight[1::2] = 4 / 3
        weight[[0, -1]] = 1 / 3
        inside = (self.widths * (weight[:, None, None] * spent).sum(dim=0)).sum(dim=-1)
        outer = torch.stack([self.left[:, 0], self.right[:, -1]], dim=-1)  # (B, 2)
        return inside / ENTROPY_PARTS + (self._tail_mass * (1.0 - outer)).sum(dim=-1)

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """One random curvature [1/m] of each distribution. Shape (B,)."""
        share = torch.rand(len(self), generator=generator, device=self.knots.device)
        return self.quantile(share.clamp_min(torch.finfo(torch.float32).eps))

    def crps(self, curvature: Tensor) -> Tensor:
        """Continuous ranked probability score [1/m]. Shape (..., B).

        E|X - curvature| is twice the integral of the cdf up to the curvature, plus the mean, minus
        the curvature; E|X - X'| / 2 is the integral of cdf (1 - cdf). Both are polynomials.
        """
        piece, along, below, above = self._locate(curvature)
        first, last = (density.gather(1, piece) for density in self._ends)
        width = self.widths.gather(1, piece)
        grown = along * (
            self._below.gather(1, piece)
            + width * along * (0.5 * first + (last - first) * along / 6)
        )
        low, high = (self._tail_mass * self.tails).chunk(2, dim=1)  # integrals of the tails
        integral = self._integral.gather(1, piece) + width * grown + low * below.neg().expm1()
        integral = integral + high * above.neg().expm1() + self.tails[:, 1:] * above
        distance = 2 * self._as(curvature, integral) + self.mean - curvature.float()
        return distance - self._spread

    @property
    def _integral(self) -> Tensor:
        """Integral of the cdf up to each knot [1/m]. Shape (B, N)."""
        first, last = self._ends
        pieces = self.widths * (self._below[:, :-1] + self.widths * (first / 3 + last / 6))
        return running_sum(self._tail_mass[:, 0] * self.tails[:, 0], pieces)

    @property
    def _spread(self) -> Tensor:
        """E|X - X'| / 2 [1/m], the integral of cdf (1 - cdf). Shape (B,)."""
        first, last = self._ends
        tail = self._tail_mass * self.tails * (1.0 - 0.5 * self._tail_mass)
        total = tail.sum(dim=-1)
        for share, weight in zip((0.0, 0.25, 0.5, 0.75, 1.0), BOOLE, strict=True):
            grown = self.widths * share * (first + 0.5 * (last - first) * share)
            below = self._below[:, :-1] + grown  # (B, N - 1)
            total = total + weight * (self.widths * below * (1.0 - below)).sum(dim=-1)
        return total


def _log_share(share: Tensor) -> Tensor:
    """Log of shares of a piece; -inf of nothing, with a gradient of 0."""
    return torch.where(share > 0.0, share.clamp_min(TINY).log(), -math.inf)


def running_sum(start: Tensor, steps: Tensor) -> Tensor:
    """The start (B,) and the sums (B, N) after each of the steps (B, N - 1)."""
    return torch.cat([start.unsqueeze(-1), start.unsqueeze(-1) + steps.cumsum(dim=-1)], dim=-1)
