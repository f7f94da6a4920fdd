"""Whether oriented boxes on the ground overlap, by separating axes."""

import numpy as np
from numba import njit

Pose = tuple[float, float, float]  # x and y [m] of a box's middle, yaw [rad]
Size = tuple[float, float]  # length and width [m]


@njit(forceinline=True)
def boxes_overlap(pose: Pose, size: Size, other: Pose, other_size: Size) -> bool:
    """Whether two boxes share a point.

    Two convex shapes are apart if and only if they are so along a normal of one of their sides.
    Source: Gottschalk, Lin, Manocha, "OBBTree", SIGGRAPH 1996.
    """
    x, y = other[0] - pose[0], other[1] - pose[1]
    reach = 0.5 * (size[0] + size[1] + other_size[0] + other_size[1])
    if abs(x) > reach or abs(y) > reach:
        return False
    turn = other[2] - pose[2]
    cos, sin = abs(np.cos(turn)), abs(np.sin(turn))
    return _within(pose[2], x, y, size, other_size, cos, sin) and _within(
        other[2], x, y, other_size, size, cos, sin
    )


@njit(forceinline=True)
def _within(
    yaw: float, x: float, y: float, size: Size, other: Size, cos: float, sin: float
) -> bool:
    """Whether the shadows of two boxes meet along both axes of the first.

    `x` and `y` [m] lead from one middle to the other, `cos` and `sin` are of the angle between.
    """
    ahead, left = abs(x * np.cos(yaw) + y * np.sin(yaw)), abs(y * np.cos(yaw) - x * np.sin(yaw))
    apart = ahead > 0.5 * (size[0] + other[0] * cos + other[1] * sin)
    return not (apart or left > 0.5 * (size[1] + other[0] * sin + other[1] * cos))
