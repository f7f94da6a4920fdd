"""Distributions over steering, as a policy predicts them."""

import math
from abc import ABC, abstractmethod
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional

LOG_SQRT_2PI = 0.5 * math.log(2 * math.pi)
MODE_STEPS = 6  # mean-shift steps: leaves < 0.2 % of the density in 2,400 random mixtures, K <= 5
QUANTILE_STEPS = 48  # halvings, in float64: 1e-5 of the scale from a bracket of 1e9 scales
ENTROPY_NODES = 193  # per component, over +-ENTROPY_REACH scales
ENTROPY_REACH = 6.0  # scales


class SteeringDistribution(ABC):
    """A batch of B distributions over curvature [1/m], left positive.

    As in torch.distributions, what is cheap and has no parameter is a property (`mean`, `mode`)
    and what is computed is a method (`entropy()`). Methods that take a tensor broadcast it against
    (B,): with (G, 1) or (G, B) every distribution is evaluated at G points. All values are float32.
    `log_prob`, `cdf`, `mean` and `entropy` carry gradients; `quantile`, `mode` and `sample` do not.
    """

    @abstractmethod
    def __len__(self) -> int:
        """The number B of distributions."""

    @abstractmethod
    def __getitem__(self, index: int | slice | Tensor) -> Self:
        """The distributions at the index; an int keeps a batch of one."""

    @abstractmethod
    def log_prob(self, curvature: Tensor) -> Tensor:
        """Log density at each curvature [1/m], in nats per (1/m). Shape (..., B)."""

    @abstractmethod
    def cdf(self, curvature: Tensor) -> Tensor:
        """Probability that the curvature [1/m] is at most this one. Shape (..., B)."""

    @abstractmethod
    def quantile(self, q: Tensor | float) -> Tensor:
        """Curvature [1/m] below which the share q (in 0..1) of the mass lies. Shape (..., B)."""

    @property
    @abstractmethod
    def mean(self) -> Tensor:
        """Mean curvature [1/m]. Shape (B,)."""

    @property
    @abstractmethod
    def mode(self) -> Tensor:
        """Curvature [1/m] of the highest density. Shape (B,)."""

    @abstractmethod
    def entropy(self) -> Tensor:
        """Differential entropy in nats (of a density per 1/m, so often negative). Shape (B,)."""

    @abstractmethod
    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """One random curvature [1/m] of each distribution. Shape (B,)."""


