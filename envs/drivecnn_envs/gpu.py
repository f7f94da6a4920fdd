"""Observations made on an NVIDIA GPU, where they stay: pip install 'drivecnn[gpu]'."""

from typing import Any, TypeVar

import numpy as np
from numba import cuda

from drivecnn_envs.boxes import Boxes
from drivecnn_envs.cameras import Images
from drivecnn_envs.errors import InputError
from drivecnn_envs.gpu_kernels import (
    Cars,
    Frames,
    draw_maps,
    expose,
    grade,
    plan,
    rain,
    see,
    shade,
)
from drivecnn_envs.grading import Grades
from drivecnn_envs.looks import Family, Looks, draw_looks
from drivecnn_envs.march import STEP, steps_needed
from drivecnn_envs.observation import Observation, ObservationConfig, Observer
from drivecnn_envs.pixels import BLOCK, spare_rows
from drivecnn_envs.route_map import rasterise
from drivecnn_envs.scene import Scene
from drivecnn_envs.states import Atlas, RouteTable, States
from drivecnn_envs.views import Views

THREADS = 128  # of a block of the GPU's
TOGETHER = 1024  # cars whose pixels are in memory at once, some 500 kB each at 3 x 66x200
Arrays = TypeVar("Arrays", Atlas, RouteTable, Views, Looks, Boxes, Grades)
_ON_MAP = np.dtype(
    [
        ("world", np.int32),
        ("route", np.int32),
        *((name, np.float64) for name in ("x", "y", "yaw", "progress")),
        *((name, np.float32) for name in ("map_x", "map_y", "map_yaw")),
    ]
)  # what a route map is a function of


class GpuObserver(Observer):
    """Turns states into observations whose arrays are the GPU's.

    They have the CUDA array interface: `torch.as_tensor(array, device="cuda")` copies nothing.
    They are the CPU's but for the last bits of floats.
    """

    def __init__(self, config: ObservationConfig) -> None:
        """Make an observer.

        Raises:
            InputError: if there is no GPU that numba can use.
        """
        if not cuda.is_available():
            raise InputError(
                "cameras on the GPU need an NVIDIA GPU, its driver and numba-cuda, and none was "
                "found: pip install 'drivecnn[gpu]', or let the CPU make the images"
            )
        super().__init__(config)
        self._scene: Scene | None = None
        self._atlas: Atlas
        self._routes: RouteTable

    def observe(self, scene: Scene, states: States, boxes: Boxes | None = None) -> Observation:
        """What each state's car sees; `boxes` stand around them."""
        if scene is not self._scene:
            self._scene, self._routes = scene, _send(scene.table)
            self._atlas = _send(scene.atlas._replace(texels=np.zeros((1, 4), np.uint8)))
        count = len(states)
        images = Images.room(cuda.device_array, count, self.config.cameras)
        around = Boxes.none(count) if boxes is None else boxes
        for first in range(0, count, TOGETHER):
            last = min(first + TOGETHER, count)
            part = Images(
                images.rgb[first:last], images.semantic[first:last], images.depth[first:last]
            )
            some = Boxes(
                around.offset[first : last + 1] - around.offset[first],
                around.table[around.offset[first] : around.offset[last]],
            )
            self._render(states[first:last], some, part)
        return Observation(
            images.rgb, self._draw_maps(scene, states), images.semantic, images.depth
        )

    def grade(self, cameras: Any, grades: Grades) -> None:  # noqa: ANN401 - an array of the GPU
        """Grade images (B, C, 3, H, W) that this observer made, in place."""
        _launch(grade, cameras.size // 3, cameras, _send(grades))

    def _render(self, states: States, boxes: Boxes, images: Images) -> None:
        """Fill the images of some states."""
        rows, columns = self.config.cameras.image_size
        seeds, views = states["seed"].astype(np.uint64), Views.of(states, self.config.cameras)
        spare = spare_rows(float(np.abs(views.roll).max(initial=0.0)), columns)
        cars = Cars(
            _send(views),
            _send(draw_looks(seeds, Family(self.config.looks))),
            cuda.to_device(states["world"].astype(np.int64)),
            cuda.to_device(seeds),
            cuda.to_device(states["step"].astype(np.int64)),
        )
        count, strip, room = len(states), len(self.config.cameras.yaws) * columns, rows + 2 * spare
        frames = _frames(count, strip, room)
        _launch(plan, count, cars, self._atlas, rows, columns, frames)
        _launch(see, count * strip, cars, self._atlas, _send(boxes), rows, columns, frames)
        _launch(shade, frames.word.size, cars, self._atlas, columns, frames)
        _launch(rain, count * strip, cars, rows, columns, frames)
        _launch(expose, count * strip * rows, cars, frames, images)

    def _draw_maps(self, scene: Scene, states: States) -> Any:  # noqa: ANN401 - an array of the GPU
        """The route maps (B, 2, M, M)."""
        view = self.config.route_map
        if view.shows == "command":
            return cuda.to_device(rasterise(states, scene.atlas, scene.table, view))
        known = np.zeros(len(states), _ON_MAP)
        for name in _ON_MAP.names or ():
            known[name] = states[name]
        maps = cuda.device_array((len(states), 2, view.size, view.size), np.uint8)
        sent = cuda.to_device(known)
        _launch(
            draw_maps, len(states), sent, self._atlas, self._routes, view.resolution, view.behind,
            maps,
        )  # fmt: skip
        return maps


def observer_on(device: str, config: ObservationConfig) -> Observer:
    """The observer for a policy on a device: the GPU's for "cuda", if numba can use it."""
    if device == "cuda" and cuda.is_available():
        return GpuObserver(config)
    return Observer(config)


def _frames(count: int, columns: int, rows: int) -> Frames:
    """Room for the pixels of so many cars."""
    blocks = -(-columns // BLOCK)
    return Frames(
        cuda.device_array((count, blocks, rows, BLOCK), np.uint32),
        cuda.device_array((count, blocks, rows, BLOCK), np.float32),
        cuda.device_array((count, blocks * BLOCK), np.float32),
        cuda.device_array((count, blocks * BLOCK), np.float32),
        cuda.device_array((count, blocks * BLOCK), np.int32),
        cuda.device_array((count, rows, blocks * BLOCK), np.uint32),
        cuda.device_array((count, steps_needed(rows)), STEP),
        cuda.device_array(count, np.int32),
    )


def _send(arrays: Arrays) -> Arrays:
    """A tuple with its arrays on the GPU; numbers stay what they are."""
    arrays_only = {
        name: cuda.to_device(value)
        for name, value in arrays._asdict().items()
        if isinstance(value, np.ndarray)
    }
    return arrays._replace(**arrays_only)


def _launch(kernel: Any, count: int, *arguments: Any) -> None:  # noqa: ANN401 - untyped kernels
    """Run a kernel with so many threads."""
    if count > 0:
        kernel[-(-count // THREADS), THREADS](*arguments)
