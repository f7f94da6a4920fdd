"""Every family of distributions agrees with itself, also at the edges, and can be learned."""

import math
import re

import pytest
import torch
from torch import Tensor

from drivecnn.policy.distributions import (
    FAMILIES,
    Categorical,
    Gaussian,
    QuantileFunction,
    SteeringDistribution,
    SteeringHead,
    make_family,
)

WITH_DENSITY = [name for name in FAMILIES if name != "point"]
SAMPLES = 10_000


def of_family(name: str, batch: int, seed: int = 0) -> SteeringDistribution:
    """Distributions from random raw numbers about those that a head starts with."""
    family = make_family(name)
    start = torch.zeros(family.outputs)
    family.initialise(start)
    rng = torch.Generator().manual_seed(seed)
    return family(start + 1.5 * torch.randn(batch, family.outputs, generator=rng))


def samples_of(distribution: SteeringDistribution, seed: int = 0) -> Tensor:
    """Samples (SAMPLES, B)."""
    many = distribution[torch.arange(len(distribution)).repeat(SAMPLES)]
    return many.sample(torch.Generator().manual_seed(seed)).reshape(SAMPLES, -1)


def grid_of(distribution: SteeringDistribution, points: int = 60_001) -> Tensor:
    """Curvatures (points, B) over all but a millionth of each distribution's mass."""
    ends = distribution.quantile(torch.tensor([[1e-6], [1 - 1e-6]]))
    return ends[0] + torch.linspace(0.0, 1.0, points).unsqueeze(-1) * (ends[1] - ends[0])


@pytest.mark.parametrize("name", WITH_DENSITY)
def test_cdf_is_the_integral_of_the_density_and_reaches_one(name: str) -> None:
    distribution = of_family(name, 8)
    grid = grid_of(distribution)
    density = distribution.log_prob(grid).double().exp()
    mass = torch.cumulative_trapezoid(density, grid.double(), dim=0).float()
    torch.testing.assert_close(distribution.cdf(grid[1:]), mass, atol=2e-3, rtol=0)
    torch.testing.assert_close(mass[-1], torch.ones(8), atol=1e-3, rtol=0)


@pytest.mark.parametrize("name", FAMILIES)
def test_cdf_is_the_share_of_samples_below(name: str) -> None:
    distribution = of_family(name, 3)
    samples = samples_of(distribution)
    for point in (-0.1, -0.02, 0.0, 0.03, 0.1):
        share = (samples <= point).float().mean(dim=0)
        torch.testing.assert_close(
            distribution.cdf(torch.tensor([point])), share, atol=0.016, rtol=0
        )


@pytest.mark.parametrize("name", WITH_DENSITY)
def test_quantile_inverts_the_cdf(name: str) -> None:
    distribution = of_family(name, 8)
    q = torch.tensor([0.001, 0.05, 0.25, 0.5, 0.75, 0.95, 0.999]).unsqueeze(-1)
    curvature = distribution.quantile(q)
    torch.testing.assert_close(distribution.cdf(curvature), q.expand(7, 8), atol=2e-5, rtol=0)
    ends = distribution.quantile(torch.tensor([[0.0], [1.0]])).tolist()
    assert ends == [[-math.inf] * 8, [math.inf] * 8]


@pytest.mark.parametrize("name", FAMILIES)
def test_mean_is_the_mean_of_samples(name: str) -> None:
    distribution = of_family(name, 3)
    expected = samples_of(distribution).mean(dim=0)
    torch.testing.assert_close(distribution.mean, expected, atol=6e-3, rtol=0)


@pytest.mark.parametrize("name", WITH_DENSITY)
def test_entropy_is_minus_the_mean_log_density(name: str) -> None:
    distribution = of_family(name, 8)
    grid = grid_of(distribution, 240_001)
    log_prob = distribution.log_prob(grid).double()
    expected = -torch.trapezoid(log_prob.exp() * log_prob, grid.double(), dim=0)
    torch.testing.assert_close(distribution.entropy(), expected.float(), atol=1e-3, rtol=0)


