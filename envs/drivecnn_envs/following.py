"""How a vehicle follows the one ahead: the Intelligent Driver Model, and what is in the way.

Source: Treiber, Hennecke, Helbing, "Congested traffic states in empirical observations and
microscopic simulations", Physical Review E 62, 2000; parameters of highway-env's `IDMVehicle`.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from drivecnn_envs.collisions import boxes_overlap
from drivecnn_envs.crowd import PATH_POINTS, PATH_STEP, SIGHT, Crowd

Array = NDArray[np.float64]
Ints = NDArray[np.int32]

COMFORT_ACCELERATION, COMFORT_BRAKING = 3.0, 5.0  # m/s2
HARDEST = 6.0  # m/s2, the most that anybody brakes
JAM_GAP = 5.0  # m between two vehicles that stand
TIME_GAP = 1.5  # s
EXPONENT = 4  # of the speed
ROOM = 0.2  # m beside a vehicle that it wants to be free
CROSSING = 0.7  # cosine, whatever drives at a greater angle to the way will leave it
STANDING = 1.0  # m/s, slower vehicles will not leave it
LEAVING_TIME = 0.7  # s after which it is free again
FLOWING = 1.0  # m/s, faster vehicles ahead make room

NOTHING = 1e6  # m to the next obstacle where there is none


@njit(forceinline=True)
def free_acceleration(speed: float, wanted: float) -> float:
    """Acceleration [m/s2] on a free road, with a speed and a wanted one [m/s], by IDM."""
    return COMFORT_ACCELERATION * (1.0 - (max(speed, 0.0) / max(wanted, 0.01)) ** EXPONENT)


@njit(forceinline=True)
def interaction(speed: float, distance: float, leader_speed: float, spacing: float) -> float:
    """How much less [m/s2] a vehicle accelerates because of the one ahead.

    Args:
        speed: m/s.
        distance: m between the middles of both vehicles.
        leader_speed: m/s along the own direction.
        spacing: m between the middles of two vehicles that stand.
    """
    braking = 2.0 * np.sqrt(COMFORT_ACCELERATION * COMFORT_BRAKING)
    gap = spacing + speed * TIME_GAP + speed * (speed - leader_speed) / braking
    return float(COMFORT_ACCELERATION * (gap / max(distance, 0.01)) ** 2)


class View(NamedTuple):
    """What M vehicles see on their ways."""

    less: Array  # (M,) m/s2 that they accelerate less than on a free road
    free: Array  # (M,) m to the next one that stands or creeps
    near: Array  # (M,) m to the next one
    leader: Ints  # (M,) which that is, -1 if none


@njit(cache=True)
def look_ahead(crowd: Crowd) -> View:
    """What all vehicles of a crowd see."""
    count = len(crowd)
    view = View(
        np.zeros(count),
        np.full(count, NOTHING),
        np.full(count, NOTHING),
        np.full(count, -1, np.int32),
    )
    for k in range(count):
        if crowd[k].there:
            for n in range(count):
                if n != k and crowd[n].there:
                    _heed(crowd, view, k, n)
    return view


@njit(forceinline=True)
def _heed(crowd: Crowd, view: View, mine: int, others: int) -> None:
    """Take another vehicle into account if it is in my way; both by their numbers."""
    me, other = crowd[mine], crowd[others]
    distance, along = way_to(me, other)
    if distance >= NOTHING:
        return
    if distance < 0.5 * me.length and _touch(me, other):
        return  # too late: let them part again
    speed = other.speed
    crosses = abs(along) < CROSSING and speed > STANDING
    if crosses:
        leaving = (other.length + me.width) / speed + LEAVING_TIME
        if distance - 0.5 * me.length > leaving * me.speed:
            return
    half = 0.5 * other.length
    spacing = JAM_GAP + half + 0.5 * me.length
    ahead = max(speed * along, 0.0)
    less = interaction(me.speed, distance + half, ahead, spacing)
    view.less[mine] = max(view.less[mine], less)
    if ahead < FLOWING and not crosses:
        view.free[mine] = min(view.free[mine], distance)
    if distance < view.near[mine]:
        view.near[mine], view.leader[mine] = distance, others


@njit(forceinline=True)
def _touch(
    me: Any,  # noqa: ANN401 - a record of dtype ROAD_USER, which has no static type
    other: Any,  # noqa: ANN401 - as above
) -> bool:
    """Whether two vehicles overlap."""
    return boxes_overlap(
        (me.x, me.y, me.yaw),
        (me.length, me.width),
        (other.x, other.y, other.yaw),
        (other.length, other.width),
    )


@njit(forceinline=True)
def way_to(
    me: Any,  # noqa: ANN401 - a record of dtype ROAD_USER, which has no static type
    other: Any,  # noqa: ANN401 - as above
) -> tuple[float, float]:
    """How far [m] along my way another vehicle is in it, and the cosine between both directions.

    The distance is from my middle to the first point at which my front, as wide as I am, touches
    the other's box; it is `NOTHING` if the way ahead is free of it.
    """
    x, y = other.x, other.y
    reach = 0.5 * (other.length + other.width + me.width) + ROOM
    beside = reach + PATH_STEP
    if not me.west - beside <= x <= me.east + beside:
        return NOTHING, 0.0
    if not me.south - beside <= y <= me.north + beside:
        return NOTHING, 0.0
    dx, dy = x - me.x, y - me.y
    near = np.sqrt(dx * dx + dy * dy) - reach
    ahead = dx * me.cos + dy * me.sin
    if near > SIGHT or (ahead < 0.0 and near < PATH_STEP):
        return NOTHING, 0.0
    cos, sin = other.cos, other.sin
    half_length, half_width = 0.5 * other.length + ROOM, 0.5 * other.width + ROOM
    half_mine = 0.5 * me.width
    for k in range(max(int(near / PATH_STEP), 0), PATH_POINTS - 1):
        from_x, from_y = me.path_x[k] - x, me.path_y[k] - y
        if abs(from_x) > beside or abs(from_y) > beside:
            continue
        step_x = me.path_x[k + 1] - me.path_x[k]
        step_y = me.path_y[k + 1] - me.path_y[k]
        along = (step_x * cos + step_y * sin) / PATH_STEP
        across = (step_y * cos - step_x * sin) / PATH_STEP
        long_reach = half_length + half_mine * abs(across)
        side_reach = half_width + half_mine * abs(along)
        u, v = from_x * cos + from_y * sin, from_y * cos - from_x * sin
        # the stretch of this step (share 0 to 1) that lies within the box, axis by axis
        first, last = _share_within(u, along * PATH_STEP, long_reach, 0.0, 1.0)
        first, last = _share_within(v, across * PATH_STEP, side_reach, first, last)
        if first <= last:
            return (k + first) * PATH_STEP, along
    return NOTHING, 0.0


@njit(forceinline=True)
def _share_within(
    start: float, change: float, reach: float, first: float, last: float
) -> tuple[float, float]:
    """The part of the shares first to last at which |start + share x change| <= reach."""
    if abs(change) < 1e-9:
        return (first, last) if abs(start) <= reach else (1.0, 0.0)
    one, other = (-reach - start) / change, (reach - start) / change
    return max(first, min(one, other)), min(last, max(one, other))
