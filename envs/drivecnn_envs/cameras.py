"""What the cameras see, in four stages: walk, draw what stands apart, shade, expose.

A car's images are made side by side by one thread: their columns are walked over the height field
(`march`), hills, posts and vehicles are drawn where they are nearest (`hills`, `posts`,
`bodywork`), all pixels get their colours (`shading`), and each sensor adds what it does (`sensor`).
Every stage is a function of the state; `gpu_kernels` has the same stages for a GPU.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from drivecnn_envs.bodywork import draw_boxes
from drivecnn_envs.boxes import Boxes
from drivecnn_envs.hills import hill_word, raise_hills
from drivecnn_envs.looks import Family, Looks, draw_looks
from drivecnn_envs.march import (
    STEP,
    WALK,
    Ground,
    plan_steps,
    steps_needed,
    walk_block,
)
from drivecnn_envs.materials import Material, SemanticClass
from drivecnn_envs.pixels import (
    BLOCK,
    CLASSES,
    OPEN,
    PLACES,
    Camera,
    Floats,
    Pixels,
    aim,
    blank,
    spare_rows,
)
from drivecnn_envs.posts import PostTable, draw_posts
from drivecnn_envs.sensor import expose, noise_seed
from drivecnn_envs.shading import SCRATCH, shade_block
from drivecnn_envs.states import Atlas, States
from drivecnn_envs.views import CameraRig, Modality, Views

Bytes = NDArray[np.uint8]

PAINTED = 96  # of the third byte of a road texel, from which on it counts as marking
_ROAD, _CENTRE = np.uint32(Material.ROAD), np.uint32(Material.ROAD_CENTRE)
_SKY, _MARKING = np.uint8(SemanticClass.SKY), np.uint8(SemanticClass.LANE_MARKING)
AFIELD = np.zeros(2)  # m, the origin of what is not given from a world's corner
_CODE, _BYTE, _SIXTEEN = np.uint32(PLACES - 1), np.uint32(255), np.uint32(16)


class Images(NamedTuple):
    """Images of C cameras in each of B states; a modality that was not asked for is empty."""

    rgb: Bytes  # (B, C, 3, H, W)
    semantic: Bytes  # (B, C, H, W), a `SemanticClass` each
    depth: Floats  # (B, C, H, W) m ahead of the camera, `SKY_DEPTH` in the sky

    @classmethod
    def room(cls, make: Callable[..., Any], states: int, rig: CameraRig) -> "Images":
        """Images of so many states to be filled; `make` is given the shape and dtype of each."""
        batch, size = (states, len(rig.yaws)), rig.image_size
        wanted = [size if modality in rig.modalities else (0, 0) for modality in Modality]
        return cls(
            make((*batch, 3, *size), np.uint8),
            make((*batch, *wanted[1]), np.uint8),
            make((*batch, *wanted[2]), np.float32),
        )


def render(
    states: States,
    atlas: Atlas,
    rig: CameraRig,
    family: Family = Family.TRAIN,
    boxes: Boxes | None = None,
) -> Images:
    """Images of all cameras of B states; `boxes` stand around them."""
    images = Images.room(np.empty, len(states), rig)
    seeds, steps = states["seed"].astype(np.uint64), states["step"].astype(np.int64)
    looks, views = draw_looks(seeds, family), Views.of(states, rig)
    around = Boxes.none(len(states)) if boxes is None else boxes
    _render(views, states["world"].astype(np.int64), seeds, steps, atlas, looks, around, images)
    return images


@njit(parallel=True, nogil=True, cache=True, fastmath=True, error_model="numpy")
def _render(
    views: Views,
    worlds: NDArray[np.int64],
    seeds: NDArray[np.uint64],
    steps: NDArray[np.int64],
    atlas: Atlas,
    looks: Looks,
    boxes: Boxes,
    images: Images,
) -> None:
    """Fill `images`, one thread a car."""
    for i in prange(len(views.x)):
        # numbers of prange have two types, for each of which all would be compiled
        car: int = np.int64(i)  # type: ignore[assignment]
        _render_car(car, views, worlds[car], seeds[car], steps[car], atlas, looks, boxes, images)


@njit(cache=True, fastmath=True, error_model="numpy")
def _render_car(
    i: int, views: Views, world: int, seed: np.uint64, step: int, atlas: Atlas, looks: Looks,
    boxes: Boxes, images: Images,
) -> None:  # fmt: skip
    """Fill the C images of a car."""
    count, _, rows, columns = images.rgb.shape[1:]
    light, palette, origin = looks.light[i], looks.palette[i], atlas.origin[world]
    sun, spare = (atlas.sun[world, 0], atlas.sun[world, 1]), spare_rows(views.roll[i], columns)
    pixels = blank(rows + 2 * spare, count * columns)
    for number in range(count):
        onward = camera_of(views, i, number, origin, columns)
        for column in range(columns):
            aim(pixels, onward, views.roll[i], column)
    camera = camera_of(views, i, 0, origin, columns)
    _see_world(camera, world, atlas, light, palette, pixels)
    posts = PostTable(atlas.posts, atlas.post_first, atlas.post_grid)
    for number in range(count):
        onward = camera_of(views, i, number, origin, columns)
        draw_posts(posts, world, onward, (0, columns), pixels)
        afield = camera_of(views, i, number, AFIELD, columns)
        draw_boxes(boxes, i, afield, light, sun, pixels)
    sharp = np.empty((pixels.word.shape[1], len(pixels.forward_x)), np.uint32)
    words, line = np.empty(SCRATCH, np.uint32), np.empty(columns, np.uint32)
    for block in range(len(pixels.word)):
        shade_block(pixels, block, camera, palette, light, sun, words, sharp)
    for number in range(count):
        left, noise = number * columns, noise_seed(seed, step, number)
        expose(sharp, pixels.lift, left, noise, light, line, images.rgb[i, number])
        if images.semantic.size > 0:
            _classify(pixels, left, images.semantic[i, number])
        if images.depth.size > 0:
            _measure(pixels, left, images.depth[i, number])


@njit(forceinline=True)
def camera_of(
    views: Views, i: int, number: int, origin: NDArray[np.float64], columns: int
) -> Camera:
    """One of a car's cameras, given from an origin (2,) [m]."""
    horizon = views.horizon[i] + spare_rows(views.roll[i], columns)
    return Camera(
        views.x[i] - origin[0], views.y[i] - origin[1], views.cos[i, number], views.sin[i, number],
        views.height[i], horizon, views.focal, number * columns, columns,
    )  # fmt: skip


