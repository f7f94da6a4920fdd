"""A loss is what it says, fits some families, and teaches them two ways."""

import math

import pytest
import torch

from drivecnn.losses import LOSSES, NLLLoss, VariationalLoss, check_loss, unsteadiness
from drivecnn.policy.distributions import (
    CURVATURE_SCALE,
    FAMILIES,
    GaussianMixture,
    SteeringDistribution,
    SteeringHead,
    make_family,
)
from drivecnn_envs.errors import InputError

UNIT = torch.special.ndtri((torch.arange(64) + 0.5) / 64)
TARGET = torch.cat([0.08 + 0.01 * UNIT, -0.06 + 0.01 * UNIT])  # two ways, without noise
TRUTH = GaussianMixture(torch.zeros(1, 2), torch.tensor([[0.08, -0.06]]), torch.full((1, 2), 0.01))
FITTING = [
    (loss, family)
    for loss in LOSSES
    for family, kind in FAMILIES.items()
    if LOSSES[loss].fits(kind.distribution)
]


def two_mixtures() -> GaussianMixture:
    loc = torch.tensor([[-0.1, 0.1], [0.0, 0.02]], requires_grad=True)
    return GaussianMixture(torch.zeros(2, 2), loc, torch.full((2, 2), 0.01))


def predicted(family: str, batch: int = 4) -> SteeringDistribution:
    kind = make_family(family)
    rng = torch.Generator().manual_seed(0)
    return kind(torch.randn(batch, kind.outputs, generator=rng).requires_grad_())


def test_nll_is_the_mean_negative_log_likelihood() -> None:
    mixture, target = two_mixtures(), torch.tensor([0.1, 0.0])
    terms = NLLLoss()(mixture, target)
    assert terms.total.item() == pytest.approx(-mixture.log_prob(target).mean().item())
    assert terms.nll is not None
    assert terms.nll.item() == pytest.approx(terms.total.item())
    assert terms.curvature_mae.item() == pytest.approx((0.1 + 0.01) / 2)


@pytest.mark.parametrize(("loss", "family"), FITTING)
def test_only_the_total_carries_gradients(loss: str, family: str) -> None:
    terms = LOSSES[loss](predicted(family), torch.zeros(4))
    assert terms.total.requires_grad
    assert not terms.curvature_mae.requires_grad
    assert terms.nll is None or not terms.nll.requires_grad
    assert (terms.nll is None) == (family == "point")


@pytest.mark.parametrize(
    ("loss", "family", "message"),
    [
        ("l1", "gaussian", "loss is 'l1', expected one of nll, crps, mse, hl_gauss, variational"),
        ("nll", "point", "loss nll does not fit distribution point, expected gaussian_mixture or"),
        ("nll", "quantile", "loss nll does not fit distribution quantile"),
        ("hl_gauss", "gaussian_mixture", "expected categorical or categorical_log"),
        ("variational", "gaussian", "expected gaussian_mixture"),
    ],
)
def test_a_loss_that_does_not_fit_is_refused_in_one_line(
    loss: str, family: str, message: str
) -> None:
    with pytest.raises(InputError, match=message) as error:
        check_loss(loss, family)
    assert "\n" not in str(error.value)


def test_every_family_has_a_loss() -> None:
    assert {family for _, family in FITTING} == set(FAMILIES)
    for loss, family in FITTING:
        check_loss(loss, family)


def test_mse_is_the_squared_distance_of_the_mean_in_units_of_a_curve() -> None:
    terms = LOSSES["mse"](two_mixtures(), torch.tensor([CURVATURE_SCALE, 0.01]))
    assert terms.total.item() == pytest.approx(0.5)


def test_hl_gauss_is_lowest_where_the_knots_carry_the_spread_target() -> None:
    family = make_family("categorical", 11)  # knots 0.05 1/m apart
    target = torch.tensor([0.05])
    edges = (torch.arange(12).double() - 0.5 - 6) / 0.75  # knot 6 is at 0.05 1/m
    mass = torch.special.ndtr(edges).diff()
    best = mass.log().unsqueeze(0)
    lowest = LOSSES["hl_gauss"](family(best), target).total
    entropy = -(mass * mass.log()).sum()
    torch.testing.assert_close(lowest, entropy.float(), atol=1e-4, rtol=0)
    for other in (best.roll(1, 1), 1.1 * best, 0.9 * best):
        assert LOSSES["hl_gauss"](family(other), target).total > lowest


