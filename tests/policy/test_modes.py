"""A mode is a peak that a valley sets apart, and weighs what lies between the valleys beside it."""

import math

import pytest
import torch
from torch import Tensor

from drivecnn.policy.distributions import (
    Categorical,
    GaussianMixture,
    LogisticMixture,
    Modes,
    QuantileFunction,
    SteeringDistribution,
)

NODES = torch.linspace(-0.25, 0.25, 101)


def bumps(weights: list[float], loc: list[float], scale: float) -> GaussianMixture:
    logits = torch.tensor([weights]).log()
    return GaussianMixture(logits, torch.tensor([loc]), torch.full((1, len(loc)), scale))


def shape_of(*heights: float) -> Categorical:
    """A density with these heights at evenly spaced knots."""
    return Categorical(torch.tensor([heights]).log(), torch.linspace(-0.2, 0.2, len(heights)))


def levels_of(mixture: GaussianMixture) -> QuantileFunction:
    knots = mixture.quantile((torch.arange(33) + 0.5).unsqueeze(-1) / 33).T  # (1, 33)
    return QuantileFunction.of_levels(knots[:, 0], knots.diff(dim=1))


TWO = bumps([0.3, 0.7], [0.1, -0.05], 0.01)


@pytest.mark.parametrize(
    "distribution",
    [
        TWO,
        LogisticMixture(TWO.log_weights, TWO.loc, TWO.scale / 2),
        Categorical(TWO.log_prob(NODES.unsqueeze(-1)).T, NODES),
        levels_of(TWO),
    ],
    ids=lambda distribution: type(distribution).__name__,
)
def test_two_ways_are_two_modes_heaviest_first(distribution: SteeringDistribution) -> None:
    curvature, mass = distribution.modes()
    assert curvature.shape == mass.shape == (1, 2)
    torch.testing.assert_close(curvature[0], torch.tensor([-0.05, 0.1]), atol=3e-3, rtol=0)
    torch.testing.assert_close(mass[0], torch.tensor([0.7, 0.3]), atol=0.01, rtol=0)


@pytest.mark.parametrize(("valley", "count"), [(0.95, 1), (0.92, 1), (0.88, 2), (0.1, 2)])
def test_a_valley_of_a_tenth_of_the_lower_peak_sets_peaks_apart(valley: float, count: int) -> None:
    for second, highest in ((1.4, 0.1), (0.7, -0.1)):
        modes = shape_of(0.1, 1.0, valley * min(1.0, second), second, 0.1).modes()
        assert modes.curvature.shape == (1, count)
        assert (modes.curvature - highest).abs().min() < 1e-6
    assert shape_of(0.1, 1.0, valley, 1.0, 0.1).modes().curvature.shape == (1, count)


def test_ripples_on_a_slope_and_on_a_plateau_are_no_modes() -> None:
    slope = shape_of(0.1, 0.5, 0.48, 0.7, 0.66, 1.0, 0.95, 0.97, 0.5, 0.1)
    assert slope.modes().curvature.shape == (1, 1)
    plateau = shape_of(0.1, 1.0, 0.97, 1.0, 0.96, 1.0, 1.0, 0.1)
    assert plateau.modes().mass.tolist() == [[1.0]]


def test_a_ripple_does_not_join_two_modes() -> None:
    modes = shape_of(0.1, 1.0, 0.3, 0.32, 0.3, 0.9, 0.1).modes()
    assert modes.curvature.shape == (1, 2)


def test_mass_ends_at_the_lowest_point_between_two_modes() -> None:
    distribution = shape_of(0.0001, 1.0, 0.2, 0.1, 0.8, 0.0001)
    lowest = torch.tensor([0.04])
    below = distribution.cdf(lowest).item()
    masses = sorted(distribution.modes().mass[0].tolist())
    assert masses == pytest.approx(sorted([below, 1 - below]), abs=1e-5)


def test_a_narrow_component_within_a_wide_one_is_found_wherever_it_is() -> None:
    for place in torch.linspace(-0.21, 0.21, 13).tolist():
        scale = torch.tensor([[0.002, 0.002, 0.15]])
        loc = torch.tensor([[place, place + 0.02, 0.0]])
        modes = GaussianMixture(torch.tensor([[0.0, 0.0, 1.0]]), loc, scale).modes()
        for narrow in loc[0, :2]:
            assert (modes.curvature - narrow).abs().min() < 1e-4


def test_distributions_of_a_batch_keep_their_own_modes() -> None:
    loc = torch.tensor([[-0.1, 0.1, 0.0], [0.02, 0.02, 0.02], [-0.1, -0.1, 0.15]])
    mixture = GaussianMixture(torch.zeros(3, 3), loc, torch.full((3, 3), 0.01))
    together = mixture.modes()
    assert together.mass.isfinite().all()
    assert (together.mass > 0).sum(dim=1).tolist() == [3, 1, 2]
    assert together.curvature[1, 1:].isnan().all()
    for i in range(3):
        alone = mixture[i].modes()
        kept = alone.mass.shape[1]
        torch.testing.assert_close(alone.mass[0], together.mass[i, :kept])
        torch.testing.assert_close(alone.curvature[0], together.curvature[i, :kept])


def test_identical_components_are_one_mode() -> None:
    modes = bumps([0.2, 0.3, 0.5], [0.03, 0.03, 0.03], 0.02).modes()
    assert modes.mass.tolist() == [[1.0]]


def nearest(modes: Modes, last: float, share: float) -> float:
    return modes.nearest(torch.tensor([last]), share).item()


def test_the_nearest_mode_is_taken_among_those_with_enough_mass() -> None:
    modes = Modes(torch.tensor([[0.1, -0.1, 0.0]]), torch.tensor([[0.5, 0.4, 0.1]]))
    assert nearest(modes, 0.01, 0.2) == pytest.approx(0.1)
    assert nearest(modes, 0.01, 0.05) == pytest.approx(0.0)
    assert nearest(modes, -0.09, 0.2) == pytest.approx(-0.1)
    assert nearest(modes, -0.09, 0.45) == pytest.approx(0.1)


def test_the_heaviest_mode_is_taken_without_a_past_or_without_enough_mass() -> None:
    modes = Modes(torch.tensor([[0.1, -0.1, math.nan]]), torch.tensor([[0.6, 0.4, 0.0]]))
    assert nearest(modes, math.nan, 0.2) == pytest.approx(0.1)
    assert nearest(modes, -0.1, 0.9) == pytest.approx(0.1)
    assert nearest(modes, -0.1, 0.0) == pytest.approx(-0.1)


def test_modes_do_not_carry_gradients() -> None:
    loc = torch.tensor([[-0.1, 0.1]], requires_grad=True)
    modes = GaussianMixture(torch.zeros(1, 2), loc, torch.full((1, 2), 0.01)).modes()
    values: tuple[Tensor, Tensor] = modes
    assert not any(value.requires_grad for value in values)
