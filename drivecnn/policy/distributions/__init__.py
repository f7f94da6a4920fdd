"""Distributions over steering, as a policy predicts them."""

from drivecnn.policy.distributions.base import SteeringDistribution
from drivecnn.policy.distributions.categorical import (
    Categorical,
    CategoricalFamily,
    LogCategoricalFamily,
)
from drivecnn.policy.distributions.families import FAMILIES, make_family
from drivecnn.policy.distributions.family import CURVATURE_SCALE, MIN_SCALE, Family, SizedFamily
from drivecnn.policy.distributions.gaussian import Gaussian, GaussianFamily
from drivecnn.policy.distributions.gaussian_mixture import GaussianMixture, GaussianMixtureFamily
from drivecnn.policy.distributions.head import SteeringHead
from drivecnn.policy.distributions.logistic_mixture import LogisticMixture, LogisticMixtureFamily
from drivecnn.policy.distributions.modes import Modes
from drivecnn.policy.distributions.point import PointFamily, PointMass
from drivecnn.policy.distributions.quantile_function import QuantileFamily, QuantileFunction

__all__ = [
    "CURVATURE_SCALE",
    "FAMILIES",
    "MIN_SCALE",
    "Categorical",
    "CategoricalFamily",
    "Family",
    "Gaussian",
    "GaussianFamily",
    "GaussianMixture",
    "GaussianMixtureFamily",
    "LogCategoricalFamily",
    "LogisticMixture",
    "LogisticMixtureFamily",
    "Modes",
    "PointFamily",
    "PointMass",
    "QuantileFamily",
    "QuantileFunction",
    "SizedFamily",
    "SteeringDistribution",
    "SteeringHead",
    "make_family",
]
