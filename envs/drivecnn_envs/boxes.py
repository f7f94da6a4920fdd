"""Other vehicles and obstacles: oriented boxes on the ground, and where rays cross them."""

from collections.abc import Sequence
from enum import IntEnum
from typing import Any, NamedTuple, Self

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


@njit(inline="always")
def crossing(
    box: Any,  # noqa: ANN401 - a record of dtype BOX, which has no static type
    x: float,
    y: float,
    ahead_x: float,
    ahead_y: float,
    reach: float,
) -> tuple[float, float]:
    """Depths [m] where a ray enters and leaves a box's footprint, widened by `reach` [m].

    The first is the larger one if the ray misses it.

    Args:
        box: of dtype BOX.
        x: m, where the ray starts.
        y: m.
        ahead_x: m per metre of depth.
        ahead_y: m per metre of depth.
        reach: m.
    """
    cos, sin = np.cos(box.yaw), np.sin(box.yaw)
    east, north = x - box.x, y - box.y
    near, far = -NEVER, NEVER
    for axis in range(2):
        half = 0.5 * (box.length if axis == 0 else box.width) + reach
        start = east * cos + north * sin if axis == 0 else north * cos - east * sin
        slope = ahead_x * cos + ahead_y * sin if axis == 0 else ahead_y * cos - ahead_x * sin
        if abs(slope) < 1e-9:
            if abs(start) > half:
                return NEVER, -NEVER
            continue
        one, other = (-half - start) / slope, (half - start) / slope
        near, far = max(near, min(one, other)), min(far, max(one, other))
    return near, far
