"""The last layers of a policy: from features to a distribution over steering."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from drivecnn.policy.distributions.base import SteeringDistribution
from drivecnn.policy.distributions.family import Family


class SteeringHead(nn.Module):
    """The steering distribution from the joint features: an MLP that ends in a family's numbers.

    It computes in float32 also under autocast: bfloat16 would round curvature to 0.4 %.

    Args:
        features: width F of the features.
        hidden: widths of the hidden layers.
        family: what the last layer's numbers mean.
    """

    def __init__(self, features: int, hidden: tuple[int, ...], family: Family) -> None:
        super().__init__()
        self.family = family
        widths = (features, *hidden)
        self.hidden = nn.ModuleList(nn.Linear(*both) for both in pairwise(widths))
        self.output = nn.Linear(widths[-1], family.outputs)
        with torch.no_grad():
            family.initialise(self.output.bias)

    def forward(self, features: Tensor) -> SteeringDistribution:
        """B distributions from features (B, F)."""
        with torch.autocast(features.device.type, enabled=False):
            values = features.float()
            for layer in self.hidden:
                values = functional.relu(layer(values))  # (B, hidden)
            return self.family(self.output(values))
