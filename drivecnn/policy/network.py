"""The driving policy: camera encoders beside a map encoder, concatenated, and a steering head."""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from drivecnn.policy.distribution import GaussianMixture, SteeringDistribution

CURVATURE_SCALE = 0.05  # 1/m: the head's outputs are in this unit, so that they are of order one
MIN_SCALE = 0.002  # 1/m: floor of a component's scale, 0.1 m/s2 sideways at 7 m/s
HALF_RANGE = 127.5  # uint8 pixels become (pixel - 127.5) / 127.5, in -1..1
IMAGE_CHANNELS = 3  # red, green, blue
MAP_CHANNELS = 2  # road network, route
MIN_IMAGE_SIDE = 16  # px: what the strides of the encoders still see as more than one cell


@dataclass(frozen=True)
class PolicyConfig:
    """Everything that shapes a DrivingPolicy; it travels in the checkpoint.

    Attributes:
        cameras: how many cameras the policy sees, in the order left to right.
        camera_size: (height, width) of each camera image, px.
        map_size: side M of the square route map, px.
        shared_cameras: one encoder for all cameras (True) or one for each (False).
        components: number K of Gaussians in the steering distribution.
        camera_channels: channels of the camera encoder's convolutions; the first has stride 4.
        map_channels: channels of the map encoder's convolutions.
        features: width of what each encoder hands to the head (per camera, and for the map).
        hidden: width of the head's hidden layer.

    Raises:
        ValueError: one line that names the field, when a value cannot work.
    """

    cameras: int = 3
    camera_size: tuple[int, int] = (48, 96)
    map_size: int = 40
    shared_cameras: bool = True
    components: int = 3
    camera_channels: tuple[int, ...] = (32, 48, 64)
    map_channels: tuple[int, ...] = (16, 32, 32)
    features: int = 96
    hidden: int = 128

    def __post_init__(self) -> None:
        for name in ("cameras", "components", "features", "hidden"):
            _check_whole(name, getattr(self, name), smallest=1)
        _check_whole("map_size", self.map_size, smallest=MIN_IMAGE_SIDE)
        if not isinstance(self.shared_cameras, bool):
            raise ValueError(f"shared_cameras is {self.shared_cameras!r}, expected true or false")
        _check_whole_tuple("camera_size", self.camera_size, smallest=MIN_IMAGE_SIDE)
        if len(self.camera_size) != 2:
            raise ValueError(f"camera_size is {self.camera_size!r}, expected (height, width)")
        _check_whole_tuple("camera_channels", self.camera_channels, smallest=1)
        _check_whole_tuple("map_channels", self.map_channels, smallest=1)


def _check_whole(name: str, value: object, smallest: int) -> None:
    """Raise a ValueError unless the value is a whole number >= smallest."""
    if not isinstance(value, int) or isinstance(value, bool) or value < smallest:
        raise ValueError(f"{name} is {value!r}, expected a whole number >= {smallest}")


def _check_whole_tuple(name: str, values: object, smallest: int) -> None:
    """Raise a ValueError unless values is a tuple of one or more whole numbers >= smallest."""
    if not isinstance(values, tuple) or not values:
        raise ValueError(f"{name} is {values!r}, expected a tuple of whole numbers")
    for value in values:
        _check_whole(f"{name} {values!r}: an entry", value, smallest)


class CameraEncoder(nn.Module):
    """Features of one camera image: strided convolutions, flattened, one linear layer.

    The last feature map is flattened, not pooled: steering is about where things are. The first
    convolution takes stride 4 at once: at full resolution the memory traffic, not the arithmetic,
    is what a CPU spends its time on.
    """

    def __init__(self, size: tuple[int, int], channels: tuple[int, ...], features: int) -> None:
        super().__init__()
        stem = nn.Conv2d(IMAGE_CHANNELS, channels[0], kernel_size=6, stride=4, padding=1)
        self.convolutions = _halvings(stem, channels)
        self.linear = nn.Linear(_flat_size(self.convolutions, (IMAGE_CHANNELS, *size)), features)

    def forward(self, images: Tensor) -> Tensor:
        """Features (N, F) of float images (N, 3, H, W) in -1..1."""
        flat: Tensor = self.convolutions(images)  # (N, C x h x w)
        return functional.relu(self.linear(flat))  # (N, F)


class MapEncoder(nn.Module):
    """Features of the route map: strided convolutions, flattened, one linear layer."""

    def __init__(self, size: int, channels: tuple[int, ...], features: int) -> None:
        super().__init__()
        stem = nn.Conv2d(MAP_CHANNELS, channels[0], kernel_size=5, stride=2, padding=2)
        self.convolutions = _halvings(stem, channels)
        self.linear = nn.Linear(_flat_size(self.convolutions, (MAP_CHANNELS, size, size)), features)

    def forward(self, route_map: Tensor) -> Tensor:
        """Features (B, F) of float route maps (B, 2, M, M) in -1..1."""
        flat: Tensor = self.convolutions(route_map)  # (B, C x h x w)
        return functional.relu(self.linear(flat))  # (B, F)


def _halvings(stem: nn.Conv2d, channels: tuple[int, ...]) -> nn.Sequential:
    """The stem, then one 3x3 convolution of stride 2 for each further entry of channels, flat."""
    layers: list[nn.Module] = [stem, nn.ReLU(inplace=True)]
    for before, after in pairwise(channels):
        layers += [
            nn.Conv2d(before, after, kernel_size=3, stride=2, padding=1),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers, nn.Flatten())


def _flat_size(layers: nn.Module, shape: tuple[int, int, int]) -> int:
    """How many numbers the layers make of one input of this shape."""
    device = next(layers.parameters()).device
    with torch.no_grad():
        return int(layers(torch.zeros(1, *shape, device=device)).shape[1])


