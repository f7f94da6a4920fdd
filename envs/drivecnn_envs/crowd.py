"""The vehicles around one ego, gathered into flat arrays, with the ways they will take."""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from drivecnn_envs.bodies import is_long, size_of
from drivecnn_envs.noise import mix
from drivecnn_envs.states import NOWHERE, RouteTable
from drivecnn_envs.strands import Strands, piece_at, position_on
from drivecnn_envs.tracking import point_at, speed_at
from drivecnn_envs.vehicle import VEHICLE_LENGTH, VEHICLE_WIDTH

Array = NDArray[np.float64]
Ints = NDArray[np.int32]

PATH_STEP = 2.0  # m between two points of the way ahead
PATH_POINTS = 24
SIGHT = PATH_STEP * (PATH_POINTS - 1)  # m, how far a vehicle looks along its way
HORIZON = 60.0  # m along its way within which a vehicle counts at a crossing
GATHERING = 2.0  # m/s2, as vehicles are expected to gather speed
CREEPING = 1.0  # m/s, the slowest that they are expected to drive
MAX_WAYS = 12  # strands that a vehicle looks ahead over


class Crowd(NamedTuple):
    """M vehicles, the ego being the last, and what they mean to do. Absent ones have no ways."""

    x: Array  # (M,) m
    y: Array  # (M,) m
    yaw: Array  # (M,) rad
    speed: Array  # (M,) m/s
    length: Array  # (M,) m
    width: Array  # (M,) m
    reserved: Array  # (M,) m of the way ahead
    waited: Array  # (M,) s
    there: NDArray[np.bool_]  # (M,)
    path_x: Array  # (M, PATH_POINTS) m, of the way ahead, one point every `PATH_STEP`
    path_y: Array  # (M, PATH_POINTS) m
    path_time: Array  # (M, PATH_POINTS) s until the vehicle is there if nobody is in its way
    strand: Ints  # (M, MAX_WAYS) ahead; of the ego, the number of its route as a way
    start: Array  # (M, MAX_WAYS) m from the vehicle's middle to the strand's first point
    ways: Ints  # (M,) strands ahead; the ego has one route


@njit(inline="always")
def next_strand(strands: Strands, strand: int, seed: np.uint32) -> int:
    """The strand that a vehicle takes after this one, `NOWHERE` if there is none.

    Its seed decides. Long vehicles avoid tight curves where they can.
    """
    first = strands.follower_offset[strand]
    count = strands.follower_offset[strand + 1] - first
    if count == 0:
        return NOWHERE
    choice = int(mix(np.uint64(seed), strand) % np.uint64(count))
    if is_long(seed):
        for turn in range(count):
            after = strands.followers[first + (choice + turn) % count]
            if not strands.tight[after]:
                return int(after)
    return int(strands.followers[first + choice])


