"""PilotNet: Bojarski et al., "End to End Learning for Self-Driving Cars", arXiv 1604.07316, 2016.

It was made for images of 66 x 200 px in YUV; here they are RGB. Its dense layers (100, 50, 10) are
the head's, so it hands on its flat feature maps: `features: null`.
"""

from torch import nn

from drivecnn.policy.encoders.convolutions import Window, flat_convolutions
from drivecnn.policy.encoders.registry import Channels, Shape, register

WINDOWS = [Window(5, 2), Window(5, 2), Window(5, 2), Window(3), Window(3)]


@register("pilotnet", smallest=61, channels=(24, 36, 48, 64, 64))
def pilotnet(shape: Shape, channels: Channels) -> nn.Module:
    """Five convolutions: 1,152 features of an image of 66 x 200 px."""
    return flat_convolutions(shape[0], channels, WINDOWS)
