"""What an encoder is, how its file announces it, and how one is made by its name."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from drivecnn.policy.errors import PolicyError

Shape = tuple[int, int, int]  # channels, height and width [px] of an image
Channels = tuple[int, ...]  # of each convolution
MakeLayers = Callable[[Shape, Channels], nn.Module]
Field = Literal["camera_encoder", "map_encoder"]  # of a config, where a name stands

_SIZES: dict[Field, str] = {  # where the size of the images comes from
    "camera_encoder": "camera_size (in a training observation.cameras.image_size)",
    "map_encoder": "map_size (in a training observation.route_map.size)",
}


class Encoder(nn.Module):
    """Features of images: layers of any kind, flattened, then one linear layer if one is wanted.

    Attributes:
        width: how many features it makes of one image.
    """

    width: int

    def __init__(self, layers: nn.Module, shape: Shape, features: int | None) -> None:
        super().__init__()
        self.layers = layers
        self.linear: nn.Linear | None = None
        self.width = _flat_width(layers, shape)
        if features is not None and self.width > 0:
            self.linear = nn.Linear(self.width, features)
            self.width = features

    def forward(self, images: Tensor) -> Tensor:
        """Features (N, F) of float images (N, C, H, W) in -1..1."""
        flat: Tensor = self.layers(images)  # (N, flat)
        return flat if self.linear is None else functional.relu(self.linear(flat))  # (N, F)


def _flat_width(layers: nn.Module, shape: Shape) -> int:
    """How many numbers the layers make of one image. Their running statistics do not notice."""
    layers.eval()
    with torch.no_grad():
        width = int(layers(torch.zeros(1, *shape)).shape[1])
    layers.train()
    return width


@dataclass(frozen=True)
class Recipe:
    """How an encoder's layers are made.

    Attributes:
        layers: makes a module from images (N, C, H, W) to flat features (N, F), of the shape of an
            image and the channels of the convolutions.
        smallest: least height and least width of an image [px].
        channels: of the convolutions, unless others are asked for; none where they are fixed.
        any_depth: whether it takes more or fewer channels than these.
    """

    layers: MakeLayers
    smallest: int
    channels: Channels = ()
    any_depth: bool = False


ENCODERS: dict[str, Recipe] = {}


def register(
    name: str, smallest: int, channels: Channels = (), any_depth: bool = False
) -> Callable[[MakeLayers], MakeLayers]:
    """A decorator that puts a function that makes layers into ENCODERS; see Recipe."""

    def add(layers: MakeLayers) -> MakeLayers:
        ENCODERS[name] = Recipe(layers, smallest, channels, any_depth)
        return layers

    return add


def build_encoder(
    name: str, shape: Shape, features: int | None, field: Field = "camera_encoder"
) -> Encoder:
    """The encoder of that name, with new weights.

    Args:
        name: one of ENCODERS, or "name:24,36,48" with other channels of its convolutions.
        shape: (channels, height, width) of an image.
        features: width of a linear layer at its end; None leaves the flat features as they are.
        field: where the name stands, for error messages.

    Raises:
        PolicyError: one line, if there is no such encoder, or the images are too small for it.
    """
    plain, recipe, channels = _read(name, field)
    _, height, width = shape
    if min(height, width) < recipe.smallest:
        raise PolicyError(
            f"{field} {plain!r} needs images of at least {recipe.smallest} x {recipe.smallest} px, "
            f"got {height} x {width}: set {_SIZES[field]}, or another encoder"
        )
    return Encoder(recipe.layers(shape, channels), shape, features)


def check_encoder(name: object, field: Field) -> None:
    """Raise a PolicyError unless the name is one that build_encoder takes."""
    _read(name, field)


class _Wanted(NamedTuple):
    """What a name asks for."""

    plain: str
    recipe: Recipe
    channels: Channels


def _read(name: object, field: Field) -> _Wanted:
    """The recipe and the channels that "pilotnet" or "small:24,48" asks for."""
    plain, colon, numbers = str(name).partition(":")
    if plain not in ENCODERS:
        raise PolicyError(f"{field} is {name!r}, expected one of {', '.join(sorted(ENCODERS))}")
    recipe = ENCODERS[plain]
    if not colon:
        return _Wanted(plain, recipe, recipe.channels)
    if not recipe.channels:
        raise PolicyError(f"{field} is {name!r}: {plain} takes no channels, write {plain}")
    words = numbers.split(",")
    digits = all(word.isascii() and word.isdigit() and int(word) > 0 for word in words)
    if not digits or not (recipe.any_depth or len(words) == len(recipe.channels)):
        count = "one or more" if recipe.any_depth else str(len(recipe.channels))
        example = ",".join(str(number) for number in recipe.channels)
        raise PolicyError(
            f"{field} is {name!r}, expected {count} whole numbers >= 1: {plain}:{example}"
        )
    return _Wanted(plain, recipe, tuple(int(word) for word in words))