class GaussianMixture(SteeringDistribution):
    """B mixtures of K Gaussians, held in float32 whatever precision the arguments have.

    Args:
        logits: (B, K) log weights of the components; they need not be normalised.
        loc: (B, K) means of the components [1/m].
        scale: (B, K) standard deviations of the components [1/m], > 0.

    Raises:
        ValueError: when the three shapes differ or are not (B, K).
    """

    def __init__(self, logits: Tensor, loc: Tensor, scale: Tensor) -> None:
        if logits.ndim != 2 or not logits.shape == loc.shape == scale.shape:
            raise ValueError(
                f"logits {tuple(logits.shape)}, loc {tuple(loc.shape)} and scale "
                f"{tuple(scale.shape)} of a mixture must all be (B, K)"
            )
        self.log_weights = functional.log_softmax(logits.float(), dim=-1)  # (B, K)
        self.loc = loc.float()  # (B, K)
        self.scale = scale.float()  # (B, K)

    def __len__(self) -> int:
        return self.loc.shape[0]

    def __getitem__(self, index: int | slice | Tensor) -> Self:
        if isinstance(index, int):
            index = torch.arange(len(self), device=self.loc.device)[index].reshape(1)
        return type(self)(self.log_weights[index], self.loc[index], self.scale[index])

    @property
    def weights(self) -> Tensor:
        """Share of the mass in each component. Shape (B, K)."""
        return self.log_weights.exp()

    def _component_log_prob(self, curvature: Tensor) -> Tensor:
        """Log of weight x density of each component. (..., B) -> (..., B, K)."""
        z = (curvature.unsqueeze(-1) - self.loc) / self.scale
        return self.log_weights - self.scale.log() - 0.5 * z * z - LOG_SQRT_2PI

    def log_prob(self, curvature: Tensor) -> Tensor:  # noqa: D102 - as the base class says
        return self._component_log_prob(curvature).logsumexp(dim=-1)

    def cdf(self, curvature: Tensor) -> Tensor:  # noqa: D102 - as the base class says
        z = (curvature.unsqueeze(-1) - self.loc) / self.scale
        probability: Tensor = (self.weights * torch.special.ndtr(z)).sum(dim=-1)
        return probability

    @torch.no_grad()
    def quantile(self, q: Tensor | float) -> Tensor:
        """Curvature [1/m] below which the share q of the mass lies. Shape (..., B).

        The quantile lies between the smallest and the largest quantile of the components, so the
        interval between them is halved until it is narrower than 1e-5 of the scale. In float64:
        between two components the cdf is so flat that float32 would lose the place.
        """
        q = torch.as_tensor(q, dtype=torch.float64, device=self.loc.device)
        weights = torch.softmax(self.log_weights.double(), dim=-1)
        loc, scale = self.loc.double(), self.scale.double()
        ends = loc + scale * torch.special.ndtri(q).unsqueeze(-1)  # (..., B, K)
        low, high = ends.amin(dim=-1), ends.amax(dim=-1)  # (..., B)
        for _ in range(QUANTILE_STEPS):
            middle = 0.5 * (low + high)
            z = (middle.unsqueeze(-1) - loc) / scale
            below = (weights * torch.special.ndtr(z)).sum(dim=-1) < q
            low = torch.where(below, middle, low)
            high = torch.where(below, high, middle)
        curvature: Tensor = (0.5 * (low + high)).float()
        return curvature

    @property
    def mean(self) -> Tensor:
        """Mean curvature [1/m]. Shape (B,)."""
        return (self.weights * self.loc).sum(dim=-1)

    @property
    @torch.no_grad()
    def mode(self) -> Tensor:
        """Curvature [1/m] of the highest density. Shape (B,).

        Climbs from the mean of every component by mean-shift (Carreira-Perpinan, "Mode-finding for
        mixtures of Gaussian distributions", IEEE TPAMI 2000) and takes the highest point reached.
        """
        precision = self.scale.reciprocal().square()  # (B, K)
        log_peak = self.log_weights - self.scale.log()  # (B, K)
        start = self.loc.unsqueeze(-1)  # (B, K starts, 1)
        loc, log_peak = self.loc.unsqueeze(1), log_peak.unsqueeze(1)  # (B, 1, K)
        half_precision = -0.5 * precision.unsqueeze(1)  # (B, 1, K)
        pull = torch.stack([precision, precision * self.loc], dim=-1)  # (B, K, 2)
        for _ in range(MODE_STEPS):
            share = torch.softmax(torch.addcmul(log_peak, half_precision, (start - loc) ** 2), -1)
            moments = share @ pull  # (B, K starts, 2)
            start = moments[..., 1:] / moments[..., :1]  # (B, K starts, 1)
        height = torch.addcmul(log_peak, half_precision, (start - loc) ** 2).logsumexp(dim=-1)
        best = height.argmax(dim=-1, keepdim=True)  # (B, 1)
        return start.squeeze(-1).gather(-1, best).squeeze(-1)  # (B,)

    def entropy(self) -> Tensor:
        """Differential entropy in nats. Shape (B,). Error < 1e-3 nats (K <= 5).

        By the trapezoid rule over the nodes of all components together, so that a narrow component
        inside a wide one is resolved as well as the wide one.
        """
        unit = torch.linspace(-ENTROPY_REACH, ENTROPY_REACH, ENTROPY_NODES, device=self.loc.device)
        with torch.no_grad():
            nodes = self.loc + unit[:, None, None] * self.scale  # (N, B, K)
            nodes = nodes.movedim(-1, 0).flatten(0, 1).sort(dim=0).values  # (N x K, B)
        log_prob = self.log_prob(nodes)  # (N x K, B)
        return torch.trapezoid(-log_prob.exp() * log_prob, nodes, dim=0)

    @torch.no_grad()
    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """One random curvature [1/m] of each distribution. Shape (B,)."""
        chosen = torch.multinomial(self.weights, 1, generator=generator)  # (B, 1)
        noise = torch.randn(len(self), 1, generator=generator, device=self.loc.device)
        value = self.loc.gather(-1, chosen) + self.scale.gather(-1, chosen) * noise
        return value.squeeze(-1)