@pytest.mark.parametrize("family", ["categorical", "categorical_log"])
def test_hl_gauss_of_targets_beyond_the_knots_asks_for_the_outer_one(family: str) -> None:
    kind = make_family(family)
    logits = torch.zeros(2, kind.outputs, requires_grad=True)
    LOSSES["hl_gauss"](kind(logits), torch.tensor([1.0, -1.0])).total.backward()
    assert logits.grad is not None
    assert logits.grad.argmin(dim=1).tolist() == [kind.outputs - 1, 0]


def test_the_variational_penalties_fall_on_shared_weights_and_on_unusual_scales() -> None:
    loss = VariationalLoss()

    def penalty(weights: list[float], scales: list[float]) -> float:
        mixture = GaussianMixture(
            torch.tensor([weights]).log(), torch.zeros(1, 2), torch.tensor([scales])
        )
        target = torch.zeros(1)
        return (loss(mixture, target).total + mixture.log_prob(target).mean()).item()

    usual = math.exp(loss.log_scale)
    assert penalty([1.0, 0.0], [usual, usual]) == pytest.approx(1.0, abs=1e-5)
    assert penalty([0.5, 0.5], [usual, usual]) == pytest.approx(2.0, abs=1e-5)  # 2 = (2 sqrt(.5))^2
    assert penalty([1.0, 0.0], [usual, usual * math.e]) == pytest.approx(2.0, abs=1e-5)


def learned(loss: str, family: str) -> SteeringDistribution:
    """What a head predicts after it was shown both ways."""
    torch.manual_seed(0)
    head = SteeringHead(4, (16,), make_family(family))
    optimiser = torch.optim.Adam(head.parameters(), lr=0.05)
    seen = torch.ones(len(TARGET), 4)
    for _ in range(120):
        optimiser.zero_grad()
        LOSSES[loss](head(seen), TARGET).total.backward()
        optimiser.step()
    found: SteeringDistribution = head(seen[:1])
    return found


@pytest.mark.parametrize(
    ("loss", "family"),
    [
        (loss, family)
        for loss, family in FITTING
        if loss != "mse" and family not in ("gaussian", "point")
    ],
)
def test_a_head_learns_two_ways_through_a_junction(loss: str, family: str) -> None:
    found, targets = learned(loss, family), TARGET.unsqueeze(-1)
    score, optimum = (d.crps(targets).mean().item() / CURVATURE_SCALE for d in (found, TRUTH))
    assert optimum - 1e-3 < score < optimum + 8e-3
    assert found.cdf(torch.zeros(1)).item() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    ("loss", "family"), [("nll", "gaussian"), ("crps", "gaussian"), ("mse", "point")]
)
def test_who_knows_one_way_only_learns_the_middle_of_two(loss: str, family: str) -> None:
    assert learned(loss, family).mean.item() == pytest.approx(0.01, abs=3e-3)


def steered(errors: list[float]) -> GaussianMixture:
    """One Gaussian a moment, off by so many units."""
    loc = CURVATURE_SCALE * torch.tensor(errors, requires_grad=True)
    return GaussianMixture(
        torch.zeros(len(errors), 1), loc[:, None], torch.full_like(loc, 0.01)[:, None]
    )


@pytest.mark.parametrize(
    ("errors", "counted", "expected"),
    [
        ([0.3, -0.2, 0.3, -0.2], [True] * 4, 0.0),  # always as far off as before
        ([0.3, 0.0, 0.1, 0.4], [True] * 4, (0.02 + 0.08) / 2),
        ([0.3, 0.0, 0.1, 0.4], [True, True, True, False], 0.02),
        ([0.3, 0.0, 0.1, 0.4], [False, False, True, True], 0.0),
        ([3.0, -2.0], [True] * 2, 5.0 - 0.5),  # linear beyond a unit
    ],
)
def test_unsteadiness_is_how_errors_change_from_one_half_to_the_other(
    errors: list[float], counted: list[bool], expected: float
) -> None:
    target = torch.full((len(errors),), 0.02)
    distribution = steered([error + 0.02 / CURVATURE_SCALE for error in errors])
    change = unsteadiness(distribution, target, torch.tensor(counted))
    assert change.item() == pytest.approx(expected, abs=1e-6)
    change.backward()
