"""What a policy may see. One code makes it for training, the batched simulator and Gymnasium."""

from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from drivecnn_envs.boxes import Boxes
from drivecnn_envs.cameras import Bytes, render
from drivecnn_envs.errors import InputError
from drivecnn_envs.grading import Grades, grade
from drivecnn_envs.looks import Family
from drivecnn_envs.pixels import SKY_DEPTH
from drivecnn_envs.route_map import RouteMapView, rasterise
from drivecnn_envs.scene import Scene
from drivecnn_envs.states import States
from drivecnn_envs.views import CameraRig, Modality

FamilyName = Literal["train", "new"]  # the values of `Family`, as configs have them


@dataclass(frozen=True)
class ObservationConfig:
    """Cameras and route map of a vehicle, and how the world looks.

    Attributes:
        cameras: the rig, and what its images show.
        route_map: what the map shows.
        looks: colours, light and weather; those of `new` are for tests only.
    """

    cameras: CameraRig = field(default_factory=CameraRig)
    route_map: RouteMapView = field(default_factory=RouteMapView)
    looks: FamilyName = "train"

    def __post_init__(self) -> None:
        """Refuse looks that do not exist."""
        families = [str(family) for family in Family]
        if self.looks not in families:
            raise InputError(f"looks are {str(self.looks)!r}, expected one of {families}")


def observation_space(config: ObservationConfig) -> spaces.Dict:
    """The space of one car's observation: that of `Observation.asked`, without the batch."""
    rig, size = config.cameras, config.route_map.size
    images = len(rig.yaws), *rig.image_size
    parts: dict[str, spaces.Space[Any]] = {
        "cameras": spaces.Box(0, 255, (len(rig.yaws), 3, *rig.image_size), np.uint8),
        "route_map": spaces.Box(0, 255, (2, size, size), np.uint8),
    }
    if Modality.SEMANTIC in rig.modalities:
        parts["semantic"] = spaces.Box(0, 255, images, np.uint8)
    if Modality.DEPTH in rig.modalities:
        parts["depth"] = spaces.Box(0.0, SKY_DEPTH, images, np.float32)
    return spaces.Dict(parts)


class Observation(NamedTuple):
    """What B cars see with C cameras. What was not asked for is empty.

    Attributes:
        cameras: (B, C, 3, H, W) uint8; (B, T, C, 3, H, W), oldest first, where cars see T frames.
        route_map: (B, 2, M, M) uint8.
        semantic: (B, C, H, W) uint8, a `SemanticClass` each.
        depth: (B, C, H, W) float32 m.
    """

    cameras: Bytes
    route_map: Bytes
    semantic: Bytes
    depth: NDArray[np.float32]

    def asked(self) -> dict[str, NDArray[Any]]:
        """What was asked for, by name."""
        return {name: values for name, values in self._asdict().items() if values.size > 0}

    def of_frames(self, count: int) -> "Observation":
        """Of B x T moments, those of a car side by side: its T frames, and the last of the rest."""

        def by_car(values: Any) -> Any:  # noqa: ANN401 - an array of the CPU or of the GPU
            return values.reshape(values.shape[0] // count, count, *values.shape[1:])

        seen = {name: by_car(values) for name, values in self.asked().items()}
        last = {name: values[:, -1] for name, values in seen.items() if name != "cameras"}
        return self._replace(cameras=seen["cameras"], **last)

    @property
    def present(self) -> Bytes:
        """The cameras of this moment, (B, C, 3, H, W) uint8."""
        cameras = np.asarray(self.cameras)
        return cameras if cameras.ndim == 5 else cameras[:, -1]

    def side_by_side(self) -> Bytes:
        """Each car's cameras in a row, for people: (B, H, C x W, 3) uint8."""
        cameras = self.present
        batch, count, channels, height, width = cameras.shape
        rows = cameras.transpose(0, 3, 1, 4, 2)  # (B, H, C, W, 3)
        return rows.reshape(batch, height, count * width, channels)


class Observer:
    """Turns states into observations, as a pure function of the states."""

    def __init__(self, config: ObservationConfig) -> None:
        self.config = config

    def observe(self, scene: Scene, states: States, boxes: Boxes | None = None) -> Observation:
        """What each state's car sees; `boxes` stand around them."""
        config = self.config
        images = render(states, scene.atlas, config.cameras, Family(config.looks), boxes)
        maps = rasterise(states, scene.atlas, scene.table, config.route_map)
        return Observation(images.rgb, maps, images.semantic, images.depth)

    def grade(self, cameras: Bytes, grades: Grades) -> None:
        """Grade images (B, C, 3, H, W) that this observer made, in place."""
        grade(cameras, grades)
