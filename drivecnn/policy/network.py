"""The driving policy: camera encoders beside a map encoder, concatenated, and a steering head."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from drivecnn.policy.distributions import SteeringDistribution, SteeringHead, make_family
from drivecnn.policy.encoders import build_encoder, check_encoder
from drivecnn.policy.errors import PolicyError
from drivecnn.policy.memory import MEMORIES, Memory, build_memory

HALF_RANGE = 127.5  # uint8 pixels become (pixel - 127.5) / 127.5, in -1..1
IMAGE_CHANNELS = 3  # red, green, blue
MAP_CHANNELS = 2  # road network, route
NO_ENCODER = "none"


@dataclass(frozen=True)
class PolicyConfig:
    """Everything that shapes a DrivingPolicy; it travels in the checkpoint.

    Attributes:
        cameras: how many cameras the policy sees, in the order left to right.
        camera_size: (height, width) of each camera image, px.
        map_size: side M of the square route map, px.
        shared_cameras: one encoder for all cameras (True) or one for each (False).
        camera_encoder: its name, with other channels if wanted: "small:24,48"; docs/encoders.md.
        map_encoder: the same for the route map. Either may be "none".
        camera_weights: .pth or .safetensors file that a training of torchvision's starts from.
        frames: how many frames of the cameras the policy sees, the last of them the present.
        memory: what becomes of several frames: side by side ("stack"), or read by a GRU ("gru").
        distribution: family of the steering distribution: gaussian_mixture, gaussian, categorical,
            categorical_log, quantile, logistic_mixture or point.
        components: the family's size (Gaussians, knots, levels); None is its own default.
        features: width of the linear layer that ends each encoder (per camera, and for the map);
            null leaves it out, and the head takes the flat feature maps.
        hidden: widths of the head's hidden layers.

    Raises:
        PolicyError: one line that names the field, when a value cannot work.
    """

    cameras: int = 3
    camera_size: tuple[int, int] = (48, 96)
    map_size: int = 40
    shared_cameras: bool = True
    camera_encoder: str = "small"
    map_encoder: str = "small_map"
    camera_weights: str | None = None
    frames: int = 1
    memory: Memory = "stack"
    distribution: str = "gaussian_mixture"
    components: int | None = None
    features: int | None = 96
    hidden: tuple[int, ...] = (128,)

    def __post_init__(self) -> None:
        for name in ("cameras", "map_size", "frames"):
            _check_whole(name, getattr(self, name), smallest=1)
        if self.features is not None:
            _check_whole("features", self.features, smallest=1)
        if not isinstance(self.shared_cameras, bool):
            raise PolicyError(f"shared_cameras is {self.shared_cameras!r}, expected true or false")
        _check_camera_size(self.camera_size)
        _check_whole_tuple("hidden", self.hidden, smallest=1)
        make_family(self.distribution, self.components)
        check_encoder(self.camera_encoder, "camera_encoder")
        check_encoder(self.map_encoder, "map_encoder")
        if self.camera_encoder == self.map_encoder == NO_ENCODER:
            raise PolicyError("camera_encoder and map_encoder are none: set one of them")
        if self.camera_weights is not None and not isinstance(self.camera_weights, str):
            raise PolicyError(f"camera_weights is {self.camera_weights!r}, expected a path or null")
        if self.memory not in MEMORIES:
            raise PolicyError(f"memory is {self.memory!r}, expected {' or '.join(MEMORIES)}")
        if self.frames > 1 and self.camera_encoder == NO_ENCODER:
            raise PolicyError(
                f"frames is {self.frames}, but camera_encoder is none: set frames to 1"
            )


def _check_whole(name: str, value: object, smallest: int) -> None:
    """Raise a PolicyError unless the value is a whole number >= smallest."""
    if not isinstance(value, int) or isinstance(value, bool) or value < smallest:
        raise PolicyError(f"{name} is {value!r}, expected a whole number >= {smallest}")


def _check_whole_tuple(name: str, values: object, smallest: int) -> None:
    """Raise a PolicyError unless values is a tuple of whole numbers >= smallest."""
    if not isinstance(values, tuple) or not values:
        raise PolicyError(f"{name} is {values!r}, expected a tuple of whole numbers")
    for value in values:
        _check_whole(f"{name} {values!r}: an entry", value, smallest)


def _check_camera_size(size: object) -> None:
    """Raise a PolicyError unless the size is a height and a width."""
    if not isinstance(size, tuple) or len(size) != 2:
        raise PolicyError(f"camera_size is {size!r}, expected (height, width)")
    _check_whole_tuple("camera_size", size, smallest=1)


class DrivingPolicy(nn.Module):
    """Cameras and a route map in, a distribution over curvature out.

    Call it with raw uint8 tensors: cameras (B, N, 3, H, W), left to right, and route_map
    (B, 2, M, M). It normalises them itself, so that the normalisation travels with the checkpoint.
    A policy that sees T > 1 frames takes cameras (B, T, N, 3, H, W), oldest first; the route map
    is the present one.

    Attributes:
        temperature: () of the distribution, > 0; 1 unless a calibration has set it. It does not
            count while training.
    """

    temperature: Tensor

    def __init__(self, config: PolicyConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or PolicyConfig()
        image = (IMAGE_CHANNELS, *config.camera_size)
        route_map = (MAP_CHANNELS, config.map_size, config.map_size)
        encoders = [
            build_encoder(config.camera_encoder, image, config.features, "camera_encoder")
            for _ in range(1 if config.shared_cameras else config.cameras)
        ]
        self.camera_encoders = nn.ModuleList(encoders)
        self.seen_width = config.cameras * encoders[0].width  # features of one frame
        self.memory = build_memory(config.memory, self.seen_width, config.frames)
        self.map_encoder = build_encoder(
            config.map_encoder, route_map, config.features, "map_encoder"
        )
        joint_features = self.memory.width + self.map_encoder.width
        family = make_family(config.distribution, config.components)
        self.head = SteeringHead(joint_features, config.hidden, family)
        self.register_buffer("temperature", torch.ones(()))

    @property
    def has_density(self) -> bool:
        """False where its distributions have no log_prob to ask for: point masses."""
        return self.head.family.distribution.has_density

    def __call__(self, cameras: Tensor, route_map: Tensor) -> SteeringDistribution:
        """The B steering distributions of a batch of observations.

        Args:
            cameras: (B, N, 3, H, W) uint8, as config.cameras and config.camera_size say;
                (B, T, N, 3, H, W) where T = config.frames is more than one.
            route_map: (B, 2, M, M) uint8, M = config.map_size; channel 0 roads, channel 1 route.

        Raises:
            ValueError: one line, when a shape or dtype is not what the config says.
        """
        distribution: SteeringDistribution = super().__call__(cameras, route_map)
        return distribution

    def forward(self, cameras: Tensor, route_map: Tensor) -> SteeringDistribution:
        """See __call__."""
        _check_inputs(self.config, cameras, route_map)
        views = cameras.flatten(0, -5)  # (B x T, N, 3, H, W)
        frames = self._see(views).reshape(len(cameras), self.config.frames, self.seen_width)
        seen = self.memory(frames)  # (B, T, N x F) -> (B, S)
        mapped = self.map_encoder(_normalise(route_map))  # (B, F)
        distribution: SteeringDistribution = self.head(torch.cat([seen, mapped], dim=1))
        if not self.training and self.temperature.item() != 1.0:
            distribution = distribution.tempered(self.temperature)
        return distribution

    def _see(self, views: Tensor) -> Tensor:
        """Features (B, N x F) of what N cameras see, (B, N, 3, H, W) uint8."""
        if self.config.shared_cameras:
            images = _normalise(views.flatten(0, 1))  # (B x N, 3, H, W)
            seen: Tensor = self.camera_encoders[0](images)  # (B x N, F)
            return seen.reshape(len(views), self.seen_width)  # (B, N x F)
        pairs = zip(self.camera_encoders, views.unbind(1), strict=True)
        return torch.cat([net(_normalise(view)) for net, view in pairs], dim=1)  # (B, N x F)


def _check_inputs(config: PolicyConfig, cameras: Tensor, route_map: Tensor) -> None:
    """Raise a ValueError of one line unless both inputs are what the config says."""
    for name, value in (("cameras", cameras), ("route_map", route_map)):
        if not isinstance(value, Tensor):
            raise ValueError(
                f"{name} is a {type(value).__name__}, expected a tensor: torch.from_numpy makes one"
            )
        if value.dtype != torch.uint8:
            raise ValueError(f"{name} is {value.dtype}, expected torch.uint8: pass raw pixels")
    _check_cameras(config, tuple(cameras.shape))
    _check_route_map(config, tuple(route_map.shape))
    if route_map.shape[0] != cameras.shape[0]:
        raise ValueError(
            f"cameras has a batch of {cameras.shape[0]}, route_map of {route_map.shape[0]}: "
            "expected one B"
        )


def _check_cameras(config: PolicyConfig, shape: tuple[int, ...]) -> None:
    count, (height, width) = config.cameras, config.camera_size
    frames = (config.frames,) if config.frames > 1 else ()
    expected = _with_b((0, *frames, count, IMAGE_CHANNELS, height, width))
    if len(shape) != 5 + len(frames) or shape[-3] != IMAGE_CHANNELS:
        raise ValueError(f"cameras is {shape}, expected {expected}")
    if shape[1:-4] != frames:
        raise ValueError(
            f"cameras is {_with_b(shape)}, expected {config.frames} frames: "
            f"set frames to {shape[1]}"
        )
    if shape[-4] != count:
        raise ValueError(
            f"cameras is {_with_b(shape)}, expected {count} cameras: set cameras to {shape[-4]}"
        )
    if shape[-2:] != (height, width):
        raise ValueError(
            f"cameras is {_with_b(shape)}, expected {height} x {width} pixels: "
            f"set camera_size to {shape[-2:]}"
        )


def _check_route_map(config: PolicyConfig, shape: tuple[int, ...]) -> None:
    side = config.map_size
    if len(shape) != 4 or shape[1] != MAP_CHANNELS or shape[2] != shape[3]:
        raise ValueError(f"route_map is {shape}, expected (B, 2, {side}, {side})")
    if shape[2] != side:
        raise ValueError(
            f"route_map is {_with_b(shape)}, expected M = {side}: set map_size to {shape[2]}"
        )


def _with_b(shape: tuple[int, ...]) -> str:
    """The shape as text with B for the batch: (B, 2, 50, 50)."""
    return f"(B, {', '.join(str(size) for size in shape[1:])})"


def _normalise(pixels: Tensor) -> Tensor:
    """Float pixels in -1..1 from uint8 (N, C, H, W), channels last in memory.

    On a CPU the convolutions of a training step are about a tenth faster in that layout, and floats
    get there in less time than bytes.
    """
    values = pixels.to(torch.float32).div_(HALF_RANGE).sub_(1.0)
    return values.contiguous(memory_format=torch.channels_last)
