"""What the cameras see: each image column is one vertical plane, marched over the height field.

A camera without roll sees one vertical plane of the world per image column. Its ray is walked
outwards in fixed steps of depth; the highest image row reached so far (a y-buffer) tells what a new
texel still adds, so ground, kerbs, trees and buildings all come from one walk.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from drivecnn_envs.bodywork import draw_box
from drivecnn_envs.boxes import NEVER, Boxes, Ray, next_box
from drivecnn_envs.errors import InputError
from drivecnn_envs.looks import LOOK_SIZE, draw_look, fog_at, shade_sky, shade_texel
from drivecnn_envs.noise import mix
from drivecnn_envs.states import LAND_TEXEL, Atlas, States
from drivecnn_envs.world import HEIGHT_UNIT, MIP_LEVELS, RESOLUTION

Array = NDArray[np.float64]
Bytes = NDArray[np.uint8]

FIRST_DEPTH = 1.0  # m, nearer things are not drawn
FAR_DEPTH = 140.0  # m, the horizon of the drawn world
SHORTEST_STEP = 0.9  # m, steps between ground rows need not be shorter
STEP_GROWTH = 0.045  # m per metre of depth, how long steps may become far away
MAX_IMAGE_SIDE = 4096  # px
NOISE = 5  # intensity levels of sensor noise at most, 3 in one standard deviation
ROW_SLACK = 1e-4  # rows, so that a ground row met at its very middle counts as met
ROW_OFFSET = 1 << 20  # makes rows positive, where truncation rounds down
BRIGHTEST = 255.0  # intensity level
SKY_STEEPNESS = 3.0  # how fast the sky's colour changes with height
_LOW_32 = np.uint64(0xFFFFFFFF)
_HASH_1, _HASH_2, _SHIFT = np.uint32(0x9E3779B1), np.uint32(0x85EBCA6B), np.uint32(15)
_BYTE, _EIGHT, _LEVELS = np.uint32(255), np.int32(8), np.int32(2 * NOISE + 1)


@dataclass(frozen=True)
class CameraRig:
    """Cameras on a vehicle, all alike but for their yaw.

    Attributes:
        yaws: rad, counter-clockwise from straight ahead: left, centre, right.
        field_of_view: rad, horizontal.
        height: m above the road.
        ahead: m from the vehicle's middle to the cameras.
        image_size: height and width [px].
        horizon: row of the horizon as a share of the image height, from the top.
    """

    yaws: tuple[float, ...] = (0.87, 0.0, -0.87)
    field_of_view: float = 1.12
    height: float = 1.5
    ahead: float = 0.6
    image_size: tuple[int, int] = (48, 96)
    horizon: float = 0.4

    def __post_init__(self) -> None:
        """Refuse cameras that cannot exist."""
        if not all(1 <= side <= MAX_IMAGE_SIDE for side in self.image_size):
            raise InputError(
                f"camera image_size is {self.image_size}, expected 1 to {MAX_IMAGE_SIDE} px a side"
            )
        if not np.isfinite([*self.yaws, self.ahead]).all():
            raise InputError(
                f"camera yaws are {self.yaws} rad and ahead {self.ahead} m, expected finite numbers"
            )
        if not (self.yaws and 0.1 <= self.field_of_view <= 2.6):
            raise InputError(
                f"cameras need yaws and a field_of_view of 0.1 to 2.6 rad, got {len(self.yaws)} "
                f"yaws and {self.field_of_view}"
            )
        if not (0.3 <= self.height <= 20.0 and 0.0 <= self.horizon < 1.0):
            raise InputError(
                f"camera height is {self.height} m and horizon {self.horizon}, expected 0.3 to "
                "20 m and 0 to below 1"
            )


class Walk(NamedTuple):
    """A rig as its kernel wants it."""

    yaws: Array  # (C,) rad
    focal: float  # px
    height: float  # m
    ahead: float  # m
    horizon: float  # row [px]
    depths: Array  # (S,) m, straight ahead of the camera
    slopes: Array  # (S,) rows per metre of height at each depth
    levels: NDArray[np.int64]  # (S,) mip level to read at each depth
    scales: Array  # (S,) texels of that level per metre

    @classmethod
    def of(cls, rig: CameraRig) -> "Walk":
        """The steps such that every ground row is met at its middle."""
        rows, columns = rig.image_size
        focal = columns / 2 / np.tan(rig.field_of_view / 2)
        horizon = rig.horizon * rows
        below = np.arange(rows - 1, -1, -1) + 0.5 - horizon
        ground = rig.height * focal / below[below > 0]
        marks = np.concatenate([[FIRST_DEPTH], ground[ground < FAR_DEPTH], [FAR_DEPTH]])
        marks = np.unique(np.maximum(marks, FIRST_DEPTH))
        depths = [marks[:1]]
        for near, far in pairwise(marks):
            longest = max(SHORTEST_STEP, STEP_GROWTH * near)
            pieces = int(np.ceil((far - near) / longest))
            depths.append(np.geomspace(near, far, pieces + 1)[1:])
        steps = np.concatenate(depths)
        footprint = np.maximum(steps / focal, 0.25 * np.gradient(steps))
        levels = np.clip(np.floor(np.log2(footprint / RESOLUTION)) + 1, 0, MIP_LEVELS - 1)
        return cls(
            np.asarray(rig.yaws),
            float(focal),
            rig.height,
            rig.ahead,
            horizon,
            steps,
            focal / steps,
            levels.astype(np.int64),
            1.0 / (RESOLUTION * 2.0**levels),
        )


def render(
    states: States,
    atlas: Atlas,
    walk: Walk,
    image_size: tuple[int, int],
    boxes: Boxes | None = None,
) -> Bytes:
    """Images of all cameras of each state, (B, C, 3, H, W) uint8; `boxes` stand around them."""
    images = np.empty((len(states), len(walk.yaws), 3, *image_size), np.uint8)
    _render(states, atlas, walk, Boxes.none(len(states)) if boxes is None else boxes, images)
    return images


@njit(parallel=True, cache=True, fastmath=True)
def _render(states: States, atlas: Atlas, walk: Walk, boxes: Boxes, images: Bytes) -> None:
    """Fill `images` (B, C, 3, H, W), one thread a camera image."""
    batch, cameras = images.shape[:2]
    for i in prange(batch * cameras):
        number, camera = i // cameras, i % cameras
        state = states[number]
        look = np.empty(LOOK_SIZE, np.float32)
        draw_look(state.seed, look)
        image = images[number, camera]
        around = boxes, boxes.offset[number], boxes.offset[number + 1]
        filled = np.empty(images.shape[4], np.int32)
        for column in range(images.shape[4]):
            ray = _ray(state, walk, camera, column, images.shape[4])
            filled[column] = _march(ray, state.world, atlas, walk, around, look, image)
        _fill_sky(walk, look, filled, image)
        _add_noise(mix(mix(state.seed, state.step), camera), image)


@njit(inline="always")
def _ray(
    state: Any,  # noqa: ANN401 - a record of dtype STATE, which has no static type
    walk: Walk,
    camera: int,
    column: int,
    columns: int,
) -> Ray:
    """The vertical plane that a camera of a state sees in a column."""
    yaw = state.yaw + walk.yaws[camera]
    aside = (0.5 * columns - column - 0.5) / walk.focal
    return Ray(
        state.x + walk.ahead * np.cos(state.yaw),
        state.y + walk.ahead * np.sin(state.yaw),
        np.cos(yaw) - aside * np.sin(yaw),
        np.sin(yaw) + aside * np.cos(yaw),
        walk.height,
        walk.horizon,
        walk.focal,
        column,
    )


@njit(inline="always")
def _march(
    ray: Ray,
    world: int,
    atlas: Atlas,
    walk: Walk,
    around: tuple[Boxes, int, int],
    look: NDArray[np.float32],
    image: Bytes,
) -> int:
    """Fill one image column from the bottom up. Returns the lowest row that stays open."""
    met = next_box(around, ray, (-NEVER, -1))
    if met[0] < NEVER:
        return _march_among(ray, world, atlas, walk, around, look, image)
    return _march_ground(
        ray, world, atlas, walk, (0, len(walk.depths), image.shape[1]), look, image
    )


@njit(fastmath=True)
def _march_among(
    ray: Ray,
    world: int,
    atlas: Atlas,
    walk: Walk,
    around: tuple[Boxes, int, int],
    look: NDArray[np.float32],
    image: Bytes,
) -> int:
    """`_march` where a ray meets boxes, and stops at each. Apart, as most columns meet none."""
    filled, floor = int(image.shape[1]), int(image.shape[1])
    steps, step = len(walk.depths), 0
    met = next_box(around, ray, (-NEVER, -1))
    while step < steps and filled > 0:
        stop = int(np.searchsorted(walk.depths, met[0]))
        filled = _march_ground(ray, world, atlas, walk, (step, stop, filled), look, image)
        if stop < steps:
            filled, floor = draw_box(around[0], met, ray, (filled, floor), look, image)
            met = next_box(around, ray, met)
        step = stop
    return filled


@njit(inline="always")
def _march_ground(
    ray: Ray,
    world: int,
    atlas: Atlas,
    walk: Walk,
    span: tuple[int, int, int],
    look: NDArray[np.float32],
    image: Bytes,
) -> int:
    """Fill an image column over some steps of the walk. Returns the lowest open row.

    `span` is the first step, the one after the last, and the lowest open row before them.
    """
    origin_x, origin_y = ray.x - atlas.origin[world, 0], ray.y - atlas.origin[world, 1]
    offsets, shapes, texels = atlas.offset[world], atlas.shape[world], atlas.texels
    filled = span[2]
    for k in range(span[0], span[1]):
        depth, level, scale = walk.depths[k], walk.levels[k], walk.scales[k]
        x = np.int64((origin_x + depth * ray.forward_x) * scale + 1.0) - 1  # floor, from -1 up
        y = np.int64((origin_y + depth * ray.forward_y) * scale + 1.0) - 1
        width = shapes[level, 1]
        texel = np.uint64(LAND_TEXEL)
        if 0 <= y < shapes[level, 0] and 0 <= x < width:
            texel = np.uint64(offsets[level] + y * width + x)
        rise = walk.height - texels[texel, 3] * HEIGHT_UNIT
        middle = walk.horizon + rise * walk.slopes[k] - 0.5 - ROW_SLACK
        top = np.int64(middle + ROW_OFFSET) - (ROW_OFFSET - 1)  # rounded up
        if top >= filled:
            continue
        top = max(top, np.int64(0))
        material, shade = texels[texel, 0], texels[texel, 1]
        paint, fog = texels[texel, 2], fog_at(look, depth)
        per_row = depth / walk.focal  # m
        for row in range(top, filled):
            z = walk.height - (row + 0.5 - walk.horizon) * per_row
            red, green, blue = shade_texel(look, material, shade, paint, z, fog)
            image[0, row, ray.column] = np.uint8(min(red, BRIGHTEST))
            image[1, row, ray.column] = np.uint8(min(green, BRIGHTEST))
            image[2, row, ray.column] = np.uint8(min(blue, BRIGHTEST))
        filled = int(top)
        if filled == 0:
            break
    return filled


@njit(inline="always")
def _fill_sky(
    walk: Walk, look: NDArray[np.float32], filled: NDArray[np.int32], image: Bytes
) -> None:
    """Fill the rows above what each column has `filled`."""
    for row in range(filled.max()):
        height = max(walk.horizon - row, 0.0) / walk.focal * SKY_STEEPNESS
        for channel in range(3):
            level = np.uint8(min(shade_sky(look, height, channel), BRIGHTEST))
            line = image[channel, row]
            for column in range(len(line)):
                if row < filled[column]:
                    line[column] = level


@njit(inline="always")
def _add_noise(seed: np.uint64, image: Bytes) -> None:
    """Add even noise of up to `NOISE` levels either way, the same for the same seed.

    The hash is 32 bits wide, and says so at every step, so that it fills vector registers.
    """
    flat = image.reshape(-1)
    start = np.uint32(seed & _LOW_32)
    for k in range(flat.size):
        bits = np.uint32(np.uint32(start + np.uint32(k)) * _HASH_1)
        bits = np.uint32(np.uint32(bits ^ np.uint32(bits >> _SHIFT)) * _HASH_2)
        draw = np.int32(np.uint32(bits >> _SHIFT) & _BYTE) * _LEVELS
        value = np.int32(flat[k]) + np.int32(draw >> _EIGHT) - np.int32(NOISE)
        flat[k] = np.uint8(min(max(value, np.int32(0)), np.int32(255)))
