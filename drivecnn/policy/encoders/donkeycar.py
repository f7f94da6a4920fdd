"""The convolutions of donkeycar's linear pilot: `core_cnn_layers` of donkeycar/parts/keras.py.

It was made for images of 120 x 160 px. Its dense layers (100, 50) are the head's. (The categorical
pilot gives the fourth convolution stride 2.)
"""

from torch import nn

from drivecnn.policy.encoders.convolutions import Window, flat_convolutions
from drivecnn.policy.encoders.registry import Channels, Shape, register

WINDOWS = [Window(5, 2), Window(5, 2), Window(5, 2), Window(3), Window(3)]
DROPOUT = 0.2


@register("donkeycar", smallest=61, channels=(24, 32, 64, 64, 64))
def donkeycar(shape: Shape, channels: Channels) -> nn.Module:
    """Five convolutions with dropout: 6,656 features of an image of 120 x 160 px."""
    return flat_convolutions(shape[0], channels, WINDOWS, DROPOUT)
