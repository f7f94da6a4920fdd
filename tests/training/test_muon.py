"""The optimiser."""

import copy

import pytest
import torch
from torch import nn

from drivecnn.training.muon import Muon, orthogonal


@pytest.mark.parametrize("shape", [(8, 30), (30, 8), (12, 12)])
def test_singular_values_come_near_one(shape):
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonal(torch.randn(shape)))
    assert values.min() > 0.5
    assert values.max() < 1.3


@pytest.mark.parametrize("shape", [(8, 30), (30, 8), (12, 12)])
def test_a_matrix_of_rank_one_stays_one(shape):
    torch.manual_seed(0)
    left, right = torch.randn(shape[0]), torch.randn(shape[1])
    found = orthogonal(torch.outer(left, right))
    direction = torch.outer(left / left.norm(), right / right.norm())
    size = (found * direction).sum()
    assert 0.5 < size < 1.3
    assert (found - size * direction).norm() < 1e-3


def test_nothing_stays_nothing():
    assert orthogonal(torch.zeros(4, 9)).eq(0.0).all()


def test_a_network_of_convolutions_learns_what_it_is_shown():
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 8, 3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(8 * 36, 16),
        nn.ReLU(),
        nn.Linear(16, 1),
    )
    optimiser = Muon(net.parameters(), weight_decay=1e-4)
    for group in optimiser.param_groups:
        group["lr"] = 3e-3
    images = torch.randn(64, 1, 8, 8)
    target = images[:, :, :4].mean((1, 2, 3)) - images[:, :, 4:].mean((1, 2, 3))
    losses = []
    for _ in range(100):
        loss = (net(images).squeeze(1) - target).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.02 * losses[0]


def test_a_step_is_as_large_as_one_of_adam():
    torch.manual_seed(0)
    weight = nn.Parameter(torch.zeros(32, 8, 3, 3))
    optimiser = Muon([weight])
    weight.grad = torch.randn_like(weight)
    optimiser.step()
    assert 1e-4 < weight.detach().square().mean().sqrt() < 3e-4  # 0.2 x 1e-3


def test_weights_without_a_gradient_stay():
    weight = nn.Parameter(torch.ones(3, 3))
    Muon([weight], weight_decay=0.1).step()
    assert weight.detach().eq(1.0).all()


def test_the_state_can_be_saved_and_loaded():
    torch.manual_seed(0)
    first, second = (nn.Linear(6, 4) for _ in range(2))
    second.load_state_dict(first.state_dict())
    one, other = Muon(first.parameters()), Muon(second.parameters())
    inputs = torch.randn(10, 6)
    first(inputs).square().mean().backward()
    one.step()
    other.load_state_dict(copy.deepcopy(one.state_dict()))
    second.load_state_dict(first.state_dict())
    for net, optimiser in ((first, one), (second, other)):
        optimiser.zero_grad()
        net(inputs).square().mean().backward()
        optimiser.step()
    assert torch.equal(first.weight, second.weight)
