"""What the cameras see: each image column is one vertical plane, marched over the height field.

A camera without roll sees one vertical plane of the world per image column. Its ray is walked
outwards in fixed steps of depth; the highest image row reached so far (a y-buffer) tells what a new
texel still adds, so ground, kerbs, trees and buildings all come from one walk.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from drivecnn_envs.errors import InputError
from drivecnn_envs.looks import LOOK_SIZE, draw_look, shade_sky, shade_texel
from drivecnn_envs.noise import mix
from drivecnn_envs.states import RESOLUTION, Atlas, States
from drivecnn_envs.world import HEIGHT_UNIT, Material

Array = NDArray[np.float64]
Bytes = NDArray[np.uint8]

FIRST_DEPTH = 1.0  # m, nearer things are not drawn
FAR_DEPTH = 150.0  # m, the horizon of the drawn world
NEAR_STEP, FAR_STEP = 0.7, 2.0  # m, longest steps before and after STEP_CHANGE
STEP_CHANGE = 40.0  # m
MAX_IMAGE_SIDE = 4096  # px
NOISE = 3.0  # intensity levels of sensor noise, one standard deviation
LAND_SHADE = 160  # of the land beyond a world's raster
ROW_SLACK = 1e-4  # rows, so that a ground row met at its very middle counts as met
SKY_STEEPNESS = 3.0  # how fast the sky's colour changes with height
_LAND = int(Material.LAND)
_BYTE, _EIGHT = np.uint64(255), np.uint64(8)


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
    levels: NDArray[np.int64]  # (S,) mip level to read at each depth

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
        for near, far in zip(marks[:-1], marks[1:], strict=True):
            longest = NEAR_STEP if near < STEP_CHANGE else FAR_STEP
            pieces = int(np.ceil((far - near) / longest))
            depths.append(near + (far - near) / pieces * np.arange(1, pieces + 1))
        steps = np.concatenate(depths)
        footprint = np.maximum(steps / focal, 0.25 * np.gradient(steps))
        levels = np.clip(np.floor(np.log2(footprint / RESOLUTION)) + 1, 0, 2)
        return cls(
            np.asarray(rig.yaws),
            float(focal),
            rig.height,
            rig.ahead,
            horizon,
            steps,
            levels.astype(np.int64),
        )


def render(states: States, atlas: Atlas, walk: Walk, image_size: tuple[int, int]) -> Bytes:
    """Images of all cameras of each state, (B, C, 3, H, W) uint8."""
    images = np.empty((len(states), len(walk.yaws), 3, *image_size), np.uint8)
    _render(states, atlas, walk, images)
    return images


@njit(parallel=True, cache=True, fastmath=True)
def _render(states: States, atlas: Atlas, walk: Walk, images: Bytes) -> None:
    """Fill `images` (B, C, 3, H, W), one thread a camera image."""
    batch, cameras = images.shape[:2]
    for i in prange(batch * cameras):
        state = states[i // cameras]
        camera = i % cameras
        look = np.empty(LOOK_SIZE, np.float32)
        draw_look(state.seed, look)
        image = images[i // cameras, camera]
        for column in range(images.shape[4]):
            filled = _march(state, atlas, walk, camera, column, look, image)
            _fill_sky(walk, look, filled, column, image)
        _add_noise(mix(mix(state.seed, state.step), camera), image)


@njit(inline="always")
def _march(
    state: Any,  # noqa: ANN401 - a record of dtype STATE, which has no static type
    atlas: Atlas,
    walk: Walk,
    camera: int,
    column: int,
    look: NDArray[np.float32],
    image: Bytes,
) -> int:
    """Fill one image column from the bottom up. Returns the lowest row that stays open."""
    rows, columns = image.shape[1], image.shape[2]
    yaw = state.yaw + walk.yaws[camera]
    aside = (0.5 * columns - column - 0.5) / walk.focal
    ray_x = np.cos(yaw) - aside * np.sin(yaw)  # m per metre of depth
    ray_y = np.sin(yaw) + aside * np.cos(yaw)
    origin_x = state.x + walk.ahead * np.cos(state.yaw) - atlas.origin[state.world, 0]
    origin_y = state.y + walk.ahead * np.sin(state.yaw) - atlas.origin[state.world, 1]
    filled = rows
    for k in range(len(walk.depths)):
        depth, level = walk.depths[k], walk.levels[k]
        scale = 1.0 / (RESOLUTION * (1 << level))
        x = int(np.floor((origin_x + depth * ray_x) * scale))
        y = int(np.floor((origin_y + depth * ray_y) * scale))
        height_texels = atlas.shape[state.world, level, 0]
        width_texels = atlas.shape[state.world, level, 1]
        material, shade, paint, height = _LAND, LAND_SHADE, 0, 0
        if 0 <= y < height_texels and 0 <= x < width_texels:
            texel = atlas.texels[atlas.offset[state.world, level] + y * width_texels + x]
            material, shade, paint, height = texel[0], texel[1], texel[2], texel[3]
        rise = walk.height - height * HEIGHT_UNIT
        top = int(np.ceil(walk.horizon + rise * walk.focal / depth - 0.5 - ROW_SLACK))
        if top >= filled:
            continue
        top = max(top, 0)
        per_row = depth / walk.focal  # m
        for row in range(top, filled):
            z = walk.height - (row + 0.5 - walk.horizon) * per_row
            colour = shade_texel(look, material, shade, paint, z, depth)
            for channel in range(3):
                image[channel, row, column] = np.uint8(min(colour[channel], 255.0))
        filled = top
        if filled == 0:
            break
    return filled


@njit(inline="always")
def _fill_sky(
    walk: Walk, look: NDArray[np.float32], filled: int, column: int, image: Bytes
) -> None:
    """Fill the rows above `filled` of one column."""
    for row in range(filled):
        height = max(walk.horizon - row, 0.0) / walk.focal * SKY_STEEPNESS
        for channel in range(3):
            image[channel, row, column] = np.uint8(min(shade_sky(look, height, channel), 255.0))


@njit(inline="always")
def _add_noise(seed: np.uint64, image: Bytes) -> None:
    """Add sensor noise to an image: an even spread with a standard deviation of `NOISE` levels."""
    flat = image.ravel()
    for start in range(0, len(flat), 8):
        bits = mix(seed, start)
        for k in range(start, min(start + 8, len(flat))):
            byte = bits & _BYTE
            bits = bits >> _EIGHT
            change = (np.float32(byte) - np.float32(127.5)) * np.float32(NOISE / 73.6)
            flat[k] = np.uint8(min(max(flat[k] + change, 0.0), 255.0))
