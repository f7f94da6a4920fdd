"""The encoders that drivecnn trains unless told otherwise, made for the speed of a CPU."""

from torch import nn

from drivecnn.policy.encoders.convolutions import Window, flat_convolutions
from drivecnn.policy.encoders.registry import Channels, Shape, register

SMALLEST = 16  # px: what the strides still see as more than one cell
HALVING = Window(kernel=3, stride=2, padding=1)


@register("small", smallest=SMALLEST, channels=(32, 48, 64), any_depth=True)
def small(shape: Shape, channels: Channels) -> nn.Module:
    """Layers for camera images.

    The first convolution takes stride 4 at once: at full resolution the memory traffic, not the
    arithmetic, is what a CPU spends its time on.
    """
    stem = Window(kernel=6, stride=4, padding=1)
    return flat_convolutions(shape[0], channels, [stem, *[HALVING] * (len(channels) - 1)])


@register("small_map", smallest=SMALLEST, channels=(16, 32, 32), any_depth=True)
def small_map(shape: Shape, channels: Channels) -> nn.Module:
    """Layers for the route map, whose lines are a pixel or two wide."""
    stem = Window(kernel=5, stride=2, padding=2)
    return flat_convolutions(shape[0], channels, [stem, *[HALVING] * (len(channels) - 1)])