@pytest.mark.parametrize("name", ["gaussian_mixture", "logistic_mixture"])
@pytest.mark.parametrize("apart", [0.2, 1.0, 10.0])
def test_two_far_components_have_the_entropy_of_one_and_of_the_choice(
    name: str, apart: float
) -> None:
    kind = type(of_family(name, 1))
    scale = torch.full((1, 2), 0.00125)
    pair = kind(torch.zeros(1, 2), torch.tensor([[0.0, apart]]), scale)
    one = kind(torch.zeros(1, 1), torch.zeros(1, 1), scale[:, :1])
    torch.testing.assert_close(pair.entropy(), one.entropy() + math.log(2), atol=1e-3, rtol=0)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_cdf_is_never_more_than_one(name: str) -> None:
    distribution = of_family(name, 256)
    far = distribution.quantile(torch.tensor([[0.999999], [1 - 1e-9]])).double() + 1e-6
    far = torch.cat([far, torch.full((1, 256), 3.0)])
    assert (distribution.cdf(far) <= 1.0).all()
    assert (distribution.cdf(-far) >= 0.0).all()


@pytest.mark.parametrize("name", FAMILIES)
def test_an_empty_batch_is_asked_like_any_other(name: str) -> None:
    none = of_family(name, 3)[torch.zeros(3, dtype=torch.bool)]
    points = torch.tensor([[-0.1], [0.1]])
    asked = [none.cdf, none.crps] + ([none.log_prob] if none.has_density else [])
    assert all(ask(points).shape == (2, 0) for ask in asked)
    assert none.quantile(torch.tensor([[0.1], [0.9]])).shape == (2, 0)
    for answer in (none.mean, none.mode, none.sample(), none.entropy()):
        assert answer.shape == (0,)
    assert none.modes().curvature.shape == none.modes().mass.shape == (0, 1)


@pytest.mark.parametrize("name", FAMILIES)
def test_crps_is_the_integral_of_the_squared_step(name: str) -> None:
    distribution = of_family(name, 4)
    targets = torch.tensor([[-0.4], [-0.05], [0.0], [0.013], [0.3]])
    low, high = grid_of(distribution, 2)
    grid = torch.linspace(min(low.min().item(), -0.4), max(high.max().item(), 0.3), 40_001)
    below = distribution.cdf(grid.unsqueeze(-1)).double()  # (G, B)
    for target, score in zip(targets, distribution.crps(targets), strict=True):
        step = (grid >= target).double().unsqueeze(-1)
        expected = torch.trapezoid((below - step).square(), grid.double(), dim=0).float()
        torch.testing.assert_close(score, expected, atol=3e-5, rtol=0)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_right_distribution_has_the_lowest_mean_crps(name: str) -> None:
    distribution = of_family(name, 5, seed=1)
    drawn = samples_of(distribution[0])
    score = distribution.crps(drawn.expand(-1, 5)).mean(dim=0)
    assert score.argmin() == 0


@pytest.mark.parametrize("name", FAMILIES)
def test_same_seed_gives_the_same_samples(name: str) -> None:
    distribution = of_family(name, 16)
    first, second = (distribution.sample(torch.Generator().manual_seed(7)) for _ in range(2))
    assert torch.equal(first, second)
    assert torch.isfinite(first).all()


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("size", [0.0, 50.0, 1e4])
def test_gradients_are_finite_at_extreme_raw_numbers_under_autocast(name: str, size: float) -> None:
    family = make_family(name)
    rng = torch.Generator().manual_seed(3)
    sign = torch.randint(-1, 2, (16, family.outputs), generator=rng)
    raw = (size * sign).bfloat16().requires_grad_()
    far = torch.tensor([[-5.0], [-0.25], [-0.05], [0.0], [0.05], [0.25], [5.0]])
    with torch.autocast("cpu", torch.bfloat16):
        distribution = family(raw.float())
        terms = [distribution.cdf(far), distribution.crps(far), distribution.mean]
        if distribution.has_density:
            terms += [distribution.log_prob(far), distribution.entropy()]
    assert all(term.dtype == torch.float32 and torch.isfinite(term).all() for term in terms)
    for term in terms:
        if term.requires_grad:
            (gradient,) = torch.autograd.grad(term.sum(), raw, retain_graph=True)
            assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("name", FAMILIES)
