"""Convolutions one after another, flattened: what most encoders consist of."""

from collections.abc import Sequence
from typing import NamedTuple

from torch import nn

from drivecnn.policy.encoders.registry import Channels


class Window(NamedTuple):
    """What one output of a convolution looks at, the same in both directions."""

    kernel: int  # px
    stride: int = 1  # px
    padding: int = 0  # px


def flat_convolutions(
    inputs: int, channels: Channels, windows: Sequence[Window], dropout: float = 0.0
) -> nn.Sequential:
    """Convolutions with a ReLU after each, flat at the end: (N, inputs, H, W) to (N, F).

    Flattened, not pooled: steering is about where things are.

    Args:
        inputs: channels of the images.
        channels: of each convolution.
        windows: of each convolution.
        dropout: share of activations that is dropped after each, in training.
    """
    layers: list[nn.Module] = []
    for outputs, window in zip(channels, windows, strict=True):
        layers += [nn.Conv2d(inputs, outputs, *window), nn.ReLU(inplace=True)]
        if dropout:
            layers.append(nn.Dropout(dropout))
        inputs = outputs
    return nn.Sequential(*layers, nn.Flatten())