@njit(forceinline=True)
def ground_in(atlas: Atlas, world: int) -> Ground:
    """The texels of a world."""
    return Ground(atlas.words, atlas.offset[world], atlas.shape[world])


@njit(forceinline=True)
def _see_world(
    camera: Camera, world: int, atlas: Atlas, light: Floats, palette: NDArray[np.uint32],
    pixels: Pixels,
) -> None:  # fmt: skip
    """Fill the pixels with what the walks of all columns meet, and the hills behind."""
    ground = ground_in(atlas, world)
    steps = np.empty(steps_needed(pixels.word.shape[1]), STEP)
    count = plan_steps(pixels.word.shape[1], camera, ground, steps)
    words, rows = np.empty(WALK, np.uint32), np.empty(WALK, np.int32)
    for block in range(len(pixels.word)):
        walk_block(steps, count, ground, block, camera, pixels, words, rows)
    hill = hill_word(light, palette)
    for column in range(len(pixels.lift)):
        raise_hills(camera, column, light, hill, pixels)


@njit(forceinline=True)
def _classify(pixels: Pixels, left: int, semantic: Bytes) -> None:
    """The semantic class of each pixel, (H, W)."""
    rows, columns = semantic.shape
    for row in range(rows):
        for column in range(columns):
            k = left + column
            word = pixels.word[k // BLOCK, row + pixels.lift[k], k % BLOCK]
            semantic[row, column] = class_of(word)


@njit(forceinline=True)
def class_of(word: np.uint32) -> np.uint8:
    """The semantic class of what a pixel shows."""
    code = word & _CODE
    found = CLASSES[np.uint64(code)]
    if code in (_ROAD, _CENTRE) and (word >> _SIXTEEN) & _BYTE >= PAINTED:
        found = _MARKING
    return _SKY if word == OPEN else found


@njit(forceinline=True)
def _measure(pixels: Pixels, left: int, depth: Floats) -> None:
    """The depth of each pixel, (H, W)."""
    rows, columns = depth.shape
    for row in range(rows):
        for column in range(columns):
            k = left + column
            depth[row, column] = pixels.depth[k // BLOCK, row + pixels.lift[k], k % BLOCK]
