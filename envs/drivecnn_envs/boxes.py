"""Other vehicles and obstacles: oriented boxes on the ground, and where rays meet them."""

from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple, Self

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]

SHADOW_REACH = 0.45  # m around a box where the ground is darker
NEVER = 1e9  # m, deeper than anything; kernels with fastmath know no infinity


class Kind(IntEnum):
    """What a box stands for."""

    VEHICLE = 0
    OBSTACLE = 1
    LANDMARK = 2  # a place to reach, painted on the ground


_LANDMARK = int(Kind.LANDMARK)


BOX = np.dtype(
    [
        ("x", np.float64),  # m, its middle
        ("y", np.float64),  # m
        ("yaw", np.float64),  # rad, where its front points
        ("length", np.float64),  # m
        ("width", np.float64),  # m
        ("height", np.float64),  # m
        ("seed", np.uint64),  # of its colour and shape
        ("kind", np.uint8),  # a `Kind`
    ]
)


class Box(NamedTuple):
    """One box, for people; kernels read rows of dtype `BOX`, which has the same fields."""

    x: float  # m, its middle
    y: float  # m
    yaw: float  # rad, where its front points
    length: float  # m
    width: float  # m
    height: float  # m
    seed: int  # of its colour and shape
    kind: Kind = Kind.VEHICLE


class Boxes(NamedTuple):
    """What stands around B states, as kernels want it."""

    offset: NDArray[np.int64]  # (B + 1,) of a state's first box
    table: NDArray[np.void]  # (N,) of dtype BOX

    @classmethod
    def of(cls, boxes: Sequence[Sequence[Box]]) -> Self:
        """The boxes of each state, in one table."""
        offset = np.cumsum([0, *(len(of_state) for of_state in boxes)], dtype=np.int64)
        flat = [tuple(box) for of_state in boxes for box in of_state]
        return cls(offset, np.array(flat, BOX))

    @classmethod
    def none(cls, states: int) -> Self:
        """Nothing around so many states."""
        return cls(np.zeros(states + 1, np.int64), np.zeros(0, BOX))


class Ray(NamedTuple):
    """The vertical plane that one image column sees."""

    x: float  # m, of the camera
    y: float  # m
    forward_x: float  # m per metre of depth
    forward_y: float  # m per metre of depth
    height: float  # m, of the camera
    horizon: float  # row [px]
    focal: float  # px
    column: int


@njit(inline="always")
def next_box(
    around: tuple[Boxes, int, int], ray: Ray, after: tuple[float, int]
) -> tuple[float, int]:
    """The next box that a ray meets: the depth [m] of the meeting, and its number.

    `around` is a table, the number of a state's first box in it and the one after its last.

    Boxes come in the order of depth, then number; `after` is the one before. A ray that misses
    a box but crosses the shadow around it meets it where it leaves the shadow, as it meets a
    landmark where it leaves that. The depth is `NEVER` where no box is left.
    """
    boxes, first, last = around
    best, found = NEVER, -1
    for number in range(first, last):
        x, y = boxes.table[number].x - ray.x, boxes.table[number].y - ray.y
        length, width = boxes.table[number].length, boxes.table[number].width
        squared = ray.forward_x**2 + ray.forward_y**2
        radius_squared = 0.3 * (length * length + width * width) + 2.0
        across = x * ray.forward_y - y * ray.forward_x
        along = x * ray.forward_x + y * ray.forward_y
        if across * across > radius_squared * squared or along < -length - width:
            continue
        depth = meeting(boxes, number, ray)
        later = depth > after[0] or (depth == after[0] and number > after[1])
        if later and depth < best:
            best, found = depth, number
    return best, found


@njit(inline="always")
def meeting(boxes: Boxes, number: int, ray: Ray) -> float:
    """Depth [m] at which a ray has to draw a box, `NEVER` if it does not see it."""
    if boxes.table[number].kind != _LANDMARK:
        near, far = crossing(boxes, number, ray, 0.0)
        if near < far:
            return near if near > 0.0 else NEVER  # from within, nothing is drawn
    near, far = crossing(boxes, number, ray, SHADOW_REACH)
    return far if 0.0 < near < far else NEVER


@njit(inline="always")
def crossing(boxes: Boxes, number: int, ray: Ray, reach: float) -> tuple[float, float]:
    """Depths [m] where a ray enters and leaves a box's footprint, widened by `reach` [m].

    The first is the larger one if the ray misses it.
    """
    cos, sin = np.cos(boxes.table[number].yaw), np.sin(boxes.table[number].yaw)
    x, y = ray.x - boxes.table[number].x, ray.y - boxes.table[number].y
    near, far = -NEVER, NEVER
    for axis in range(2):
        half = 0.5 * (boxes.table[number].length if axis == 0 else boxes.table[number].width) + reach
        start = x * cos + y * sin if axis == 0 else y * cos - x * sin
        slope = ray.forward_x * cos + ray.forward_y * sin
        if axis == 1:
            slope = ray.forward_y * cos - ray.forward_x * sin
        if abs(slope) < 1e-9:
            if abs(start) > half:
                return NEVER, -NEVER
            continue
        one, other = (-half - start) / slope, (half - start) / slope
        near, far = max(near, min(one, other)), min(far, max(one, other))
    return near, far
