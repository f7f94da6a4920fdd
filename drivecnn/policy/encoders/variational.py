"""The encoders of a network with three cameras and a map.

Amini, Rosman, Karaman, Rus, "Variational End-to-End Navigation and Localization", ICRA 2019, arXiv
1811.10119. Three cameras of 80 x 200 px with weights of their own and a map of 50 x 50 px give
24,960 flat features; dense layers of 1000 and 100 follow, which are the head's.
"""

from torch import nn

from drivecnn.policy.encoders.convolutions import Window, flat_convolutions
from drivecnn.policy.encoders.registry import Channels, Shape, register

CAMERA_WINDOWS = [Window(5, 2), Window(5, 2), Window(3, 2), Window(3)]
MAP_WINDOWS = [Window(5, 2), Window(5, 2), Window(3, 2)]


@register("variational", smallest=37, channels=(24, 36, 48, 64))
def variational(shape: Shape, channels: Channels) -> nn.Module:
    """Four convolutions: 8,064 features of an image of 80 x 200 px."""
    return flat_convolutions(shape[0], channels, CAMERA_WINDOWS)


@register("variational_map", smallest=21, channels=(24, 36, 48))
def variational_map(shape: Shape, channels: Channels) -> nn.Module:
    """Three convolutions: 768 features of a map of 50 x 50 px."""
    return flat_convolutions(shape[0], channels, MAP_WINDOWS)
