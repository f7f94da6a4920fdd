"""Whether predicted distributions mean what they say. Every figure is a function of forecasts.

A forecast is a distribution that was predicted in some state, and what the expert then did. The
probability integral transform (PIT) is the predicted probability of less than that; it is even in
0..1 if the forecasts are right. Sources: Gneiting, Balabdaoui, Raftery, "Probabilistic forecasts,
calibration and sharpness", JRSS B 2007; Guo et al., "On calibration of modern neural networks",
ICML 2017, for the temperature.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from torch import Tensor

from drivecnn.policy import SteeringDistribution

Array = NDArray[np.float64]

LEVELS = (0.5, 0.8, 0.9, 0.95)  # of central intervals
SHARPNESS_LEVEL = 0.9  # of the interval whose width is the sharpness
PIT_BINS = 20
LOG_TEMPERATURES = (-2.3, 2.3)  # between which the best one is looked for: 0.1 to 10


@dataclass(frozen=True)
class Forecasts:
    """What N predicted distributions were worth, one entry each.

    Attributes:
        nll: nats, negative log density of what happened.
        crps: 1/m, continuous ranked probability score; less is better.
        pit: predicted probability of less than what happened.
        width: 1/m, of the central interval of `SHARPNESS_LEVEL`.
        entropy: nats.
    """

    nll: Array
    crps: Array
    pit: Array
    width: Array
    entropy: Array

    @classmethod
    def of(cls, distribution: SteeringDistribution, curvature: Tensor) -> "Forecasts":
        """Judge distributions by the curvatures (N,) [1/m] that came true."""
        tail = 0.5 * (1.0 - SHARPNESS_LEVEL)
        width = distribution.quantile(1.0 - tail) - distribution.quantile(tail)
        columns = (
            -distribution.log_prob(curvature),
            distribution.crps(curvature),
            distribution.cdf(curvature),
            width,
            distribution.entropy(),
        )
        return cls(*(column.detach().double().cpu().numpy() for column in columns))

    @classmethod
    def joined(cls, parts: "Sequence[Forecasts]") -> "Forecasts":
        """All forecasts of several sets."""
        names = cls.__dataclass_fields__
        return cls(**{name: np.concatenate([getattr(p, name) for p in parts]) for name in names})


@dataclass(frozen=True)
class Calibration:
    """How well a set of forecasts is calibrated.

    Attributes:
        forecasts: how many.
        nll: mean, nats.
        crps: mean, 1/m.
        coverage: share of what happened in the central interval of each of `LEVELS`.
        coverage_error: the largest distance between those shares and the levels.
        sharpness: mean width [1/m] of the central interval of `SHARPNESS_LEVEL`.
        entropy: mean, nats.
        pit: share of the forecasts in each of `PIT_BINS` equal parts of 0..1.
    """

    forecasts: int
    nll: float
    crps: float
    coverage: tuple[float, ...]
    coverage_error: float
    sharpness: float
    entropy: float
    pit: tuple[float, ...]


def calibration(forecasts: Forecasts) -> Calibration:
    """How well a set of forecasts is calibrated.

    Raises:
        ValueError: if there are none.
    """
    count = len(forecasts.pit)
    if not count:
        raise ValueError("no forecasts: expected at least one")
    covered = coverage(forecasts.pit, np.array(LEVELS))
    histogram, _ = np.histogram(forecasts.pit, PIT_BINS, (0.0, 1.0))
    return Calibration(
        forecasts=count,
        nll=float(forecasts.nll.mean()),
        crps=float(forecasts.crps.mean()),
        coverage=tuple(covered.tolist()),
        coverage_error=float(np.abs(covered - LEVELS).max()),
        sharpness=float(forecasts.width.mean()),
        entropy=float(forecasts.entropy.mean()),
        pit=tuple((histogram / count).tolist()),
    )


def coverage(pit: Array, levels: Array) -> Array:
    """Share of PIT values (N,) that lie in the central interval of each level (L,)."""
    inside = np.abs(pit - 0.5)[:, None] <= 0.5 * levels  # (N, L)
    return np.asarray(inside.mean(axis=0))


def best_temperature(distributions: Sequence[SteeringDistribution], curvature: Tensor) -> float:
    """The temperature at which the distributions give what happened the highest likelihood.

    Args:
        distributions: batches of B distributions, at temperature 1.
        curvature: what happened in each of them (batches x B,) [1/m].
    """
    parts = torch.split(curvature, [len(distribution) for distribution in distributions])

    def nll(log_temperature: float) -> float:
        temperature = float(np.exp(log_temperature))
        total = sum(
            float(-distribution.tempered(temperature).log_prob(part).double().sum())
            for distribution, part in zip(distributions, parts, strict=True)
        )
        return total / len(curvature)

    with torch.inference_mode():
        found = minimize_scalar(nll, bounds=LOG_TEMPERATURES, method="bounded")
    return float(np.exp(found.x))
