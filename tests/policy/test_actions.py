"""An action turns a distribution into one curvature."""

import math

import pytest
import torch

from drivecnn.policy.actions import ACTIONS, NearestModeAction, SteadyAction
from drivecnn.policy.distributions import FAMILIES, Gaussian, GaussianMixture, make_family

FORK = GaussianMixture(
    torch.tensor([[0.6, 0.4]]).log(), torch.tensor([[0.1, -0.1]]), torch.tensor([[0.02, 0.01]])
)
QUARTILE = 0.67449  # of the standard normal distribution
PAST = {"none": math.nan, "left": 0.03, "right": -0.03}


def driven(last: list[float], before: list[float] | None = None) -> torch.Tensor:
    return torch.tensor([last, before or last])


@pytest.mark.parametrize(
    ("name", "past", "expected"),
    [
        ("mean", "right", 0.02),
        ("median", "right", FORK.quantile(0.5).item()),
        ("mode", "left", -0.1),
        ("nearest_mode", "left", 0.1),
        ("nearest_mode", "right", -0.1),
        ("nearest_mode", "none", 0.1),
        ("steady", "none", FORK.quantile(0.5).item()),
    ],
)
def test_an_action_at_a_fork(name: str, past: str, expected: float) -> None:
    curvature = ACTIONS[name](FORK, driven([PAST[past]]))
    assert curvature.tolist() == pytest.approx([expected], abs=1e-4)


def test_the_nearest_mode_needs_its_share_of_the_mass() -> None:
    action = NearestModeAction(share=0.5)
    assert action(FORK, driven([-0.1])).item() == pytest.approx(0.1, abs=1e-4)


def bell(width: float) -> Gaussian:
    """A distribution around 0.05 1/m, whose middle half is as wide as that."""
    return Gaussian(torch.tensor([0.05]), torch.tensor([width / (2.0 * QUARTILE)]))


def test_the_steady_action_goes_part_of_the_way() -> None:
    action = SteadyAction(share=0.5, inertia=0.0)
    curvature = action(bell(0.001), driven([0.054, 0.046, -0.15]))
    assert curvature.tolist() == pytest.approx([0.052, 0.048, -0.05], abs=1e-6)


@pytest.mark.parametrize(
    ("width", "share"), [(0.001, 0.5), (0.01, 0.5), (0.04, 0.25), (0.16, 0.125), (1.0, 0.1)]
)
def test_the_less_sure_the_less_of_the_way_the_steady_action_goes(
    width: float, share: float
) -> None:
    action = SteadyAction(share=0.5, sure=0.01, least=0.1, inertia=0.0)
    curvature = action(bell(width), driven([0.0]))
    assert curvature.item() == pytest.approx(0.05 * share, rel=1e-4)


def test_the_steady_action_goes_on_with_what_it_has_begun() -> None:
    action = SteadyAction(share=0.5, inertia=0.25)
    last, before = [0.05, 0.09, 0.05], [0.04, 0.13, math.nan]
    expected = [0.0525, 0.09 - 0.01 - 0.015, 0.05]
    curvature = action(bell(0.001), driven(last, before))
    assert curvature.tolist() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("name", FAMILIES)
def test_every_action_drives_every_family(name: str, action: str) -> None:
    family = make_family(name)
    raw = torch.randn(5, family.outputs, generator=torch.Generator().manual_seed(0))
    past = driven([math.nan, -0.2, 0.0, 0.2, 5.0], [math.nan, math.nan, 0.1, 0.2, -5.0])
    curvature = ACTIONS[action](family(raw), past)
    assert curvature.shape == (5,)
    assert torch.isfinite(curvature).all()


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("name", FAMILIES)
def test_of_what_is_no_number_no_action_makes_one(name: str, action: str) -> None:
    family = make_family(name)
    curvature = ACTIONS[action](
        family(torch.full((3, family.outputs), math.nan)), driven([math.nan, -0.2, 0.1])
    )
    assert curvature.isnan().all()
