"""Mixtures of components of one shape, each moved and stretched."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from torch import Tensor
from torch.nn import functional

from drivecnn.policy.distributions.base import SteeringDistribution, batch_index
from drivecnn.policy.distributions.family import CURVATURE_SCALE, SizedFamily
from drivecnn.policy.distributions.modes import Modes, find_modes

MODE_STEPS = 6  # mean-shift steps: leaves < 0.2 % of the density in 2,400 random mixtures, K <= 5
QUANTILE_PARTS = 8  # twice as quick as halving where one is asked, as quick where 300 are
QUANTILE_CUTS = 16  # of it and of what is left of it, at most
QUANTILE_ERROR = 1e-5  # of the narrowest component's scale; reached from an interval of 1e9 scales
NODES = 193  # per component, over +-reach scales


class Mixture(SteeringDistribution):
    """B mixtures of K components, held in float32 whatever precision the arguments have.

    Args:
        logits: (B, K) log weights of the components; they need not be normalised.
        loc: (B, K) middles of the components [1/m].
        scale: (B, K) scales of the components [1/m], > 0.

    Raises:
        ValueError: when the three shapes differ or are not (B, K).
    """

    reach: float  # scales on either side of a component that hold what counts of its mass

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
        index = batch_index(len(self), index)
        return type(self)(self.log_weights[index], self.loc[index], self.scale[index])

    @property
    def weights(self) -> Tensor:
        """Share of the mass in each component. Shape (B, K)."""
        return self.log_weights.exp()

    @abstractmethod
    def _component_log_prob(self, curvature: Tensor) -> Tensor:
        """Log of weight x density of each component. (..., B) -> (..., B, K)."""

    @staticmethod
    @abstractmethod
    def _unit_cdf(z: Tensor) -> Tensor:
        """The cdf of a component of scale 1 about 0."""

    @staticmethod
    @abstractmethod
    def _unit_quantile(q: Tensor) -> Tensor:
        """The quantile function of a component of scale 1 about 0."""

    @staticmethod
    @abstractmethod
    def _unit_pull(z: Tensor) -> Tensor:
        """Minus the slope of the log density over z, of a component of scale 1 about 0."""

    def log_prob(self, curvature: Tensor) -> Tensor:  # noqa: D102 - as the base class says
        return self._component_log_prob(curvature.float()).logsumexp(dim=-1)

    def cdf(self, curvature: Tensor) -> Tensor:  # noqa: D102 - as the base class says
        z = (curvature.float().unsqueeze(-1) - self.loc) / self.scale
        probability: Tensor = (self.weights * self._unit_cdf(z)).sum(dim=-1)
        return probability.clamp(max=1.0)  # a sum of rounded numbers may be more

    @torch.no_grad()
    def quantile(self, q: Tensor | float) -> Tensor:
        """Curvature [1/m] below which the share q of the mass lies. Shape (..., B).

        The quantile lies between the smallest and the largest quantile of the components, so the
        interval between them is cut into eight, and the one of them that holds it again, until it
        is narrower than 1e-5 of a scale. In float64: between two components the cdf is so flat that
        float32 would lose the place.
        """
        q = torch.as_tensor(q, dtype=torch.float64, device=self.loc.device)
        weights = torch.softmax(self.log_weights.double(), dim=-1)
        loc, scale = self.loc.double(), self.scale.double()
        ends = loc + scale * self._unit_quantile(q).unsqueeze(-1)  # (..., B, K)
        low = ends.amin(dim=-1)  # (..., B)
        width = (ends.amax(dim=-1) - low).nan_to_num(0.0)  # both ends of q = 1 are infinite
        close = QUANTILE_ERROR * scale.amin(dim=-1)
        cuts = torch.arange(1, QUANTILE_PARTS, dtype=low.dtype, device=low.device) / QUANTILE_PARTS
        cuts = cuts.view(-1, *[1] * low.ndim)
        for _ in range(QUANTILE_CUTS):
            if not (width > close).any():
                break
            z = ((low + width * cuts).unsqueeze(-1) - loc) / scale  # (parts - 1, ..., B, K)
            below = (weights * self._unit_cdf(z)).sum(dim=-1) < q
            width = width / QUANTILE_PARTS
            low = low + width * below.sum(dim=0)
        return (low + 0.5 * width).float()

    @property
    def mean(self) -> Tensor:
        """Mean curvature [1/m]. Shape (B,)."""
        return (self.weights * self.loc).sum(dim=-1)

    @property
    @torch.no_grad()
    def mode(self) -> Tensor:
        """Curvature [1/m] of the highest density. Shape (B,).

        Climbs from the middle of every component and takes the highest point reached.
        """
        reached = self._climb(self.loc.T)  # (K, B)
        best = self.log_prob(reached).argmax(dim=0, keepdim=True)  # (1, B)
        return reached.gather(0, best).squeeze(0)

    @torch.no_grad()
    def modes(self) -> Modes:  # noqa: D102 - as the base class says
        nodes = self._nodes()
        found = find_modes(nodes, self.log_prob(nodes), self.cdf)
        return found._replace(curvature=self._climb(found.curvature.T).T)

    def entropy(self) -> Tensor:
        """Differential entropy in nats. Shape (B,). Error < 1e-3 nats (K <= 5).

        By the trapezoid rule over the nodes of all components together, so that a narrow component
        inside a wide one is resolved as well as the wide one.
        """
        nodes = self._nodes()  # (N x K, B)
        log_prob = self.log_prob(nodes)  # (N x K, B)
        return torch.trapezoid(-log_prob.exp() * log_prob, nodes, dim=0)

    @torch.no_grad()
    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """One random curvature [1/m] of each distribution. Shape (B,)."""
        chosen = torch.multinomial(self.weights, 1, generator=generator)  # (B, 1)
        noise = self._unit_noise(generator).unsqueeze(-1)  # (B, 1)
        value = self.loc.gather(-1, chosen) + self.scale.gather(-1, chosen) * noise
        return value.squeeze(-1)

    @abstractmethod
    def _unit_noise(self, generator: torch.Generator | None) -> Tensor:
        """Random values (B,) of a component of scale 1 about 0."""

    def tempered(self, temperature: Tensor | float) -> Self:
        """The distributions at a temperature T > 0, each component on its own.

        Weights become w^(1/T), normalised, and scales s sqrt(T). For a Gaussian that is its
        p^(1/T); for other shapes it has the curvature of p^(1/T) at the peak.
        """
        scale = self.scale * temperature**0.5
        return type(self)(self.log_weights / temperature, self.loc, scale)

    @torch.no_grad()
    def _nodes(self) -> Tensor:
        """Curvatures [1/m] close together wherever a component has mass, rising. (N x K, B)."""
        unit = torch.linspace(-self.reach, self.reach, NODES, device=self.loc.device)
        nodes = self.loc + unit[:, None, None] * self.scale  # (N, B, K)
        return nodes.movedim(-1, 0).flatten(0, 1).sort(dim=0).values

    def _climb(self, start: Tensor) -> Tensor:
        """Curvatures (..., B) [1/m] uphill from these, by mean-shift.

        Carreira-Perpinan, "Mode-finding for mixtures of Gaussian distributions", IEEE TPAMI 2000;
        for other shapes each component pulls as the slope of its density does.
        """
        for _ in range(MODE_STEPS):
            share = torch.softmax(self._component_log_prob(start), dim=-1)  # (..., B, K)
            z = (start.unsqueeze(-1) - self.loc) / self.scale
            pull = share * self._unit_pull(z) / self.scale.square()
            start = (pull * self.loc).sum(dim=-1) / pull.sum(dim=-1)
        return start


@dataclass(frozen=True)
class MixtureFamily(SizedFamily):
    """K log weights, K middles and K scales of components of one shape.

    loc = CURVATURE_SCALE x output; scale = least_scale + CURVATURE_SCALE x softplus(output).

    Attributes:
        least_scale: floor of a component's scale [1/m].
    """

    distribution: ClassVar[type[Mixture]]
    least_scale: ClassVar[float]
    components: int = 3

    @property
    def outputs(self) -> int:  # noqa: D102 - as the base class says
        return 3 * self.components

    def __call__(self, raw: Tensor) -> Mixture:  # noqa: D102 - as the base class says
        logits, loc, scale = raw.chunk(3, dim=-1)  # (B, K) each
        scale = self.least_scale + CURVATURE_SCALE * functional.softplus(scale)
        return self.distribution(logits, CURVATURE_SCALE * loc, scale)

    def initialise(self, bias: Tensor) -> None:
        """Start the components apart, evenly: right, straight, left."""
        loc = bias.chunk(3)[1]
        count = len(loc)
        loc.copy_(torch.linspace(-1.0, 1.0, count) if count > 1 else torch.zeros(1))
