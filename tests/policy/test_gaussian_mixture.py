"""The Gaussian mixture is a distribution: what it says about itself agrees, also at the edges."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from drivecnn.policy import GaussianMixture


def random_mixtures(batch: int, components: int = 3, seed: int = 0) -> GaussianMixture:
    rng = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(batch, components, generator=rng)
    loc = 0.1 * torch.randn(batch, components, generator=rng)
    scale = 0.002 + 0.05 * torch.rand(batch, components, generator=rng) ** 3
    return GaussianMixture(logits, loc, scale)


def grid_of(mixture: GaussianMixture, points: int = 200_001) -> Tensor:
    """(points, 1) curvatures that cover all mass of all mixtures of the batch."""
    low = (mixture.loc - 9 * mixture.scale).min().item()
    high = (mixture.loc + 9 * mixture.scale).max().item()
    return torch.linspace(low, high, points).unsqueeze(-1)


def test_density_integrates_to_one() -> None:
    mixture = random_mixtures(8)
    grid = grid_of(mixture)
    mass = torch.trapezoid(mixture.log_prob(grid).exp(), grid, dim=0)
    torch.testing.assert_close(mass, torch.ones(8), atol=1e-4, rtol=0)


def test_cdf_is_the_share_of_samples_below() -> None:
    mixture = random_mixtures(1)[torch.zeros(100_000, dtype=torch.long)]
    samples = mixture.sample(torch.Generator().manual_seed(1))
    for point in (-0.1, -0.02, 0.0, 0.03, 0.1):
        share = (samples <= point).float().mean().item()
        assert mixture[0].cdf(torch.tensor([point])).item() == pytest.approx(share, abs=0.006)


def test_cdf_is_the_integral_of_the_density() -> None:
    mixture = random_mixtures(8)
    grid = grid_of(mixture)
    mass = torch.cumulative_trapezoid(mixture.log_prob(grid).exp(), grid, dim=0)
    torch.testing.assert_close(mixture.cdf(grid[1:]), mass, atol=1e-4, rtol=0)


@given(seed=st.integers(0, 10_000), components=st.integers(1, 5))
@settings(max_examples=25, deadline=None)
def test_quantile_inverts_the_cdf(seed: int, components: int) -> None:
    mixture = random_mixtures(16, components, seed)
    q = torch.tensor([0.001, 0.05, 0.25, 0.5, 0.75, 0.95, 0.999]).unsqueeze(-1)
    curvature = mixture.quantile(q)
    assert curvature.shape == (7, 16)
    torch.testing.assert_close(mixture.cdf(curvature), q.expand(7, 16), atol=1e-5, rtol=0)


def test_quantile_of_one_gaussian_is_exact_to_a_hundred_thousandth_of_its_scale() -> None:
    gaussian = GaussianMixture(torch.zeros(1, 1), torch.tensor([[0.01]]), torch.tensor([[0.02]]))
    upper = gaussian.quantile(0.975).item()
    assert upper == pytest.approx(0.01 + 0.02 * 1.959963985, abs=0.02 * 1e-5)


def test_quantiles_of_zero_and_one_are_the_ends_of_the_line() -> None:
    mixture = random_mixtures(4)
    assert mixture.quantile(0.0).tolist() == [-math.inf] * 4
    assert mixture.quantile(1.0).tolist() == [math.inf] * 4


def test_entropy_is_minus_the_mean_log_prob_of_samples() -> None:
    mixture = random_mixtures(4)
    many = mixture[torch.arange(4).repeat(100_000)]
    log_prob = many.log_prob(many.sample(torch.Generator().manual_seed(2)))
    expected = -log_prob.reshape(-1, 4).mean(dim=0)
    torch.testing.assert_close(mixture.entropy(), expected, atol=0.02, rtol=0)


def test_entropy_of_one_gaussian_is_its_formula() -> None:
    scale = torch.tensor([[0.002], [0.05], [3.0]])
    gaussian = GaussianMixture(torch.zeros(3, 1), torch.zeros(3, 1), scale)
    expected = 0.5 * torch.log(2 * math.pi * math.e * scale.squeeze(-1) ** 2)
    torch.testing.assert_close(gaussian.entropy(), expected, atol=1e-3, rtol=0)


@pytest.mark.parametrize("components", [1, 2, 3, 5])
def test_entropy_error_stays_below_a_thousandth_of_a_nat(components: int) -> None:
    mixture = random_mixtures(100, components, seed=3)
    weights, loc, scale = (v.double() for v in (mixture.weights, mixture.loc, mixture.scale))
    grid = grid_of(mixture, 40_001).double()
    z = (grid.unsqueeze(-1) - loc) / scale
    density = (weights / scale * torch.exp(-0.5 * z**2)).sum(dim=-1) / math.sqrt(2 * math.pi)
    expected = -torch.trapezoid(torch.special.xlogy(density, density), grid, dim=0)
    torch.testing.assert_close(mixture.entropy(), expected.float(), atol=1e-3, rtol=0)


def test_mode_is_the_global_maximum_of_the_density() -> None:
    mixture = random_mixtures(200, seed=4)
    highest = mixture.log_prob(grid_of(mixture, 40_001)).max(dim=0).values
    at_mode = mixture.log_prob(mixture.mode)
    assert (at_mode - highest).min().item() > -2e-3  # the grid itself is good to 1e-3


def test_mode_is_not_the_heaviest_component_when_a_narrow_one_is_higher() -> None:
    mixture = GaussianMixture(
        torch.tensor([[0.6, 0.4]]).log(), torch.tensor([[0.1, -0.1]]), torch.tensor([[0.05, 0.01]])
    )
    assert mixture.mode.item() == pytest.approx(-0.1, abs=1e-3)


def test_mode_of_two_merged_components_lies_between_them() -> None:
    mixture = GaussianMixture(
        torch.zeros(1, 2), torch.tensor([[-0.01, 0.01]]), torch.full((1, 2), 0.02)
    )
    assert abs(mixture.mode.item()) < 0.003


def test_mean_is_the_mean_of_samples() -> None:
    mixture = random_mixtures(4)
    many = mixture[torch.arange(4).repeat(100_000)]
    samples = many.sample(torch.Generator().manual_seed(5)).reshape(-1, 4)
    torch.testing.assert_close(mixture.mean, samples.mean(dim=0), atol=1e-3, rtol=0)


def test_same_seed_gives_the_same_samples() -> None:
    mixture = random_mixtures(32)
    first, second = (mixture.sample(torch.Generator().manual_seed(7)) for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(first, mixture.sample(torch.Generator().manual_seed(8)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("size", [0.0, 30.0, 1e4])
def test_gradients_are_finite_at_extreme_logits(dtype: torch.dtype, size: float) -> None:
    logits = torch.tensor([[size, 0.0, -size]], dtype=dtype, requires_grad=True)
    loc = torch.tensor([[-0.05, 0.0, 0.05]], dtype=dtype, requires_grad=True)
    scale = torch.tensor([[0.002, 0.05, 10.0]], dtype=dtype, requires_grad=True)
    mixture = GaussianMixture(logits, loc, scale)
    far = torch.tensor([[-5.0], [-0.05], [0.05], [5.0]])
    total = mixture.log_prob(far).sum() + mixture.cdf(far).sum() + mixture.entropy().sum()
    torch.autograd.backward(total + mixture.mean.sum())
    for value in (logits, loc, scale):
        assert value.grad is not None
        assert torch.isfinite(value.grad).all()


def test_log_prob_far_in_the_tail_is_finite() -> None:
    assert torch.isfinite(random_mixtures(8).log_prob(torch.tensor([[-1e3], [1e3]]))).all()


def test_indexing_keeps_a_batch() -> None:
    mixture = random_mixtures(8)
    assert [len(mixture), len(mixture[2]), len(mixture[-1]), len(mixture[2:5])] == [8, 1, 1, 3]
    assert mixture[-1].mean.item() == pytest.approx(mixture.mean[7].item())
    with pytest.raises(IndexError):
        mixture[8]


def test_shapes_that_differ_are_refused_in_one_line() -> None:
    with pytest.raises(ValueError, match=r"logits \(2, 3\), loc \(2, 2\) and scale") as error:
        GaussianMixture(torch.zeros(2, 3), torch.zeros(2, 2), torch.ones(2, 3))
    assert "\n" not in str(error.value)
