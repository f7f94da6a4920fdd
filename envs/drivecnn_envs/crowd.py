"""The vehicles around one ego, gathered into records, with the ways they will take."""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from drivecnn_envs.bodies import is_long, size_of
from drivecnn_envs.noise import mix
from drivecnn_envs.states import NOWHERE, RouteTable
from drivecnn_envs.strands import Strands, piece_at, position_on
from drivecnn_envs.tracking import point_at, speed_at
from drivecnn_envs.vehicle import VEHICLE_LENGTH, VEHICLE_WIDTH

PATH_STEP = 2.0  # m between two points of the way ahead
PATH_POINTS = 24
SIGHT = PATH_STEP * (PATH_POINTS - 1)  # m, how far a vehicle looks along its way
HORIZON = 60.0  # m along its way within which a vehicle counts at a crossing
GATHERING = 2.0  # m/s2, as vehicles are expected to gather speed
CREEPING = 1.0  # m/s, the slowest that they are expected to drive
MAX_WAYS = 12  # strands that a vehicle looks ahead over

# One record, not an array of each fact: kernels pass it on without counting references. Those who
# are absent have no ways.
ROAD_USER = np.dtype(
    [
        *((name, np.float64) for name in ("x", "y")),  # m
        *((name, np.float64) for name in ("yaw", "cos", "sin")),  # rad; of the yaw
        ("speed", np.float64),  # m/s
        *((name, np.float64) for name in ("length", "width")),  # m
        ("reserved", np.float64),  # m of the way ahead
        ("waited", np.float64),  # s
        ("there", np.bool_),
        *((name, np.float64, (PATH_POINTS,)) for name in ("path_x", "path_y")),  # m, `PATH_STEP` on
        ("path_time", np.float64, (PATH_POINTS,)),  # s until it is there if nobody is in its way
        *((name, np.float64) for name in ("west", "east", "south", "north")),  # m, ends of the path
        ("strand", np.int32, (MAX_WAYS,)),  # ahead; of the ego, the number of its route as a way
        ("start", np.float64, (MAX_WAYS,)),  # m from its middle to the strand's first point
        ("ways", np.int32),  # strands ahead; the ego has one route
    ],
    align=True,
)
Crowd = NDArray[np.void]  # (M,) of dtype ROAD_USER, the ego being the last


@njit(forceinline=True)
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
    crowd = np.zeros(ego + 1, ROAD_USER)
    for k in range(ego):
        vehicle, user = state.vehicles[k], crowd[k]
        if vehicle.strand == NOWHERE:
            continue
        _introduce(user, vehicle, size_of(vehicle.seed))
        user.ways = _look_along(strands, vehicle, user)
        _trace(strands, vehicle, user)
        _survey(user)
    user = crowd[ego]
    _introduce(user, state, (VEHICLE_LENGTH, VEHICLE_WIDTH))
    user.strand[0], user.start[0] = len(strands.length) + state.route, -state.progress
    user.ways = 1
    speed = state.speed
    for n in range(PATH_POINTS):
        along = state.progress + n * PATH_STEP
        user.path_x[n], user.path_y[n], _ = point_at(routes, state.route, along)
        speed = _arrive(user, n, speed, speed_at(routes, state.route, along))
    _survey(user)
    return crowd


@njit(forceinline=True)
def _introduce(
    user: Any,  # noqa: ANN401 - a record of dtype ROAD_USER, which has no static type
    who: Any,  # noqa: ANN401 - a record of dtype VEHICLE or STATE, which have no static type
    size: tuple[float, float],
) -> None:
    """Note where a vehicle or the ego is, its length and width [m], and that it is there."""
    user.there = True
    user.x, user.y, user.yaw = who.x, who.y, who.yaw
    user.speed, user.reserved, user.waited = who.speed, who.reserved, who.waited
    user.length, user.width = size


@njit(forceinline=True)
def _look_along(
    strands: Strands,
    vehicle: Any,  # noqa: ANN401 - a record of dtype VEHICLE, which has no static type
    user: Any,  # noqa: ANN401 - a record of dtype ROAD_USER, which has no static type
) -> int:
    """Note the strands ahead of a vehicle and where they start [m]; returns how many there are."""
    user.strand[0], user.start[0] = vehicle.strand, -vehicle.station
    for n in range(1, MAX_WAYS):
        last = user.strand[n - 1]
        after = next_strand(strands, last, vehicle.seed)
        user.start[n] = user.start[n - 1] + strands.length[last]
        if after == NOWHERE or user.start[n] > HORIZON:
            return n
        user.strand[n] = after
    return MAX_WAYS


@njit(forceinline=True)
def _trace(
    strands: Strands,
    vehicle: Any,  # noqa: ANN401 - a record of dtype VEHICLE, which has no static type
    user: Any,  # noqa: ANN401 - a record of dtype ROAD_USER, which has no static type
) -> None:
    """Fill a path along strands. It stays where they end."""
    way, speed = 0, vehicle.speed
    for n in range(PATH_POINTS):
        along = n * PATH_STEP
        while way + 1 < user.ways and along >= user.start[way + 1]:
            way += 1
        strand, station = user.strand[way], along - user.start[way]
        user.path_x[n], user.path_y[n] = position_on(strands, strand, station)
        i, _ = piece_at(strands.offset, strands.length, strand, station)
        speed = _arrive(user, n, speed, strands.speed[i])


@njit(forceinline=True)
def _arrive(
    user: Any,  # noqa: ANN401 - a record of dtype ROAD_USER, which has no static type
    number: int,
    speed: float,
    wanted: float,
) -> float:
    """Note when a vehicle is at a point of its path; returns its speed [m/s] there.

    Args:
        user: the vehicle; its times are filled up to the point before.
        number: of the point.
        speed: m/s at the point before.
        wanted: m/s that suits the lane.
    """
    if number == 0:
        user.path_time[0] = 0.0
        return speed
    after = min(np.sqrt(speed * speed + 2.0 * GATHERING * PATH_STEP), max(wanted, CREEPING))
    user.path_time[number] = user.path_time[number - 1] + 2.0 * PATH_STEP / (speed + after)
    return float(after)


@njit(forceinline=True)
def _survey(user: Any) -> None:  # noqa: ANN401 - a record of dtype ROAD_USER, no static type
    """Note where the path of a vehicle ends in each direction, and its own."""
    user.cos, user.sin = np.cos(user.yaw), np.sin(user.yaw)
    user.west = user.east = user.path_x[0]
    user.south = user.north = user.path_y[0]
    for n in range(1, PATH_POINTS):
        user.west, user.east = min(user.west, user.path_x[n]), max(user.east, user.path_x[n])
        user.south, user.north = min(user.south, user.path_y[n]), max(user.north, user.path_y[n])


@njit(forceinline=True)
def time_to(
    user: Any,  # noqa: ANN401 - a record of dtype ROAD_USER, which has no static type
    distance: float,
) -> float:
    """Seconds until a vehicle has driven a distance [m] along its way if nobody is in it."""
    if distance <= 0.0:
        return 0.0
    times = user.path_time
    piece = min(int(distance / PATH_STEP), PATH_POINTS - 2)
    share = distance / PATH_STEP - piece  # beyond the last point as fast as there
    return float(times[piece] + share * (times[piece + 1] - times[piece]))
