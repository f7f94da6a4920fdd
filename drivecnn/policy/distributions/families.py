"""The families by name, as a config says them."""

from drivecnn.policy.distributions.categorical import CategoricalFamily, LogCategoricalFamily
from drivecnn.policy.distributions.family import Family, SizedFamily
from drivecnn.policy.distributions.gaussian import GaussianFamily
from drivecnn.policy.distributions.gaussian_mixture import GaussianMixtureFamily
from drivecnn.policy.distributions.logistic_mixture import LogisticMixtureFamily
from drivecnn.policy.distributions.point import PointFamily
from drivecnn.policy.distributions.quantile_function import QuantileFamily
from drivecnn.policy.errors import PolicyError

FAMILIES: dict[str, type[Family]] = {
    "gaussian_mixture": GaussianMixtureFamily,
    "gaussian": GaussianFamily,
    "categorical": CategoricalFamily,
    "categorical_log": LogCategoricalFamily,
    "quantile": QuantileFamily,
    "logistic_mixture": LogisticMixtureFamily,
    "point": PointFamily,
}


def make_family(name: str, components: int | None = None) -> Family:
    """The family of a name, of a size; None is its own.

    Raises:
        PolicyError: one line, when there is no such family, or not of that size.
    """
    if not isinstance(name, str) or name not in FAMILIES:
        raise PolicyError(f"distribution is {name!r}, expected one of {', '.join(FAMILIES)}")
    kind = FAMILIES[name]
    if components is None:
        return kind()
    if not issubclass(kind, SizedFamily):
        raise PolicyError(f"components is {components!r}, but {name} has no size: leave it out")
    return kind(components)
