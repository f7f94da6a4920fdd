"""How the raw numbers of a head become distributions."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from drivecnn.policy.distributions.base import SteeringDistribution
from drivecnn.policy.errors import PolicyError

CURVATURE_SCALE = 0.05  # 1/m: a head's outputs are in this unit, so that they are of order one
MIN_SCALE = 0.002  # 1/m: floor of a Gaussian's scale, 0.1 m/s2 sideways at 7 m/s


class Family(ABC):
    """A kind of distribution, as a head predicts it from P raw numbers.

    Attributes:
        distribution: what the raw numbers become.
    """

    distribution: ClassVar[type[SteeringDistribution]]

    @property
    @abstractmethod
    def outputs(self) -> int:
        """The number P of raw numbers."""

    @abstractmethod
    def __call__(self, raw: Tensor) -> SteeringDistribution:
        """B distributions from float32 raw numbers (B, P)."""

    def initialise(self, bias: Tensor) -> None:
        """Set where the bias (P,) of a new head starts, in place: straight on."""
        bias.zero_()


@dataclass(frozen=True)
class SizedFamily(Family):
    """A family whose distributions have a size.

    Attributes:
        components: of a mixture, its components; else knots or levels.

    Raises:
        PolicyError: one line, when it is not a whole number that is large enough.
    """

    components: int
    smallest: ClassVar[int] = 1

    def __post_init__(self) -> None:
        size = self.components
        if not isinstance(size, int) or isinstance(size, bool) or size < self.smallest:
            raise PolicyError(f"components is {size!r}, expected a whole number >= {self.smallest}")