class GaussianMixtureHead(nn.Module):
    """The steering distribution from the joint features: an MLP that ends in K Gaussians.

    loc = CURVATURE_SCALE x output; scale = MIN_SCALE + CURVATURE_SCALE x softplus(output). The
    floor keeps the likelihood of a perfectly predictable straight bounded. It computes in float32
    also under autocast: bfloat16 would round curvature to 0.4 %.
    """

    def __init__(self, features: int, hidden: int, components: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(features, hidden)
        self.output = nn.Linear(hidden, 3 * components)
        with torch.no_grad():  # start the components apart: right, straight, left
            _, loc, _ = self.output.bias.chunk(3)
            loc.copy_(torch.linspace(-1.0, 1.0, components) if components > 1 else torch.zeros(1))

    def forward(self, features: Tensor) -> GaussianMixture:
        """B mixtures from features (B, F)."""
        with torch.autocast(features.device.type, enabled=False):
            hidden = functional.relu(self.hidden(features.float()))  # (B, hidden)
            logits, loc, scale = self.output(hidden).chunk(3, dim=-1)  # (B, K) each
            scale = MIN_SCALE + CURVATURE_SCALE * functional.softplus(scale)
            return GaussianMixture(logits, CURVATURE_SCALE * loc, scale)


class DrivingPolicy(nn.Module):
    """Cameras and a route map in, a distribution over curvature out.

    Call it with raw uint8 tensors: cameras (B, N, 3, H, W), left to right, and route_map
    (B, 2, M, M). It normalises them itself, so that the normalisation travels with the checkpoint.
    """

    def __init__(self, config: PolicyConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or PolicyConfig()
        self.camera_encoders = nn.ModuleList(
            CameraEncoder(config.camera_size, config.camera_channels, config.features)
            for _ in range(1 if config.shared_cameras else config.cameras)
        )
        self.map_encoder = MapEncoder(config.map_size, config.map_channels, config.features)
        joint_features = (config.cameras + 1) * config.features
        self.head = GaussianMixtureHead(joint_features, config.hidden, config.components)

    def __call__(self, cameras: Tensor, route_map: Tensor) -> SteeringDistribution:
        """The B steering distributions of a batch of observations.

        Args:
            cameras: (B, N, 3, H, W) uint8, as config.cameras and config.camera_size say.
            route_map: (B, 2, M, M) uint8, M = config.map_size; channel 0 roads, channel 1 route.

        Raises:
            ValueError: one line, when a shape or dtype is not what the config says.
        """
        distribution: SteeringDistribution = super().__call__(cameras, route_map)
        return distribution

    def forward(self, cameras: Tensor, route_map: Tensor) -> SteeringDistribution:
        """See __call__."""
        _check_inputs(self.config, cameras, route_map)
        batch, count = cameras.shape[:2]
        if self.config.shared_cameras:
            images = _normalise(cameras.flatten(0, 1))  # (B x N, 3, H, W)
            seen = self.camera_encoders[0](images)  # (B x N, F)
            seen = seen.reshape(batch, count * self.config.features)  # (B, N x F)
        else:
            views = zip(self.camera_encoders, cameras.unbind(1), strict=True)
            seen = torch.cat([net(_normalise(view)) for net, view in views], dim=1)  # (B, N x F)
        mapped = self.map_encoder(_normalise(route_map))  # (B, F)
        distribution: SteeringDistribution = self.head(torch.cat([seen, mapped], dim=1))
        return distribution


def _check_inputs(config: PolicyConfig, cameras: Tensor, route_map: Tensor) -> None:
    """Raise a ValueError of one line unless both inputs are what the config says."""
    for name, value in (("cameras", cameras), ("route_map", route_map)):
        if value.dtype != torch.uint8:
            raise ValueError(f"{name} is {value.dtype}, expected torch.uint8: pass raw pixels")
    count, (height, width), side = config.cameras, config.camera_size, config.map_size
    shape = tuple(cameras.shape)
    if len(shape) != 5 or shape[2] != IMAGE_CHANNELS:
        raise ValueError(f"cameras is {shape}, expected (B, {count}, 3, {height}, {width})")
    if shape[1] != count:
        raise ValueError(
            f"cameras is {_with_b(shape)}, expected {count} cameras: set cameras to {shape[1]}"
        )
    if shape[3:] != (height, width):
        raise ValueError(
            f"cameras is {_with_b(shape)}, expected {height} x {width} pixels: "
            f"set camera_size to {shape[3:]}"
        )
    shape = tuple(route_map.shape)
    if len(shape) != 4 or shape[1] != MAP_CHANNELS or shape[2] != shape[3]:
        raise ValueError(f"route_map is {shape}, expected (B, 2, {side}, {side})")
    if shape[2] != side:
        raise ValueError(
            f"route_map is {_with_b(shape)}, expected M = {side}: set map_size to {shape[2]}"
        )
    if shape[0] != cameras.shape[0]:
        raise ValueError(
            f"cameras has a batch of {cameras.shape[0]}, route_map of {shape[0]}: expected one B"
        )


def _with_b(shape: tuple[int, ...]) -> str:
    """The shape as text with B for the batch: (B, 2, 50, 50)."""
    return f"(B, {', '.join(str(size) for size in shape[1:])})"


def _normalise(pixels: Tensor) -> Tensor:
    """Float pixels in -1..1 from uint8 (N, C, H, W), channels last in memory.

    On a CPU the convolutions of a training step are about a tenth faster in that layout.
    """
    values = pixels.to(torch.float32, memory_format=torch.channels_last)
    return values.div_(HALF_RANGE).sub_(1.0)
