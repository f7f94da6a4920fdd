"""Whether forecasts are judged as the literature says."""

import numpy as np
import pytest
import torch

from drivecnn.calibration import (
    LEVELS,
    Forecasts,
    best_temperature,
    calibration,
    coverage,
)
from drivecnn.policy import GaussianMixture

COUNT = 4000


def gaussians(scale):
    """Zero-mean Gaussians of one scale [1/m], as mixtures of one component."""
    column = torch.ones(COUNT, 1)
    return GaussianMixture(column, 0.0 * column, scale * column)


@pytest.fixture(scope="module")
def curvature():
    """Draws from a Gaussian of scale 0.02."""
    return 0.02 * torch.randn(COUNT, generator=torch.Generator().manual_seed(0))


def test_right_forecasts_cover_what_they_claim(curvature):
    result = calibration(Forecasts.of(gaussians(0.02), curvature))
    assert result.forecasts == COUNT
    assert result.coverage_error < 0.02
    assert max(result.pit) < 0.07
    assert min(result.pit) > 0.03
    assert sum(result.pit) == pytest.approx(1.0)


def test_forecasts_that_are_too_sure_cover_too_little(curvature):
    result = calibration(Forecasts.of(gaussians(0.01), curvature))
    assert all(got < level - 0.1 for got, level in zip(result.coverage, LEVELS, strict=True))
    assert result.pit[0] > 0.1  # what happens is often below all that was expected


def test_what_lies_beyond_all_forecasts_is_in_the_last_part():
    logits = torch.tensor([[0.3, -0.7, 0.1]]).expand(COUNT, 3)
    middles = 0.01 * torch.randn(COUNT, 3, generator=torch.Generator().manual_seed(1))
    forecasts = GaussianMixture(logits, middles, torch.full((COUNT, 3), 0.01))
    pit = calibration(Forecasts.of(forecasts, torch.full((COUNT,), 0.5))).pit
    assert pit[-1] == 1.0


def test_the_sharpness_is_the_width_of_the_central_interval(curvature):
    result = calibration(Forecasts.of(gaussians(0.02), curvature))
    assert result.sharpness == pytest.approx(2 * 1.6449 * 0.02, rel=1e-3)


def test_the_right_forecast_has_the_lowest_scores(curvature):
    nll, crps = {}, {}
    for scale in (0.01, 0.02, 0.04):
        result = calibration(Forecasts.of(gaussians(scale), curvature))
        nll[scale], crps[scale] = result.nll, result.crps
    assert min(nll, key=nll.get) == min(crps, key=crps.get) == 0.02


def test_the_temperature_widens_forecasts_that_are_too_sure(curvature):
    halves = [gaussians(0.01)[: COUNT // 2], gaussians(0.01)[COUNT // 2 :]]
    temperature = best_temperature(halves, curvature)
    assert temperature == pytest.approx(4.0, rel=0.1)  # p ** (1 / 4) doubles a Gaussian's scale
    after = calibration(Forecasts.of(gaussians(0.01).tempered(temperature), curvature))
    assert after.coverage_error < 0.02


def test_coverage_counts_what_lies_around_the_middle():
    pit = np.array([0.05, 0.3, 0.5, 0.7, 0.99])
    assert coverage(pit, np.array([0.5, 0.9])).tolist() == [0.6, 0.8]


def test_no_forecasts_are_refused():
    nothing = np.zeros(0)
    with pytest.raises(ValueError, match="no forecasts"):
        calibration(Forecasts(nothing, nothing, nothing, nothing, nothing))
