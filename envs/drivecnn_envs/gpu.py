"""Observations made on an NVIDIA GPU, where they stay: pip install 'drivecnn[gpu]'."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numba import config as numba_config
from numba import cuda
from numpy.typing import NDArray

from drivecnn_envs.boxes import BOX, Boxes
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
from drivecnn_envs.looks import Family, draw_looks
from drivecnn_envs.march import STEP, steps_needed
from drivecnn_envs.neighbours import MOST
from drivecnn_envs.observation import Observation, ObservationConfig, Observer
from drivecnn_envs.pixels import BLOCK, spare_rows
from drivecnn_envs.route_map import rasterise
from drivecnn_envs.scene import Scene
from drivecnn_envs.states import Atlas, RouteTable, States
from drivecnn_envs.views import Views

THREADS = 128  # of a block of the GPU's
ALIGNMENT = 256  # bytes, as the GPU's own allocations have it
FEWEST, TOGETHER = 32, 1024  # cars of the smallest and largest stage; 500 kB a car at 3 x 66x200
_ON_MAP = np.dtype(
    [
        ("world", np.int32),
        ("route", np.int32),
        *((name, np.float64) for name in ("x", "y", "yaw", "progress")),
        *((name, np.float32) for name in ("map_x", "map_y", "map_yaw")),
    ]
)  # what a route map is a function of
# a few cars do not fill a large GPU: that is nothing to warn of
numba_config.CUDA_LOW_OCCUPANCY_WARNINGS = 0  # type: ignore[attr-defined]


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
        self._stages: dict[tuple[int, int], _Stage]
        self._ground: _Ground

    def observe(self, scene: Scene, states: States, boxes: Boxes | None = None) -> Observation:
        """What each state's car sees; `boxes` stand around them."""
        if scene is not self._scene:
            self._scene, self._stages, self._ground = scene, {}, _ground_of(scene)
        count, view = len(states), self.config.route_map
        images = Images.room(cuda.device_array, count, self.config.cameras)
        maps = cuda.device_array((count, 2, view.size, view.size), np.uint8)
        around = Boxes.none(count) if boxes is None else boxes
        for first in range(0, count, TOGETHER):
            part = slice(first, min(first + TOGETHER, count))
            offset = around.offset[first : part.stop + 1]
            some = Boxes(offset - offset[0], around.table[offset[0] : offset[-1]])
            stage = self._stage(part.stop - first, len(some.table))
            stage.look(scene, states[part], some)
            for whole, seen in zip((*images, maps), (*stage.images, stage.maps), strict=True):
                whole[part].copy_to_device(seen[: part.stop - first])
        return Observation(images.rgb, maps, images.semantic, images.depth)

    def grade(self, cameras: Any, grades: Grades) -> None:  # noqa: ANN401 - an array of the GPU
        """Grade images (B, C, 3, H, W) that this observer made, in place."""
        _launch(grade, cameras.size // 3, 0, cameras, _with_arrays(cuda.to_device, grades))

    def _stage(self, cars: int, boxes: int) -> "_Stage":
        """A stage that holds so many cars and boxes."""
        places = max(FEWEST, _power_of_two(cars))
        size = places, max(MOST * places, _power_of_two(boxes))
        if size not in self._stages:
            self._stages[size] = _Stage(self.config, self._ground, *size)
        return self._stages[size]


class _Ground(NamedTuple):
    """What of a scene is on the GPU."""

    atlas: Atlas
    routes: RouteTable


class _Stage:
    """Room on the GPU for so many cars, what they see, and the recorded work of seeing it."""

    def __init__(self, config: ObservationConfig, ground: _Ground, cars: int, boxes: int) -> None:
        rig, view = config.cameras, config.route_map
        self._config, self._ground, self._size = config, ground, cars
        self.images = Images.room(cuda.device_array, cars, rig)
        self.maps = cuda.device_array((cars, 2, view.size, view.size), np.uint8)
        self._boxes = cuda.device_array(boxes, BOX)
        self._known = cuda.device_array(cars, _ON_MAP)
        self._parcel: _Parcel | None = None
        rows, columns = rig.image_size
        room = rows + 2 * spare_rows(rig.steepest, columns)
        self._frames = _frames(cars, len(rig.yaws) * columns, room)
        self._replay: Callable[[], None] | None = None

    def look(self, scene: Scene, states: States, boxes: Boxes) -> None:
        """Fill the images and maps; those of places without a car are of the last one."""
        if missing := self._size - len(states):
            states = np.concatenate([states, states[-1:].repeat(missing)])
        offset = np.pad(boxes.offset, (0, missing), mode="edge")
        cars = self._cars_of(states), offset
        if self._parcel is None:
            self._parcel = _Parcel(cars)
        self._parcel.send(cars)
        self._boxes[: len(boxes.table)].copy_to_device(boxes.table)
        view = self._config.route_map
        if view.shows == "command":
            self.maps.copy_to_device(rasterise(states, scene.atlas, scene.table, view))
        else:
            known = np.zeros(len(states), _ON_MAP)
            for name in _ON_MAP.names or ():
                known[name] = states[name]
            self._known.copy_to_device(known)
        if self._replay is None:
            self._replay = record(self._see)
        self._replay()

    def _cars_of(self, states: States) -> Cars:
        """States as the kernels read them, but for what is on the map."""
        seeds = states["seed"].astype(np.uint64)
        return Cars(
            Views.of(states, self._config.cameras),
            draw_looks(seeds, Family(self._config.looks)),
            states["world"].astype(np.int64),
            seeds,
            states["step"].astype(np.int64),
        )

    def _see(self, stream: Any) -> None:  # noqa: ANN401 - untyped streams
        """Launch what turns cars and boxes into images and maps."""
        (rows, columns), view = self._config.cameras.image_size, self._config.route_map
        frames, images, (atlas, routes) = self._frames, self.images, self._ground
        assert self._parcel is not None
        cars, offset = self._parcel.there
        boxes = Boxes(offset, self._boxes)
        count, strip = self._size, len(self._config.cameras.yaws) * columns
        _launch(plan, count, stream, cars, atlas, rows, columns, frames)
        _launch(see, count * strip, stream, cars, atlas, boxes, rows, columns, frames)
        _launch(shade, frames.word.size, stream, cars, atlas, columns, frames)
        _launch(rain, count * strip, stream, cars, rows, columns, frames)
        _launch(expose, count * strip * rows, stream, cars, frames, images)
        if view.shows == "map":
            _launch(
                draw_maps, count * view.size, stream, self._known, atlas, routes, view.resolution,
                view.behind, self.maps,
            )  # fmt: skip


def record(work: Callable[[Any], None]) -> Callable[[], None]:
    """Do work on a stream and record it. What comes back does it again, all in one launch.

    A launch of a kernel with many arrays takes the CPU a millisecond, longer than the GPU.
    """
    from cuda.bindings import driver  # comes with numba-cuda

    def checked(answer: tuple[Any, ...]) -> Any:  # noqa: ANN401 - whatever the driver gives
        if answer[0] != driver.CUresult.CUDA_SUCCESS:
            raise RuntimeError(f"the GPU's driver cannot record the cameras' work: {answer[0]}")
        return answer[-1]

    stream = cuda.stream()
    work(stream)  # compiles kernels, which cannot be done while recording
    stream.synchronize()
    handle, relaxed = int(stream), driver.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED
    checked(driver.cuStreamBeginCapture(handle, relaxed))
    work(stream)
    graph = checked(driver.cuStreamEndCapture(handle))
    recording = checked(driver.cuGraphInstantiate(graph, 0))
    return lambda: checked(driver.cuGraphLaunch(recording, 0))


def observer_on(device: str, config: ObservationConfig) -> Observer:
    """The observer for a policy on a device: the GPU's for "cuda", if numba can use it."""
    if device == "cuda" and cuda.is_available():
        return GpuObserver(config)
    return Observer(config)


def _ground_of(scene: Scene) -> _Ground:
    """What of a scene the kernels need; they do not read the texels as bytes."""
    atlas = scene.atlas._replace(texels=np.zeros((1, 4), np.uint8))
    ground: _Ground = _with_arrays(cuda.to_device, _Ground(atlas, scene.table))
    return ground


def _power_of_two(count: int) -> int:
    """The smallest that is no less."""
    return 1 << max(count - 1, 0).bit_length()


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


class _Parcel:
    """Arrays that travel to the GPU in one copy: each copy takes the CPU longer than the bus."""

    def __init__(self, like: Any) -> None:  # noqa: ANN401 - arrays, numbers, and tuples of such
        """Make room for what is like this."""
        places, size = [], 0
        for array in _arrays_in(like):
            places.append(slice(size, size + array.nbytes))
            size += -(-array.nbytes // ALIGNMENT) * ALIGNMENT
        self._places, self._here = places, np.zeros(size, np.uint8)
        self._room = cuda.device_array(size, np.uint8)
        places_left = iter(places)

        def placed(array: NDArray[Any]) -> Any:  # noqa: ANN401 - an array of the GPU
            return self._room[next(places_left)].view(array.dtype).reshape(array.shape)

        self.there = _with_arrays(placed, like)  # the same on the GPU

    def send(self, value: Any) -> None:  # noqa: ANN401 - as above
        """Copy what is like the first."""
        for place, array in zip(self._places, _arrays_in(value), strict=True):
            self._here[place] = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        self._room.copy_to_device(self._here)


def _arrays_in(value: Any) -> Iterator[NDArray[Any]]:  # noqa: ANN401 - as above
    """The arrays in nested tuples."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, tuple):
        for part in value:
            yield from _arrays_in(part)


def _with_arrays(make: Callable[[NDArray[Any]], Any], value: Any) -> Any:  # noqa: ANN401 - as above
    """Nested tuples with what is made of their arrays; numbers stay what they are."""
    if isinstance(value, np.ndarray):
        return make(value)
    if not isinstance(value, tuple):
        return value
    parts = [_with_arrays(make, part) for part in value]
    return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)


def _launch(kernel: Any, count: int, stream: Any, *arguments: Any) -> None:  # noqa: ANN401 - untyped
    """Run a kernel with so many threads."""
    if count > 0:
        kernel[-(-count // THREADS), THREADS, stream](*arguments)
