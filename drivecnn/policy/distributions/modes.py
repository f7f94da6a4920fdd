"""The peaks of a density, and how much mass lies around each."""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

VALLEY = 0.9  # a valley sets two peaks apart if it is below this share of the lower one


class Modes(NamedTuple):
    """The modes of B distributions, heaviest first; M is the largest number of any of them.

    The mass of a mode is the probability between the lowest points of the density on either side of
    it, so the masses of a distribution add up to one.
    """

    curvature: Tensor  # (B, M) 1/m, nan where a distribution has fewer
    mass: Tensor  # (B, M), 0 where a distribution has fewer

    def nearest(self, curvature: Tensor, share: float) -> Tensor:
        """The mode [1/m] nearest to each curvature (B,), of those with a share of the mass or more.

        The heaviest mode where the curvature is nan or no mode has that mass. Shape (B,).
        """
        heaviest = self.curvature[:, 0]
        wanted = torch.where(curvature.isnan(), heaviest, curvature).unsqueeze(-1)  # (B, 1)
        distance = (self.curvature - wanted).abs()  # (B, M)
        distance = distance.masked_fill((self.mass < share) | distance.isnan(), math.inf)
        return self.curvature.gather(-1, distance.argmin(dim=-1, keepdim=True)).squeeze(-1)


def single_mode(curvature: Tensor) -> Modes:
    """The modes of distributions that have one each, at these curvatures (B,) [1/m]."""
    return Modes(curvature.unsqueeze(-1), torch.ones_like(curvature).unsqueeze(-1))


@torch.no_grad()
def find_modes(nodes: Tensor, log_density: Tensor, cdf: Callable[[Tensor], Tensor]) -> Modes:
    """The modes of densities that are known at nodes.

    A peak is a mode if every way from it to a higher peak leads through a valley below 0.9 of its
    height. What is shallower is a ripple and belongs to the higher peak beside it.

    Args:
        nodes: (G, B) curvatures [1/m], rising along G, close enough together to show every peak.
        log_density: (G, B) at the nodes.
        cdf: of the B distributions.
    """
    peaks = _peaks(log_density)  # (P, B)
    heights = _at(peaks, log_density, -math.inf)  # (P, B)
    valleys = _lowest(log_density, _count(peaks, log_density), len(peaks))  # (P + 1, B)
    standing = (peaks < len(nodes)) & _stands_out(heights, valleys[:-1])
    chosen = _compact(peaks.masked_fill(~standing, len(nodes)), len(nodes))  # (M, B)
    edges = _at(_valley_nodes(log_density, chosen), nodes, math.inf)  # (M - 1, B)
    below = torch.where(edges.isinf(), 1.0, cdf(edges)) if len(edges) else edges
    ends = below.new_zeros(1, below.shape[1]), below.new_ones(1, below.shape[1])
    mass = torch.cat([ends[0], below, ends[1]]).diff(dim=0).clamp_min(0.0)  # (M, B)
    mass, order = mass.T.sort(dim=1, descending=True, stable=True)  # (B, M)
    return Modes(_at(chosen, nodes, math.nan).T.gather(1, order), mass)


def _peaks(log_density: Tensor) -> Tensor:
    """Nodes (P, B) of the local maxima, rising; G where a column has fewer."""
    edge = log_density.new_full((1, log_density.shape[1]), -math.inf)
    padded = torch.cat([edge, log_density, edge])
    peak = (padded[1:-1] > padded[:-2]) & (padded[1:-1] >= padded[2:])  # (G, B)
    count = len(log_density)
    numbers = torch.arange(count, device=peak.device).unsqueeze(-1)
    return _compact(torch.where(peak, numbers, count), count)


def _compact(nodes: Tensor, missing: int) -> Tensor:
    """The numbers (..., B) in rising order, without the rows where all are missing but the first.

    A density that is not a number has no peak: its one mode is not a number either.
    """
    present = (nodes < missing).sum(dim=0)
    most = max(1, int(present.max())) if present.numel() else 1
    return nodes.sort(dim=0).values[:most]


def _at(nodes: Tensor, values: Tensor, missing: float) -> Tensor:
    """The values (G, B) at nodes (P, B); `missing` at node G."""
    padding = values.new_full((1, values.shape[1]), missing)
    return torch.cat([values, padding]).gather(0, nodes)


def _count(peaks: Tensor, log_density: Tensor) -> Tensor:
    """How many of the peaks (P, B) lie at or before each node. Shape (G, B)."""
    count, batch = log_density.shape
    marks = peaks.new_zeros(count + 1, batch).scatter_(0, peaks, 1)
    return marks[:-1].cumsum(dim=0)


def _lowest(values: Tensor, part: Tensor, parts: int) -> Tensor:
    """The lowest of the values (G, B) in each part 0..parts. Shape (parts + 1, B)."""
    lowest = values.new_full((parts + 1, values.shape[1]), torch.inf)
    return lowest.scatter_reduce_(0, part, values, "amin")


def _stands_out(heights: Tensor, valleys: Tensor) -> Tensor:
    """Which peaks are modes. Shape (P, B), True or False.

    Args:
        heights: (P, B) log density of each peak.
        valleys: (P, B) lowest log density between each peak and the one before it.
    """
    number = torch.arange(len(heights), device=heights.device)
    after = (number.unsqueeze(0) > number.unsqueeze(1)).unsqueeze(-1)  # (P, P, 1): second later
    between = valleys.unsqueeze(0).masked_fill(~after, math.inf).cummin(dim=1).values  # (P, P, B)
    between = torch.where(after, between, between.transpose(0, 1))
    own, other = heights.unsqueeze(1), heights.unsqueeze(0)
    higher = (other > own) | ((other == own) & ~after & (number[:, None] != number)[..., None])
    return (~higher | (between < own + math.log(VALLEY))).all(dim=1)


def _valley_nodes(log_density: Tensor, modes: Tensor) -> Tensor:
    """Node of the lowest density between each mode (M, B) and the next. Shape (M - 1, B)."""
    part = _count(modes, log_density)  # (G, B)
    lowest = _lowest(log_density, part, len(modes))  # (M + 1, B)
    count = len(log_density)
    numbers = torch.arange(count, device=modes.device).unsqueeze(-1)
    candidates = torch.where(log_density == lowest.gather(0, part), numbers, count)  # (G, B)
    first = modes.new_full(lowest.shape, count).scatter_reduce_(0, part, candidates, "amin")
    last = modes == count  # no such mode: the part before it is the last one
    return first[1:-1].masked_fill(last[1:], count)