def test_gradients_do_not_depend_on_what_was_asked_before(name: str) -> None:
    family = make_family(name)
    raw = torch.randn(
        4, family.outputs, generator=torch.Generator().manual_seed(1)
    ).requires_grad_()

    def gradient(distribution: SteeringDistribution) -> Tensor:
        (found,) = torch.autograd.grad(distribution.crps(torch.zeros(4)).sum(), raw)
        return found

    asked = family(raw)
    asked.quantile(0.5), asked.mode, asked.modes(), asked.sample()
    torch.testing.assert_close(gradient(asked), gradient(family(raw)))


@pytest.mark.parametrize("name", FAMILIES)
def test_autocast_changes_nothing(name: str) -> None:
    def answers() -> list[Tensor]:
        found = distribution = of_family(name, 8)
        far = torch.tensor([[-0.1], [0.02]])
        return [found.mean, found.mode, found.cdf(far), distribution.crps(far), *found.modes()]

    exact = answers()
    with torch.autocast("cpu", torch.bfloat16):
        rounded = answers()
    for one, other in zip(exact, rounded, strict=True):
        assert other.dtype == torch.float32
        torch.testing.assert_close(other, one, equal_nan=True)


@pytest.mark.parametrize("name", FAMILIES)
def test_points_broadcast_against_the_batch(name: str) -> None:
    distribution = of_family(name, 4)
    points = torch.tensor([[-0.03], [0.0], [0.07]])
    asked = [distribution.cdf, distribution.crps]
    asked += [distribution.log_prob] if distribution.has_density else []
    for ask in asked:
        grid = ask(points)  # (3, 4)
        torch.testing.assert_close(grid, ask(points.expand(3, 4)))
        torch.testing.assert_close(grid[1], ask(torch.zeros(4)))
        torch.testing.assert_close(grid[1], ask(torch.tensor(0.0)).expand(4))
        torch.testing.assert_close(grid, ask(points.double()))
    q = torch.tensor([[0.1], [0.5]])
    torch.testing.assert_close(distribution.quantile(q)[1], distribution.quantile(0.5))
    assert distribution.quantile(q).shape == (2, 4)


@pytest.mark.parametrize("name", FAMILIES)
def test_an_index_keeps_a_batch_and_its_distributions(name: str) -> None:
    distribution = of_family(name, 6)
    mask = torch.tensor([True, False, True, False, False, True])
    for index, kept in (
        (2, [2]),
        (-1, [5]),
        (slice(1, 4), [1, 2, 3]),
        (torch.tensor([4, 0]), [4, 0]),
        (mask, [0, 2, 5]),
    ):
        part = distribution[index]
        assert len(part) == len(kept)
        torch.testing.assert_close(part.mean, distribution.mean[kept])
        q = torch.tensor([[0.2], [0.8]])
        torch.testing.assert_close(part.quantile(q), distribution.quantile(q)[:, kept])
    with pytest.raises(IndexError, match="index 6 of a batch of 6"):
        distribution[6]


