"""What every distribution over steering can do."""

from abc import ABC, abstractmethod
from copy import copy
from typing import ClassVar, Self

import torch
from torch import Tensor

from drivecnn.policy.distributions.modes import Modes


class SteeringDistribution(ABC):
    """A batch of B distributions over curvature [1/m], left positive.

    As in torch.distributions, what is cheap and has no parameter is a property (`mean`, `mode`)
    and what is computed is a method (`entropy()`). Methods that take a tensor broadcast it against
    (B,): with (G, 1) or (G, B) every distribution is evaluated at G points. All values are float32.
    `log_prob`, `cdf`, `mean`, `entropy`, `crps` and `tempered` carry gradients; `quantile`, `mode`,
    `modes` and `sample` do not.

    Attributes:
        has_density: False where there is no log_prob to ask for: a point mass.
    """

    has_density: ClassVar[bool] = True

    @abstractmethod
    def __len__(self) -> int:
        """The number B of distributions."""

    @abstractmethod
    def __getitem__(self, index: int | slice | Tensor) -> Self:
        """The distributions at the index; an int keeps a batch of one."""

    def to(self, device: torch.device | str) -> Self:
        """The distributions on another device."""
        moved = copy(self)
        for name, value in vars(self).items():
            if isinstance(value, tuple):
                setattr(moved, name, tuple(part.to(device) for part in value))
            elif isinstance(value, Tensor):
                setattr(moved, name, value.to(device))
        return moved

    @abstractmethod
    def log_prob(self, curvature: Tensor) -> Tensor:
        """Log density at each curvature [1/m], in nats per (1/m). Shape (..., B).

        Raises:
            NotImplementedError: when has_density is False.
        """

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
    def modes(self) -> Modes:
        """Every peak of the density that a valley sets apart, and the mass around it."""

    @abstractmethod
    def entropy(self) -> Tensor:
        """Differential entropy in nats (of a density per 1/m, so often negative). Shape (B,)."""

    @abstractmethod
    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """One random curvature [1/m] of each distribution. Shape (B,)."""

    @abstractmethod
    def crps(self, curvature: Tensor) -> Tensor:
        """Continuous ranked probability score [1/m] of each curvature [1/m]. Shape (..., B).

        The integral over x of (cdf(x) - [curvature <= x])^2 = E|X - curvature| - E|X - X'| / 2
        (Gneiting and Raftery, JASA 102, 2007). Lowest, on average, for the right distribution.
        """

    @abstractmethod
    def tempered(self, temperature: Tensor | float) -> Self:
        """The distributions at a temperature T > 0: wider for T > 1, as they are for T = 1.

        Densities become p^(1/T), normalised; in a mixture, weights and components do so each for
        themselves.
        """


def batch_index(length: int, index: int | slice | Tensor) -> slice | Tensor:
    """The index that keeps a batch dimension.

    Raises:
        IndexError: when an int is not within the batch.
    """
    if not isinstance(index, int):
        return index
    if not -length <= index < length:
        raise IndexError(f"index {index} of a batch of {length} distributions")
    start = index % length
    return slice(start, start + 1)
