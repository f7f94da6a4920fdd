"""Lamp posts, signs and trunks: too thin for the steps of a walk, so drawn one by one.

They stand in a world's raster as texels of their own materials, where the simulator hits them.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from drivecnn_envs.materials import HEIGHT_UNIT, RESOLUTION, SHADED, Material
from drivecnn_envs.pixels import BLOCK, Camera, Pixels

if TYPE_CHECKING:
    from drivecnn_envs.world import World

CELL = 32.0  # m a side
POST_REACH = 110.0  # m, farther ones are not drawn
_NEAREST = 0.5  # m
_THINNEST = 0.4  # px, a thinner one is not seen
_DARK_SIDE = 0.4  # how much darker a post is at its edges
_BYTE = np.uint32(255)
_SHADE = ~np.uint32(255 << 8)


POST = np.dtype(
    [
        ("x", np.float32),  # m, from the corner of its world
        ("y", np.float32),  # m
        ("width", np.float32),  # m
        ("word", np.uint32),  # its texel
    ]
)


class PostTable(NamedTuple):
    """The posts of W worlds, in a grid of cells of `CELL` metres."""

    posts: NDArray[np.void]  # (P,) of dtype POST, those of a cell side by side
    first: NDArray[np.int64]  # (M + 1,) first post of each cell, in rows, world after world
    grid: NDArray[np.int64]  # (W, 3) first cell of each world, rows and columns of its cells


def gather_posts(worlds: "Sequence[World]") -> PostTable:
    """The posts that stand in the rasters of worlds."""
    tables, counts, grid, cells = [], [np.zeros(1, np.int64)], [], 0
    for world in worlds:
        texels = world.levels[0]
        material = texels[..., 0] & np.uint8(SHADED - 1)
        rows, columns = np.nonzero((material == Material.POLE) | (material == Material.TRUNK))
        shape = np.ceil(np.array(texels.shape[:2]) * RESOLUTION / CELL).astype(np.int64)
        table = np.zeros(len(rows), POST)
        table["x"], table["y"] = (columns + 0.5) * RESOLUTION, (rows + 0.5) * RESOLUTION
        found = texels[rows, columns]
        table["width"] = found[:, 2] * np.float32(RESOLUTION / 255)
        table["word"] = found.view(np.uint32)[:, 0]
        cell = (table["y"] // CELL).astype(np.int64) * shape[1]
        cell += (table["x"] // CELL).astype(np.int64)
        tables.append(table[np.argsort(cell, kind="stable")])
        counts.append(np.bincount(cell, minlength=int(shape.prod())))
        grid.append((cells, *shape))
        cells += int(shape.prod())
    return PostTable(
        np.concatenate(tables), np.cumsum(np.concatenate(counts)), np.array(grid, np.int64)
    )


@njit(cache=True)
def draw_posts(
    table: PostTable, world: int, camera: Camera, span: tuple[int, int], pixels: Pixels
) -> None:
    """Draw the posts around a camera, given from its world's corner, where they are nearest.

    `span` is the first of the camera's columns that is drawn and the one after the last.
    """
    start, rows, across = table.grid[world]
    low_row = max(int((camera.y - POST_REACH) / CELL), 0)
    low_column = max(int((camera.x - POST_REACH) / CELL), 0)
    for row in range(low_row, min(int((camera.y + POST_REACH) / CELL) + 1, rows)):
        for column in range(low_column, min(int((camera.x + POST_REACH) / CELL) + 1, across)):
            east, north = (column + 0.5) * CELL - camera.x, (row + 0.5) * CELL - camera.y
            if not _may_see(camera, east, north):
                continue
            cell = start + row * across + column
            for number in range(table.first[cell], table.first[cell + 1]):
                _draw_post(table.posts[number], camera, span, pixels)


@njit(forceinline=True)
def _may_see(camera: Camera, east: float, north: float) -> bool:
    """Whether any of a cell may be in view, given its middle from the camera [m]."""
    along, left = east * camera.cos + north * camera.sin, north * camera.cos - east * camera.sin
    slope, radius = 0.5 * camera.columns / camera.focal, 0.71 * CELL
    outside = (abs(left) - along * slope) / math.sqrt(1.0 + slope * slope)
    return along > -radius and outside < radius


@njit(forceinline=True)
def _draw_post(
    post: Any,  # noqa: ANN401 - a record of dtype POST, which has no static type
    camera: Camera,
    span: tuple[int, int],
    pixels: Pixels,
) -> None:
    """Draw one post as an upright round column."""
    east, north = post.x - camera.x, post.y - camera.y
    depth = east * camera.cos + north * camera.sin
    if depth < _NEAREST or depth > POST_REACH:
        return
    wide = post.width * camera.focal / depth
    middle = 0.5 * camera.columns - (north * camera.cos - east * camera.sin) * camera.focal / depth
    if wide < _THINNEST or middle + wide < 0.0 or middle - wide > camera.columns:
        return
    first = int(math.floor(middle - 0.5 * wide + 0.5))
    last = max(first + 1, int(math.floor(middle + 0.5 * wide + 0.5)))
    word = post.word
    rise = camera.height - np.float64(word >> np.uint32(24)) * HEIGHT_UNIT
    shade = np.float64((word >> np.uint32(8)) & _BYTE)
    for column in range(max(first, span[0]), min(last, span[1])):
        horizon = camera.horizon
        top = max(int(horizon + rise * camera.focal / depth), 0)
        lowest = int(horizon + camera.height * camera.focal / depth + 0.5)
        bottom = min(lowest, pixels.word.shape[1])
        aside = min(2.0 * abs(column + 0.5 - middle) / max(wide, 1.0), 1.0)
        round_shade = np.uint32(shade * (1.0 - _DARK_SIDE * aside * aside))
        own = (word & _SHADE) | (round_shade << np.uint32(8))
        block, k = (camera.first + column) // BLOCK, (camera.first + column) % BLOCK
        for row in range(top, bottom):
            if pixels.depth[block, row, k] > depth:
                pixels.word[block, row, k] = own
                pixels.depth[block, row, k] = depth
