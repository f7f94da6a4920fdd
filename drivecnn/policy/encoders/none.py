"""No encoder: for policies without a map or without cameras."""

from torch import Tensor, nn

from drivecnn.policy.encoders.registry import Channels, Shape, register


class Nothing(nn.Module):
    """No features of images: (N, 0)."""

    def forward(self, images: Tensor) -> Tensor:
        """An empty tensor (N, 0); the images (N, C, H, W) are ignored."""
        return images.new_empty(len(images), 0)


@register("none", smallest=1)
def none(shape: Shape, channels: Channels) -> nn.Module:
    """Layers that see nothing."""
    return Nothing()
