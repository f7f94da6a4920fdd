"""How a vehicle follows the one ahead: the Intelligent Driver Model, and what is in the way.

Source: Treiber, Hennecke, Helbing, "Congested traffic states in empirical observations and
microscopic simulations", Physical Review E 62, 2000; parameters of highway-env's `IDMVehicle`.
"""

from typing import NamedTuple

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


@njit(cache=True)
def idm_acceleration(
    speed: float, wanted: float, distance: float, leader_speed: float, spacing: float
) -> float:
    """Acceleration [m/s2] behind another vehicle, as highway-env's `IDMVehicle` computes it.

    Args:
        speed: m/s.
        wanted: m/s on a free road.
        distance: m between the middles of both vehicles.
        leader_speed: m/s along the own direction.
        spacing: m between the middles of two vehicles that stand.
    """
    return free_acceleration(speed, wanted) - interaction(speed, distance, leader_speed, spacing)


@njit(inline="always")
def free_acceleration(speed: float, wanted: float) -> float:
    """Acceleration [m/s2] on a free road."""
    return COMFORT_ACCELERATION * (1.0 - (max(speed, 0.0) / max(wanted, 0.01)) ** EXPONENT)


@njit(inline="always")
def interaction(speed: float, distance: float, leader_speed: float, spacing: float) -> float:
    """How much less [m/s2] a vehicle accelerates because of the one ahead; see above."""
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
    count = len(crowd.x)
    view = View(
        np.zeros(count),
        np.full(count, NOTHING),
        np.full(count, NOTHING),
        np.full(count, -1, np.int32),
    )
    for me in range(count):
        for other in range(count):
            if other != me and crowd.there[me] and crowd.there[other]:
                _heed(crowd, view, me, other)
    return view


@njit(inline="always")
def _heed(crowd: Crowd, view: View, me: int, other: int) -> None:
    """Take another vehicle into account if it is in my way."""
    distance, along = way_to(crowd, me, other)
    if distance >= NOTHING:
        return
    if distance < 0.5 * crowd.length[me] and _touch(crowd, me, other):
        return  # too late: let them part again
    speed = crowd.speed[other]
    crosses = abs(along) < CROSSING and speed > STANDING
    if crosses:
        leaving = (crowd.length[other] + crowd.width[me]) / speed + LEAVING_TIME
        if distance - 0.5 * crowd.length[me] > leaving * crowd.speed[me]:
            return
    half = 0.5 * crowd.length[other]
    spacing = JAM_GAP + half + 0.5 * crowd.length[me]
    ahead = max(speed * along, 0.0)
    less = interaction(crowd.speed[me], distance + half, ahead, spacing)
    view.less[me] = max(view.less[me], less)
    if ahead < FLOWING and not crosses:
        view.free[me] = min(view.free[me], distance)
    if distance < view.near[me]:
        view.near[me], view.leader[me] = distance, other


@njit(inline="always")
def _touch(crowd: Crowd, me: int, other: int) -> bool:
    """Whether two vehicles overlap."""
    return boxes_overlap(
        (crowd.x[me], crowd.y[me], crowd.yaw[me]),
        (crowd.length[me], crowd.width[me]),
        (crowd.x[other], crowd.y[other], crowd.yaw[other]),
        (crowd.length[other], crowd.width[other]),
    )


@njit(inline="always")
def way_to(crowd: Crowd, me: int, other: int) -> tuple[float, float]:
    """How far [m] along my way another vehicle is in it, and the cosine between both directions.

    The distance is from my middle to the first point at which my front, as wide as I am, touches
    the other's box; it is `NOTHING` if the way ahead is free of it.
    """
    dx, dy = crowd.x[other] - crowd.x[me], crowd.y[other] - crowd.y[me]
    reach = 0.5 * (crowd.length[other] + crowd.width[other] + crowd.width[me]) + ROOM
    near = np.sqrt(dx * dx + dy * dy) - reach
    ahead = dx * np.cos(crowd.yaw[me]) + dy * np.sin(crowd.yaw[me])
    if near > SIGHT or (ahead < 0.0 and near < PATH_STEP):
        return NOTHING, 0.0
    cos, sin = np.cos(crowd.yaw[other]), np.sin(crowd.yaw[other])
    half_length, half_width = 0.5 * crowd.length[other] + ROOM, 0.5 * crowd.width[other] + ROOM
    half_mine = 0.5 * crowd.width[me]
    for k in range(max(int(near / PATH_STEP), 0), PATH_POINTS - 1):
        x, y = crowd.path_x[me, k] - crowd.x[other], crowd.path_y[me, k] - crowd.y[other]
        if abs(x) > reach + PATH_STEP or abs(y) > reach + PATH_STEP:
            continue
        step_x = crowd.path_x[me, k + 1] - crowd.path_x[me, k]
        step_y = crowd.path_y[me, k + 1] - crowd.path_y[me, k]
        along = (step_x * cos + step_y * sin) / PATH_STEP
        across = (step_y * cos - step_x * sin) / PATH_STEP
        long_reach = half_length + half_mine * abs(across)
        side_reach = half_width + half_mine * abs(along)
        u, v = x * cos + y * sin, y * cos - x * sin
        # the stretch of this step (share 0 to 1) that lies within the box, axis by axis
        first, last = _share_within(u, along * PATH_STEP, long_reach, 0.0, 1.0)
        first, last = _share_within(v, across * PATH_STEP, side_reach, first, last)
        if first <= last:
            return (k + first) * PATH_STEP, along
    return NOTHING, 0.0


@njit(inline="always")
def _share_within(
    start: float, change: float, reach: float, first: float, last: float
) -> tuple[float, float]:
    """The part of the shares first to last at which |start + share x change| <= reach."""
    if abs(change) < 1e-9:
        return (first, last) if abs(start) <= reach else (1.0, 0.0)
    one, other = (-reach - start) / change, (reach - start) / change
    return max(first, min(one, other)), min(last, max(one, other))
