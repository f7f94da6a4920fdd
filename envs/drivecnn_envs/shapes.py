"""Shapes of vehicles and obstacles: a few sloped blocks each, and where rays meet them.

A shape is a list of blocks in the box's own units: u from the back (-1) to the front (1), v from
right (-1) to left (1), w from the ground (0) to the roof (1). A block is a frustum whose top may
be lower at the front, as a bonnet is. Nothing overhangs, so a shape has no holes to look through.
"""

from enum import IntEnum

import numpy as np
from numba import njit

from drivecnn_envs.boxes import NEVER, Kind
from drivecnn_envs.noise import uniform


class Style(IntEnum):
    """Shapes, by index into `BLOCKS`."""

    SALOON = 0
    HATCHBACK = 1
    UTILITY = 2
    TRUCK = 3
    BUS = 4
    BLOCK = 5


class Face(IntEnum):
    """Sides of a block."""

    FRONT = 0
    BACK = 1
    LEFT = 2
    RIGHT = 3
    TOP = 4


CAR_LENGTH = 6.5  # m, anything longer is a truck or a bus
HEIGHTS = np.array([1.45, 1.5, 1.72, 3.3, 3.0, 1.0])  # m of each style
# Each block: u of back and front at its bottom, at its top, v at its bottom and top, w of its
# bottom, of its top at the back and at the front. A block of no length is none.
BLOCKS = np.array(
    [
        [
            [-1.0, 1.0, -0.98, 0.97, 1.0, 0.95, -0.2, 0.66, 0.50],
            [-0.86, 0.50, -0.52, 0.10, 0.93, 0.72, 0.5, 1.0, 0.985],
        ],
        [
            [-1.0, 1.0, -0.98, 0.96, 1.0, 0.95, -0.2, 0.65, 0.52],
            [-0.98, 0.52, -0.80, 0.14, 0.93, 0.74, 0.5, 1.0, 0.985],
        ],
        [
            [-1.0, 1.0, -0.99, 0.97, 1.0, 0.96, -0.2, 0.64, 0.58],
            [-0.98, 0.48, -0.90, 0.20, 0.95, 0.80, 0.5, 1.0, 0.99],
        ],
        [
            [0.62, 1.0, 0.62, 0.97, 0.96, 0.94, -0.2, 0.80, 0.78],
            [-1.0, 0.58, -1.0, 0.58, 1.0, 1.0, -0.2, 1.0, 1.0],
        ],
        [
            [-1.0, 1.0, -0.99, 0.98, 1.0, 0.98, -0.2, 1.0, 1.0],
            [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        ],
        [
            [-1.0, 1.0, -1.0, 1.0, 1.0, 1.0, -0.2, 1.0, 1.0],
            [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        ],
    ]
)
_STYLE_DRAW = 1  # counter of a box's random numbers
_VEHICLE = int(Kind.VEHICLE)
_SALOON, _HATCHBACK, _UTILITY = int(Style.SALOON), int(Style.HATCHBACK), int(Style.UTILITY)
_TRUCK, _BUS, _BLOCK = int(Style.TRUCK), int(Style.BUS), int(Style.BLOCK)
_FRONT, _BACK, _LEFT, _TOP = int(Face.FRONT), int(Face.BACK), int(Face.LEFT), int(Face.TOP)


@njit()
def style_of(kind: int, length: float, seed: np.uint64) -> int:
    """The `Style` of a box of this kind, length [m] and seed."""
    draw = uniform(seed, _STYLE_DRAW)
    if kind != _VEHICLE:
        return _BLOCK
    if length > CAR_LENGTH:
        return _TRUCK if draw < 0.6 else _BUS
    if draw < 0.4:
        return _SALOON
    return _HATCHBACK if draw < 0.75 else _UTILITY


def height_of(kind: Kind, length: float, seed: int) -> float:
    """Height [m] that suits a box of this kind, length [m] and seed."""
    return float(HEIGHTS[style_of(int(kind), length, np.uint64(seed))])


@njit(inline="always")
def trace(
    style: int, start: tuple[float, float, float], slope: tuple[float, float, float]
) -> tuple[float, int, int]:
    """Depth [m] at which a ray meets a shape, the block and the `Face` it meets.

    The ray is start + depth x slope in the box's units; the depth is `NEVER` where it misses.
    """
    best, best_block, best_face = NEVER, 0, 0
    for number in range(BLOCKS.shape[1]):
        block = BLOCKS[style, number]
        if block[1] <= block[0]:
            continue
        tall = 1.0 / (block[7] - block[6])
        near, far, met = -NEVER, NEVER, -1
        for face in range(6):
            # f(depth) = value + depth x change is positive outside the face's plane
            if face == _FRONT:
                lean = (block[3] - block[1]) * tall
                value = start[0] - block[1] - lean * (start[2] - block[6])
                change = slope[0] - lean * slope[2]
            elif face == _BACK:
                lean = (block[2] - block[0]) * tall
                value = block[0] - start[0] + lean * (start[2] - block[6])
                change = lean * slope[2] - slope[0]
            elif face < _TOP:
                side = 1.0 if face == _LEFT else -1.0
                lean = (block[5] - block[4]) * tall
                value = side * start[1] - block[4] - lean * (start[2] - block[6])
                change = side * slope[1] - lean * slope[2]
            elif face == _TOP:
                lean = 0.5 * (block[8] - block[7])
                value = start[2] - block[7] - lean * (start[0] + 1.0)
                change = slope[2] - lean * slope[0]
            else:
                value, change = block[6] - start[2], -slope[2]
            if change < -1e-12:
                depth = -value / change
                if depth > near:
                    near, met = depth, face
            elif change > 1e-12:
                far = min(far, -value / change)
            elif value > 0.0:
                far = -NEVER
        if 0.0 < near < far and near < best:
            best, best_block, best_face = near, number, min(met, _TOP)
    return best, best_block, best_face
