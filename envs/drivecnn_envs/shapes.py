"""Shapes of vehicles and obstacles: a few sloped blocks each, and where rays meet them.

A shape is a list of blocks in the box's own units: u from the back (-1) to the front (1), v from
right (-1) to left (1), w from the ground (0) to the roof (1). A block is a frustum whose top may
be lower at the front, as a bonnet is. Nothing overhangs, so a shape has no holes to look through.
"""

from enum import IntEnum

import numpy as np
from numba import njit
from numpy.typing import NDArray

from drivecnn_envs.boxes import NEVER, Kind
from drivecnn_envs.noise import uniform
from drivecnn_envs.pixels import BLOCK

Array = NDArray[np.float64]


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


FACES = 6  # of a block, the underside among them
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


def _planes(block: Array) -> Array:
    """The planes of a block's faces, (FACES, 4): how far outside (u, v, w, 1) is, by its product.

    They are the five of `Face` and the underside.
    """
    back, front, back_top, front_top, side, side_top, low, high_back, high_front = block
    tall = 1.0 / (high_back - low) if front > back else 1.0
    ahead, behind = (front_top - front) * tall, (back_top - back) * tall
    aside, roof = (side_top - side) * tall, 0.5 * (high_front - high_back)
    return np.array(
        [
            [1.0, 0.0, -ahead, ahead * low - front],
            [-1.0, 0.0, behind, back - behind * low],
            [0.0, 1.0, -aside, aside * low - side],
            [0.0, -1.0, -aside, aside * low - side],
            [-roof, 0.0, 1.0, -high_back - roof],
            [0.0, 0.0, -1.0, low],
        ]
    )


PLANES = np.array([[_planes(block) for block in shape] for shape in BLOCKS])
_MET, _NEAR, _FAR, _FACE = (np.uint64(line * BLOCK) for line in range(1, 5))
TRACE = 5 * BLOCK  # numbers that a trace needs room for
_STYLE_DRAW = 1  # counter of a box's random numbers
_VEHICLE = int(Kind.VEHICLE)
_SALOON, _HATCHBACK, _UTILITY = int(Style.SALOON), int(Style.HATCHBACK), int(Style.UTILITY)
_TRUCK, _BUS, _BLOCK = int(Style.TRUCK), int(Style.BUS), int(Style.BLOCK)
_TOP = int(Face.TOP)


@njit(cache=True)
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


@njit(forceinline=True)
def trace_rows(
    style: int, start: tuple[float, float, float], ahead: tuple[float, float],
    climb: tuple[float, float], scratch: NDArray[np.float32],
) -> None:  # fmt: skip
    """Where the rays of `BLOCK` rows of an image column, from above, meet a shape.

    A ray is start + depth x (ahead, climb) in the box's units, where climb is that of the first
    row and what it changes by from row to row. Fills `scratch` (TRACE,): the first BLOCK with the
    depths [m], `NEVER` where a ray misses, the next BLOCK with what is met there, the number of
    the block times `FACES` and the `Face`.
    """
    first, change = np.float32(climb[0]), np.float32(climb[1])
    never, no, least = np.float32(NEVER), np.float32(0.0), np.float32(1e-9)
    for row in range(np.uint64(BLOCK)):
        scratch[row], scratch[_MET + row] = never, no
    for number in range(BLOCKS.shape[1]):
        block = BLOCKS[style, number]
        if block[1] <= block[0]:
            continue
        for row in range(np.uint64(BLOCK)):
            scratch[_NEAR + row], scratch[_FAR + row], scratch[_FACE + row] = -never, never, no
        for face in range(FACES):
            plane = PLANES[style, number, face]
            value = plane[0] * start[0] + plane[1] * start[1] + plane[2] * start[2] + plane[3]
            level = plane[0] * ahead[0] + plane[1] * ahead[1]
            where, flat, lean = np.float32(value), np.float32(level), np.float32(plane[2])
            code = np.float32(min(face, _TOP))
            for row in range(np.uint64(BLOCK)):
                grows = flat + lean * (first + change * np.float32(np.int32(row)))
                grows = grows if abs(grows) > least else least
                depth, near = -where / grows, scratch[_NEAR + row]
                enters = (grows < no) & (depth > near)
                scratch[_NEAR + row] = depth if enters else near
                scratch[_FACE + row] = code if enters else scratch[_FACE + row]
                scratch[_FAR + row] = min(scratch[_FAR + row], depth if grows > no else never)
        code = np.float32(FACES * number)
        for row in range(np.uint64(BLOCK)):
            near = scratch[_NEAR + row]
            hit = (near > no) & (near < scratch[_FAR + row]) & (near < scratch[row])
            scratch[row] = near if hit else scratch[row]
            scratch[_MET + row] = code + scratch[_FACE + row] if hit else scratch[_MET + row]
