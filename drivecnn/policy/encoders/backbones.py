"""Networks of torchvision as encoders. torchvision is imported when one of them is made.

The convolutional ones hand on their last feature maps, of a 32nd of the resolution, flat: global
pooling, which follows in a classifier, would leave little of where things are. The transformer
hands on its class token, which knows the places of the patches from their position embeddings.
"""

from functools import partial
from math import ceil

import torch
from torch import Tensor, nn

from drivecnn.policy.encoders.registry import Channels, Shape, register
from drivecnn.policy.errors import PolicyError

STRIDE = 32  # px for one cell of the last feature maps
PATCH = 16  # px, of the transformer
# of red, green and blue in 0..1, as torchvision's weights expect them
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
COUNTER = ".num_batches_tracked"  # of batch normalisation: old files lack it
POSITIONS = "encoder.pos_embedding"  # of the transformer


class ImageNetColours(nn.Module):
    """Colours in -1..1 as torchvision's weights expect them."""

    scale: Tensor  # (3, 1, 1)
    shift: Tensor  # (3, 1, 1)

    def __init__(self) -> None:
        super().__init__()
        mean, std = (torch.tensor(v).reshape(3, 1, 1) for v in (IMAGENET_MEAN, IMAGENET_STD))
        self.register_buffer("scale", 0.5 / std)
        self.register_buffer("shift", (0.5 - mean) / std)

    def forward(self, images: Tensor) -> Tensor:
        """(x - mean) / std of x = (images + 1) / 2, of images (N, 3, H, W)."""
        return images * self.scale + self.shift


class Backbone(nn.Module):
    """A network of torchvision without its pooling and without the head that classifies.

    Args:
        network: takes images of three channels; images of other channels get a first convolution
            of their own.
        head: name of the network's part that classifies.
        shape: (C, H, W) of the images.
    """

    def __init__(self, network: nn.Module, head: str, shape: Shape) -> None:
        super().__init__()
        self.colours: nn.Module = ImageNetColours()
        if shape[0] != len(IMAGENET_MEAN):
            self.colours = nn.Identity()
            _replace_first_convolution(network, shape[0])
        for part in ("avgpool", head):
            if hasattr(network, part):
                setattr(network, part, nn.Identity())
        self.network = network
        self.head = head

    def forward(self, images: Tensor) -> Tensor:
        """Flat features (N, F) of images (N, C, H, W) in -1..1."""
        features: Tensor = self.network(self.colours(images))
        return features

    def start_from(self, tensors: dict[str, Tensor]) -> None:
        """Take the weights of a network of this kind; those of its head are left out.

        Raises:
            PolicyError: one line, if they are of another network.
        """
        own = self.network.state_dict()
        given = {n: value for n, value in tensors.items() if not n.startswith(f"{self.head}.")}
        counters = {n: value for n, value in own.items() if n.endswith(COUNTER)}
        given = counters | given
        for name in sorted(own.keys() ^ given.keys()):
            raise PolicyError(f"tensor {name} is {'missing' if name in own else 'unknown'}")
        for name, value in own.items():
            if given[name].shape != value.shape:
                raise PolicyError(
                    f"tensor {name} is {tuple(given[name].shape)}, expected {tuple(value.shape)}"
                )
        self.network.load_state_dict(given)


def _replace_first_convolution(network: nn.Module, inputs: int) -> None:
    """Give the network a first convolution that takes so many channels, with new weights."""
    modules = network.named_modules()
    name, old = next((n, m) for n, m in modules if isinstance(m, nn.Conv2d))
    new = nn.Conv2d(
        inputs,
        old.out_channels,
        old.kernel_size,  # type: ignore[arg-type]
        old.stride,  # type: ignore[arg-type]
        old.padding,  # type: ignore[arg-type]
        bias=old.bias is not None,
    )
    network.set_submodule(name, new)


class Transformer(Backbone):
    """A vision transformer. Images are stretched to a square, as wide as their longer side."""

    def __init__(self, shape: Shape, width: int, heads: int, blocks: int) -> None:
        from torchvision.models import VisionTransformer

        self.side = PATCH * ceil(max(shape[1:]) / PATCH)  # px
        network = VisionTransformer(self.side, PATCH, blocks, heads, width, mlp_dim=4 * width)
        super().__init__(network, "heads", shape)

    def forward(self, images: Tensor) -> Tensor:
        """The class token (N, F) of images (N, C, H, W) in -1..1."""
        square = (self.side, self.side)
        return super().forward(nn.functional.interpolate(images, square, mode="bilinear"))

    def start_from(self, tensors: dict[str, Tensor]) -> None:
        """Take the weights, with position embeddings that are interpolated to this image size."""
        from torchvision.models.vision_transformer import interpolate_embeddings

        if POSITIONS in tensors:
            tensors = interpolate_embeddings(self.side, PATCH, dict(tensors))
        super().start_from(tensors)


def _of_torchvision(name: str, head: str, shape: Shape, channels: Channels) -> nn.Module:
    """The layers of one of torchvision's convolutional networks."""
    from torchvision.models import get_model

    with torch.device("cpu"):  # a RegNet computes its widths with tensors, so not on "meta"
        network = get_model(name, weights=None)
    return Backbone(network.to(torch.get_default_device()), head, shape)


for _name, _head in (
    ("resnet18", "fc"),
    ("regnet_y_400mf", "fc"),
    ("efficientnet_b0", "classifier"),
    ("mobilenet_v3_small", "classifier"),
):
    register(_name, smallest=STRIDE)(partial(_of_torchvision, _name, _head))


@register("vit_tiny", smallest=PATCH)
def vit_tiny(shape: Shape, channels: Channels) -> nn.Module:
    """ViT-Ti/16 (Touvron et al., "Training data-efficient image transformers", ICML 2021)."""
    return Transformer(shape, width=192, heads=3, blocks=12)
