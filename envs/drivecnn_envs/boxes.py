"""Other vehicles and obstacles: oriented boxes on the ground, and where rays cross them."""

import math
from collections.abc import Sequence
from enum import IntEnum
from typing import Any, NamedTuple, Self

import numpy as np
from numba import njit
from numpy.typing import NDArray

from drivecnn_envs.pixels import Camera

Array = NDArray[np.float64]

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


class Seen(NamedTuple):
    """A box, and the camera that sees it in the box's frame: ahead and left of its middle."""

    ahead: float  # m, where the camera is
    left: float
    cos: float  # of the box's yaw
    sin: float
    half_length: float  # m
    half_width: float
    height: float


@njit(forceinline=True)
def seen_from(
    box: Any,  # noqa: ANN401 - a record of dtype BOX, which has no static type
    camera: Camera,
) -> Seen:
    """A box as a camera sees it."""
    cos, sin = math.cos(box.yaw), math.sin(box.yaw)
    east, north = camera.x - box.x, camera.y - box.y
    ahead, left = east * cos + north * sin, north * cos - east * sin
    return Seen(ahead, left, cos, sin, 0.5 * box.length, 0.5 * box.width, box.height)


@njit(forceinline=True)
def turned(seen: Seen, x: float, y: float) -> tuple[float, float]:
    """A vector east and north in the frame of a box: ahead and left."""
    return x * seen.cos + y * seen.sin, y * seen.cos - x * seen.sin


@njit(forceinline=True)
def crossing(seen: Seen, ahead: float, left: float) -> tuple[float, float]:
    """Depths [m] where a ray enters and leaves a box's footprint; the first is larger if it misses.

    Args:
        seen: the box, and where the ray starts.
        ahead: m per metre of depth, in the box's frame.
        left: m per metre of depth.
    """
    near, far = -NEVER, NEVER
    for axis in range(2):
        half = seen.half_length if axis == 0 else seen.half_width
        start, slope = (seen.ahead, ahead) if axis == 0 else (seen.left, left)
        if abs(slope) < 1e-9:
            if abs(start) > half:
                return NEVER, -NEVER
            continue
        one, other = (-half - start) / slope, (half - start) / slope
        near, far = max(near, min(one, other)), min(far, max(one, other))
    return near, far
