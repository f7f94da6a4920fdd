"""An action turns a distribution into one curvature."""

import math

import pytest
import torch

from drivecnn.policy.actions import ACTIONS, NearestModeAction, SteadyAction
from drivecnn.policy.distributions import FAMILIES, GaussianMixture, make_family

FORK = GaussianMixture(
    torch.tensor([[0.6, 0.4]]).log(), torch.tensor([[0.1, -0.1]]), torch.tensor([[0.02, 0.01]])
)
PAST = {"none": math.nan, "left": 0.03, "right": -0.03}


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
    curvature = ACTIONS[name](FORK, torch.tensor([PAST[past]]))
    assert curvature.tolist() == pytest.approx([expected], abs=1e-4)


def test_the_nearest_mode_needs_its_share_of_the_mass() -> None:
    action = NearestModeAction(share=0.5)
    assert action(FORK, torch.tensor([-0.1])).item() == pytest.approx(0.1, abs=1e-4)


def test_the_steady_action_goes_part_of_the_way_and_never_jumps() -> None:
    median = FORK.quantile(0.5).item()
    action = SteadyAction(share=0.5, most=0.01)
    last = torch.tensor([median + 0.004, median - 0.004, median + 0.1, median - 0.1])
    expected = [median + 0.002, median - 0.002, median + 0.09, median - 0.09]
    assert action(FORK, last).tolist() == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("name", FAMILIES)
def test_every_action_drives_every_family(name: str, action: str) -> None:
    family = make_family(name)
    raw = torch.randn(5, family.outputs, generator=torch.Generator().manual_seed(0))
    last = torch.tensor([math.nan, -0.2, 0.0, 0.2, 5.0])
    curvature = ACTIONS[action](family(raw), last)
    assert curvature.shape == (5,)
    assert torch.isfinite(curvature).all()


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("name", FAMILIES)
def test_of_what_is_no_number_no_action_makes_one(name: str, action: str) -> None:
    family = make_family(name)
    curvature = ACTIONS[action](
        family(torch.full((3, family.outputs), math.nan)), torch.tensor([math.nan, -0.2, 0.1])
    )
    assert curvature.isnan().all()