@pytest.mark.parametrize("name", WITH_DENSITY)
def test_temperature_widens_and_one_changes_nothing(name: str) -> None:
    distribution = of_family(name, 8)
    grid = torch.tensor([[-0.3], [-0.04], [0.0], [0.011], [0.3]])
    same = distribution.tempered(1.0).log_prob(grid)
    torch.testing.assert_close(same, distribution.log_prob(grid), atol=1e-4, rtol=1e-5)
    cold, warm = distribution.tempered(0.5), distribution.tempered(torch.tensor(2.0))
    assert (cold.entropy() < distribution.entropy()).all()
    assert (warm.entropy() > distribution.entropy()).all()
    back = warm.tempered(0.5).log_prob(grid)
    torch.testing.assert_close(back, distribution.log_prob(grid), atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("name", ["gaussian", "quantile"])
def test_a_tempered_density_is_a_power_of_the_density(name: str) -> None:
    distribution = of_family(name, 4)
    grid = torch.linspace(-0.3, 0.3, 31).unsqueeze(-1)
    power = distribution.log_prob(grid) / 1.7 - distribution.tempered(1.7).log_prob(grid)
    torch.testing.assert_close(power, power[:1].expand(31, 4), atol=1e-3, rtol=1e-5)


def test_the_temperature_can_be_learned() -> None:
    temperature = torch.tensor(1.0, requires_grad=True)
    for name in WITH_DENSITY:
        nll = -of_family(name, 4).tempered(temperature).log_prob(torch.zeros(4)).mean()
        (gradient,) = torch.autograd.grad(nll, temperature)
        assert torch.isfinite(gradient), name
        assert gradient != 0, name


MIRRORED = {
    "gaussian_mixture": lambda raw: raw * torch.tensor([1, 1, 1, -1, -1, -1, 1, 1, 1]),
    "logistic_mixture": lambda raw: raw * torch.tensor([1, 1, 1, -1, -1, -1, 1, 1, 1]),
    "gaussian": lambda raw: raw * torch.tensor([-1, 1]),
    "categorical": lambda raw: raw.flip(-1),
    "categorical_log": lambda raw: raw.flip(-1),
    "quantile": lambda raw: torch.cat([-raw[:, :1], raw[:, 1:].flip(-1)], dim=-1),
    "point": lambda raw: -raw,
}


@pytest.mark.parametrize("name", FAMILIES)
def test_mirrored_raw_numbers_give_the_mirrored_distribution(name: str) -> None:
    family = make_family(name)
    raw = torch.randn(8, family.outputs, generator=torch.Generator().manual_seed(2))
    seen, mirrored = family(raw), family(MIRRORED[name](raw))
    q = torch.tensor([[0.1], [0.3], [0.5], [0.9]])
    torch.testing.assert_close(mirrored.quantile(q), -seen.quantile(1 - q), atol=1e-5, rtol=0)
    torch.testing.assert_close(mirrored.mean, -seen.mean, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_masses_of_the_modes_add_up_and_the_highest_is_the_mode(name: str) -> None:
    distribution = of_family(name, 64, seed=5)
    modes = distribution.modes()
    torch.testing.assert_close(modes.mass.sum(dim=-1), torch.ones(64), atol=1e-5, rtol=0)
    assert (modes.mass.diff(dim=-1) <= 0).all()
    assert (modes.curvature.isnan() == (modes.mass == 0)).all()
    if distribution.has_density:
        highest = distribution.log_prob(modes.curvature.T).nan_to_num(-math.inf).amax(dim=0)
        torch.testing.assert_close(
            highest, distribution.log_prob(distribution.mode), atol=3e-3, rtol=0
        )


@pytest.mark.parametrize("name", FAMILIES)
def test_a_head_starts_with_what_can_be_driven(name: str) -> None:
    torch.manual_seed(0)
    head = SteeringHead(8, (16, 12), make_family(name))
    distribution = head(torch.randn(4, 8))
    ends = distribution.cdf(torch.tensor([[-0.2], [0.2]]))
    assert ((ends[1] - ends[0]) > 0.75).all()


def test_a_point_mass_says_that_it_has_no_density() -> None:
    point = of_family("point", 3)
    assert not point.has_density
    with pytest.raises(NotImplementedError, match="has_density"):
        point.log_prob(torch.zeros(3))
    assert point.entropy().tolist() == [-math.inf] * 3
    torch.testing.assert_close(point.crps(point.mean + 0.1), torch.full((3,), 0.1))
    assert point.tempered(3.0) is point


def test_targets_beyond_the_knots_still_have_a_density_that_falls() -> None:
    for name in ("categorical", "categorical_log", "quantile"):
        log_prob = of_family(name, 4).log_prob(torch.tensor([[1.0], [2.0], [3.0]]))
        fall = log_prob.diff(dim=0)
        assert (fall < 0).all()
        torch.testing.assert_close(fall[0], fall[1], rtol=1e-3, atol=0)


def test_a_categorical_density_is_its_logits_at_the_knots() -> None:
    knots = torch.tensor([-0.2, -0.05, 0.0, 0.02, 0.2])
    logits = torch.tensor([[0.0, 1.0, 2.0, -1.0, 0.5], [0.0, 0.0, 0.0, 0.0, 0.0]])
    log_prob = Categorical(logits, knots).log_prob(knots.unsqueeze(-1)).T
    torch.testing.assert_close(log_prob - log_prob[:, :1], logits - logits[:, :1])


def test_a_knot_far_below_its_neighbours_has_its_own_density() -> None:
    knots = torch.tensor([-0.1, 0.0, 0.1])
    logits = torch.tensor([[300.0, 0.0, 300.0]], requires_grad=True)
    log_prob = Categorical(logits, knots).log_prob(knots.unsqueeze(-1)).T
    torch.testing.assert_close(log_prob - log_prob[:, :1], logits - 300.0)
    (gradient,) = torch.autograd.grad(log_prob[0, 1], logits)
    torch.testing.assert_close(gradient, torch.tensor([[-0.5, 1.0, -0.5]]), atol=1e-3, rtol=0)


def test_equal_shares_lie_between_the_levels_of_a_quantile_function() -> None:
    gaps = torch.tensor([[0.01, 0.002, 0.05]])
    levels = QuantileFunction.of_levels(torch.tensor([-0.02]), gaps)
    q = torch.tensor([[1 / 8], [3 / 8], [5 / 8], [7 / 8]])
    expected = torch.tensor([[-0.02], [-0.01], [-0.008], [0.042]])
    torch.testing.assert_close(levels.quantile(q), expected)


def test_the_crps_of_a_gaussian_is_its_formula() -> None:
    gaussian = Gaussian(torch.tensor([0.03]), torch.tensor([0.02]))
    expected = 0.02 * (2 / math.sqrt(2 * math.pi) - 1 / math.sqrt(math.pi))
    assert gaussian.crps(torch.tensor([0.03])).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("name", "components", "message"),
    [
        ("gauss", None, "distribution is 'gauss', expected one of gaussian_mixture, gaussian"),
        ("point", 3, "components is 3, but point has no size: leave it out"),
        ("gaussian", 1, "components is 1, but gaussian has no size"),
        ("gaussian_mixture", 0, "components is 0, expected a whole number >= 1"),
        ("categorical", 2, "components is 2, expected a whole number >= 3"),
        ("quantile", 1, "components is 1, expected a whole number >= 2"),
        ("logistic_mixture", 2.0, "components is 2.0, expected a whole number"),
    ],
)
def test_a_family_that_cannot_be_is_refused_in_one_line(name, components, message) -> None:
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        make_family(name, components)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "components"), [("quantile", 2), ("quantile", 8), ("categorical", 3)]
)
def test_a_family_of_another_size_has_as_many_numbers(name: str, components: int) -> None:
    family = make_family(name, components)
    assert family.outputs == components
    distribution = family(torch.zeros(2, components))
    torch.testing.assert_close(distribution.mean, torch.zeros(2), atol=1e-6, rtol=0)
