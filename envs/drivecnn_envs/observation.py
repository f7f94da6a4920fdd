"""What a policy may see. One code makes it for training, the batched simulator and Gymnasium."""

from dataclasses import dataclass, field
from typing import NamedTuple

from drivecnn_envs.boxes import Boxes
from drivecnn_envs.cameras import Bytes, CameraRig, Walk, render
from drivecnn_envs.route_map import RouteMapView, rasterise
from drivecnn_envs.scene import Scene
from drivecnn_envs.states import States


@dataclass(frozen=True)
class ObservationConfig:
    """Cameras and route map of a vehicle."""

    cameras: CameraRig = field(default_factory=CameraRig)
    route_map: RouteMapView = field(default_factory=RouteMapView)


class Observation(NamedTuple):
    """What B cars see: `cameras` (B, C, 3, H, W) uint8, `route_map` (B, 2, M, M) uint8."""

    cameras: Bytes
    route_map: Bytes

    def side_by_side(self) -> Bytes:
        """Each car's cameras in a row, for people: (B, H, C x W, 3) uint8."""
        batch, count, channels, height, width = self.cameras.shape
        rows = self.cameras.transpose(0, 3, 1, 4, 2)  # (B, H, C, W, 3)
        return rows.reshape(batch, height, count * width, channels)


class Observer:
    """Turns states into observations, as a pure function of the states."""

    def __init__(self, config: ObservationConfig) -> None:
        self.config = config
        self._walk = Walk.of(config.cameras)

    def observe(self, scene: Scene, states: States, boxes: Boxes | None = None) -> Observation:
        """What each state's car sees; `boxes` stand around them."""
        return Observation(
            render(states, scene.atlas, self._walk, self.config.cameras.image_size, boxes),
            rasterise(states, scene.atlas, scene.table, self.config.route_map),
        )
