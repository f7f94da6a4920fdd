"""What a box does to the ground: it is darker beside it, and where the sun does not reach."""

import math

import numpy as np
from numba import njit

from drivecnn_envs.boxes import Seen, turned
from drivecnn_envs.materials import SHADED, Material
from drivecnn_envs.pixels import BLOCK, OPEN, Camera, Pixels

SHADOW_REACH = 0.45  # m around a box where the ground is darker
CAST = 1.2  # m of shadow per metre of height
_SHADOW = 0.62  # share of the light that the ground right beside a box lacks
_LEAST = 1e-6  # m, so that a shadow has a direction
_F, _U = np.float32, np.uint32
_NO, _ONE = np.float32(0.0), np.float32(1.0)
_SHADED, _BYTE, _EIGHT = np.uint32(SHADED), np.uint32(255), np.uint32(8)
_MATERIAL, _CROWN = np.uint32(SHADED - 1), np.uint32(Material.CROWN)
_SHADE = ~np.uint32(255 << 8)
_PIXELS = np.uint64(BLOCK)


@njit(forceinline=True)
def is_ground(word: np.uint32) -> np.bool_:
    """Whether a pixel shows the ground."""
    return np.bool_((word != OPEN) & ((word & _MATERIAL) < _CROWN))


@njit(forceinline=True)
def ground_depth(camera: Camera, row: int) -> float:
    """Depth [m] of the ground in a row."""
    return camera.height * camera.focal / max(row + 0.5 - camera.horizon, 1e-3)


@njit(forceinline=True)
def shade_ground(
    seen: Seen, to_sun: tuple[float, float], span: tuple[int, int], rows: tuple[int, int],
    camera: Camera, pixels: Pixels,
) -> None:  # fmt: skip
    """Darken the ground around a box, in an image's rows and in a span of its columns.

    `to_sun` is how far [m] east and north a shadow reaches against the light: none without a sun.
    """
    per_column = 1.0 / camera.focal
    change = turned(seen, camera.sin * per_column, -camera.cos * per_column)
    sunward = turned(seen, to_sun[0], to_sun[1])
    for block in range(span[0] // BLOCK, (span[1] + BLOCK - 1) // BLOCK):
        aside = (block * BLOCK - camera.first + 0.5 - 0.5 * camera.columns) * per_column
        forward = camera.cos + aside * camera.sin, camera.sin - aside * camera.cos
        first = turned(seen, forward[0], forward[1])
        low, high = np.int32(span[0] - block * BLOCK), np.int32(span[1] - block * BLOCK)
        for row in range(rows[0], rows[1]):
            depth = ground_depth(camera, row)
            ahead, left = _F(seen.ahead + depth * first[0]), _F(seen.left + depth * first[1])
            more_ahead, more_left = _F(depth * change[0]), _F(depth * change[1])
            line, own = np.uint64(row), np.uint64(block)
            for k in range(_PIXELS):
                word, column = pixels.word[own, line, k], np.int32(k)
                point = ahead + _F(column) * more_ahead, left + _F(column) * more_left
                within = is_ground(word) & (column >= low) & (column < high)
                darker = darkened(word, seen, point, sunward)
                pixels.word[own, line, k] = darker if within else word


@njit(forceinline=True)
def darkened(
    word: np.uint32, seen: Seen, point: tuple[np.float32, np.float32], sunward: tuple[float, float]
) -> np.uint32:
    """The ground at a point ahead and left of a box, with what the box takes of its light."""
    half_length, half_width = _F(seen.half_length), _F(seen.half_width)
    beyond_end = max(abs(point[0]) - half_length, _NO)
    beyond_side = max(abs(point[1]) - half_width, _NO)
    beyond = math.sqrt(beyond_end * beyond_end + beyond_side * beyond_side)
    kept = _ONE - _F(_SHADOW) * max(_ONE - beyond * _F(1.0 / SHADOW_REACH), _NO)
    shade = _U(np.int32(kept * _F(np.int32((word >> _EIGHT) & _BYTE))))
    enters_end, leaves_end = _within(point[0], _F(sunward[0]), half_length)
    enters_side, leaves_side = _within(point[1], _F(sunward[1]), half_width)
    covered = max(_NO, max(enters_end, enters_side)) <= min(_ONE, min(leaves_end, leaves_side))
    return (word & _SHADE) | (shade << _EIGHT) | (_SHADED if covered else _U(0))


@njit(forceinline=True)
def _within(start: np.float32, way: np.float32, half: np.float32) -> tuple[np.float32, np.float32]:
    """Between which shares of a way from a start one is at most `half` from the middle."""
    way = way if abs(way) > _F(_LEAST) else _F(_LEAST)
    one, other = (-half - start) / way, (half - start) / way
    return min(one, other), max(one, other)
