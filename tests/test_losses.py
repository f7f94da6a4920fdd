"""The negative log-likelihood is that of the distribution, weighted when asked."""

import pytest
import torch

from drivecnn.losses import NLLLoss
from drivecnn.policy import GaussianMixture


def two_mixtures() -> GaussianMixture:
    loc = torch.tensor([[-0.1, 0.1], [0.0, 0.02]], requires_grad=True)
    return GaussianMixture(torch.zeros(2, 2), loc, torch.full((2, 2), 0.01))


def test_total_is_the_mean_negative_log_likelihood() -> None:
    mixture, target = two_mixtures(), torch.tensor([0.1, 0.0])
    terms = NLLLoss()(mixture, target)
    assert terms.total.item() == pytest.approx(-mixture.log_prob(target).mean().item())
    assert terms.nll.item() == pytest.approx(terms.total.item())
    assert terms.curvature_mae.item() == pytest.approx((0.1 + 0.01) / 2)


def test_a_weight_of_zero_leaves_an_example_out() -> None:
    mixture, target = two_mixtures(), torch.tensor([0.1, 0.0])
    terms = NLLLoss()(mixture, target, weight=torch.tensor([0.0, 3.0]))
    assert terms.total.item() == pytest.approx(-mixture.log_prob(target)[1].item())


def test_only_the_total_carries_gradients() -> None:
    terms = NLLLoss()(two_mixtures(), torch.zeros(2))
    carries = (terms.total, terms.nll, terms.curvature_mae)
    assert [term.requires_grad for term in carries] == [True, False, False]