@njit(cache=True)
def gather(
    state: Any,  # noqa: ANN401 - a record of dtype STATE, which has no static type
    strands: Strands,
    routes: RouteTable,
) -> Crowd:
    """The crowd around the ego of a state."""
    ego = len(state.vehicles)
    values = np.zeros((8, ego + 1))
    there = np.zeros(ego + 1, np.bool_)
    paths = np.zeros((3, ego + 1, PATH_POINTS))
    strand = np.empty((ego + 1, MAX_WAYS), np.int32)
    start = np.empty((ego + 1, MAX_WAYS))
    count = np.zeros(ego + 1, np.int32)
    crowd = Crowd(
        values[0],
        values[1],
        values[2],
        values[3],
        values[4],
        values[5],
        values[6],
        values[7],
        there,
        paths[0],
        paths[1],
        paths[2],
        strand,
        start,
        count,
    )
    for k in range(ego):
        vehicle = state.vehicles[k]
        if vehicle.strand == NOWHERE:
            continue
        there[k] = True
        crowd.x[k], crowd.y[k], crowd.yaw[k] = vehicle.x, vehicle.y, vehicle.yaw
        crowd.speed[k], crowd.reserved[k] = vehicle.speed, vehicle.reserved
        crowd.waited[k] = vehicle.waited
        crowd.length[k], crowd.width[k] = size_of(vehicle.seed)
        count[k] = _look_along(strands, vehicle, strand[k], start[k])
        _trace(strands, vehicle, strand[k], start[k], count[k], paths[:, k])
    there[ego] = True
    strand[ego, 0] = len(strands.length) + state.route
    start[ego, 0], count[ego] = -state.progress, 1
    crowd.x[ego], crowd.y[ego], crowd.yaw[ego] = state.x, state.y, state.yaw
    crowd.speed[ego], crowd.reserved[ego] = state.speed, state.reserved
    crowd.waited[ego] = state.waited
    crowd.length[ego], crowd.width[ego] = VEHICLE_LENGTH, VEHICLE_WIDTH
    speed = state.speed
    for n in range(PATH_POINTS):
        along = state.progress + n * PATH_STEP
        paths[0, ego, n], paths[1, ego, n], _ = point_at(routes, state.route, along)
        speed = _arrive(paths[2, ego], n, speed, speed_at(routes, state.route, along))
    return crowd


@njit(inline="always")
def _look_along(
    strands: Strands,
    vehicle: Any,  # noqa: ANN401 - a record of dtype VEHICLE, which has no static type
    strand: Ints,
    start: Array,
) -> int:
    """Note the strands ahead of a vehicle and where they start [m]; returns how many there are."""
    strand[0], start[0] = vehicle.strand, -vehicle.station
    for n in range(1, MAX_WAYS):
        after = next_strand(strands, strand[n - 1], vehicle.seed)
        start[n] = start[n - 1] + strands.length[strand[n - 1]]
        if after == NOWHERE or start[n] > HORIZON:
            return n
        strand[n] = after
    return MAX_WAYS


@njit(inline="always")
def _trace(
    strands: Strands,
    vehicle: Any,  # noqa: ANN401 - a record of dtype VEHICLE, which has no static type
    strand: Ints,
    start: Array,
    count: int,
    path: Array,
) -> None:
    """Fill a path (3, PATH_POINTS) along strands: x, y [m], time [s]. It stays where they end."""
    way, speed = 0, vehicle.speed
    for n in range(PATH_POINTS):
        along = n * PATH_STEP
        while way + 1 < count and along >= start[way + 1]:
            way += 1
        path[0, n], path[1, n] = position_on(strands, strand[way], along - start[way])
        i, _ = piece_at(strands.offset, strands.length, strand[way], along - start[way])
        speed = _arrive(path[2], n, speed, strands.speed[i])


@njit(inline="always")
def _arrive(times: Array, number: int, speed: float, wanted: float) -> float:
    """Note when a vehicle is at a point of its path; returns its speed [m/s] there.

    Args:
        times: (PATH_POINTS,) s, filled up to the point before.
        number: of the point.
        speed: m/s at the point before.
        wanted: m/s that suits the lane.
    """
    if number == 0:
        times[0] = 0.0
        return speed
    after = min(np.sqrt(speed * speed + 2.0 * GATHERING * PATH_STEP), max(wanted, CREEPING))
    times[number] = times[number - 1] + 2.0 * PATH_STEP / (speed + after)
    return float(after)


@njit(inline="always")
def time_to(crowd: Crowd, me: int, distance: float) -> float:
    """Seconds until a vehicle has driven a distance [m] along its way if nobody is in it."""
    if distance <= 0.0:
        return 0.0
    times = crowd.path_time[me]
    piece = min(int(distance / PATH_STEP), PATH_POINTS - 2)
    share = distance / PATH_STEP - piece  # beyond the last point as fast as there
    return float(times[piece] + share * (times[piece + 1] - times[piece]))
