"""Traffic: vehicles on the lanes around each ego, one source for both simulators.

They are part of the ego's state, so that traffic is a function of the ego's seed and of what has
happened, wherever the ego is in a batch. A vehicle follows the middle of its lane; where it has a
choice, its seed decides.
"""

import warnings
from dataclasses import dataclass
from numbers import Integral
from typing import Any, Literal

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from drivecnn_envs.bodies import is_long, size_of
from drivecnn_envs.cells import Cells
from drivecnn_envs.collisions import boxes_overlap
from drivecnn_envs.crowd import Crowd, gather, next_strand
from drivecnn_envs.errors import InputError, TrafficWarning
from drivecnn_envs.following import (
    COMFORT_ACCELERATION,
    HARDEST,
    STANDING,
    free_acceleration,
    interaction,
    look_ahead,
)
from drivecnn_envs.noise import TRAFFIC_PLACES, TRAFFIC_SEEDS, mix, uniform
from drivecnn_envs.overlaps import Overlaps
from drivecnn_envs.right_of_way import settle
from drivecnn_envs.scene import Scene
from drivecnn_envs.spawning import draw_place, traffic_radius
from drivecnn_envs.states import NOWHERE, RouteTable, States
from drivecnn_envs.strands import Strands, heading_on, piece_at, position_on, station_of
from drivecnn_envs.streets import Streets
from drivecnn_envs.vehicle import DT, VEHICLE_LENGTH, VEHICLE_WIDTH

Array = NDArray[np.float64]
Wanted = Literal["none", "regular", "dense"] | int  # vehicles around each ego, by name or number

MOST = 64  # vehicles around an ego
PLACES = (0, 32, MOST)  # a state may have; the kernels are compiled anew for each number of them
FIT = 12.0  # m of lane for each vehicle, if there are as many as fit
LINE_GAP = 2.0  # m, the jam gap to a line at which a vehicle has to stop
MOVING = 3.0  # m/s, who drives so fast no longer waits
LEFT_BEHIND = 20.0  # m beyond the radius of the traffic where a vehicle is taken away
NEAREST = 90.0  # m from the ego where a vehicle may appear while driving
HEADWAY = 8.0  # m before and behind a vehicle that appears
START_CLEARANCE = 12.0  # m around the ego at the start, twice as much ahead
START_DRAWS = 30  # of a place for each vehicle at the start
DRAWS = 4  # the same in each step, for one vehicle
SLOW_START = 5.0  # m/s of a vehicle that appears
COMMITTED = 20.0  # m before the ego that are its own when it starts at full speed
SIDE = 0.6  # m beside a vehicle that appears
SLOWEST = 0.8  # share of the speed that suits the lane, of the least eager driver
AXLES = 0.3  # of a vehicle's length that its axles are before and behind its middle
STRANDS_AHEAD = 12  # that a long vehicle must be able to take when it appears
_EAGER_DRAW = 14  # counter of a vehicle's random numbers


@dataclass(frozen=True)
class Density:
    """How much traffic there is.

    Attributes:
        places: vehicles at most around an ego.
        per_metre: vehicles for each metre of lane.
    """

    places: int
    per_metre: float


DENSITIES = {
    "none": Density(0, 0.0),
    "regular": Density(32, 0.010),
    "dense": Density(MOST, 0.030),
}


def density_of(wanted: str | int) -> Density:
    """The density that a name or a number of vehicles stands for.

    Raises:
        InputError: if there is no such density.
    """
    if isinstance(wanted, Integral) and wanted >= 0:
        return Density(int(wanted), np.inf)
    if not isinstance(wanted, str) or wanted not in DENSITIES:
        names = ", ".join(DENSITIES)
        raise InputError(f"traffic is {wanted!r}, expected {names} or a number of vehicles from 0")
    return DENSITIES[wanted]


class Traffic:
    """The vehicles around the egos of one scene."""

    def __init__(self, scene: Scene, wanted: str | int = "none") -> None:
        """Make the traffic of a scene.

        Args:
            scene: worlds and routes.
            wanted: "none", "regular" (10 vehicles for each km of lane), "dense" (30), or a number
                of vehicles around each ego. There are never more than `MOST`, or than fit.

        Raises:
            InputError: if there is no such traffic.
        """
        self.density = density_of(wanted)
        self._streets = Streets.of(scene) if self.density.places else None
        if self._streets is not None:
            self.density = _as_many_as_fit(self.density, self._streets)

    @property
    def places(self) -> int:
        """Places for vehicles in each state, at least as many as there may be vehicles."""
        return next(places for places in PLACES if places >= self.density.places)

    def start(self, states: States) -> None:
        """Put vehicles around egos (B,) that are about to start, in place."""
        if self._streets is not None:
            states["reserved"] = COMMITTED
            strands, _, points, _ = self._streets
            _start(states, strands, points, (self.density.per_metre, self.density.places))

    def advance(self, states: States) -> Array:
        """Drive all vehicles on for `DT`, in place; the egos stay.

        Returns how much each ego (B,) may accelerate [m/s2] because of vehicles ahead and of the
        right of way.
        """
        most = np.full(len(states), np.inf)
        if self._streets is not None:
            _advance(states, *self._streets, most)
            strands, _, points, _ = self._streets
            _renew(states, strands, points, (self.density.per_metre, self.density.places))
        return most

    def lane_of(self, vehicle: np.void) -> int:
        """Number of the lane of a vehicle, in the order of its network's lanes."""
        assert self._streets is not None
        strands = self._streets.strands
        point, _ = piece_at(strands.offset, strands.length, vehicle["strand"], vehicle["station"])
        return int(strands.lane[point])


def _as_many_as_fit(density: Density, streets: Streets) -> Density:
    """The density with no more places than there is room for, and a warning where that is less."""
    room = int(streets.strands.length.sum() / FIT)
    places = min(density.places, MOST, room)
    if places < density.places and np.isinf(density.per_metre):
        warnings.warn(
            f"traffic: {density.places} vehicles wanted, {places} fit: at most {MOST} around the "
            f"ego, and one for every {FIT:g} m of lane",
            TrafficWarning,
            stacklevel=4,
        )
    return Density(places, density.per_metre)


@njit(parallel=True, nogil=True, cache=True)
def _start(states: States, strands: Strands, points: Cells, density: tuple[float, int]) -> None:
    """Let vehicles appear around all egos, in place; `density` is per metre and at most."""
    for i in prange(len(states)):
        state = states[i]
        radius, wanted = traffic_radius(points, state.world, state.x, state.y, density)
        for k in range(int(wanted)):
            for draw in range(START_DRAWS):
                if _appear(state, strands, points, (k, k * START_DRAWS + draw), (0.0, radius)):
                    break


@njit(parallel=True, nogil=True, cache=True)
def _advance(
    states: States,
    strands: Strands,
    crossings: Overlaps,
    points: Cells,
    routes: RouteTable,
    most: Array,
) -> None:
    """Drive all vehicles on, in place; fill in how much each ego (B,) may accelerate [m/s2]."""
    for i in prange(len(states)):
        most[i] = _advance_one(states[i], strands, crossings, routes)


@njit(cache=True)
def _advance_one(
    state: Any,  # noqa: ANN401 - a record of dtype STATE, which has no static type
    strands: Strands,
    crossings: Overlaps,
    routes: RouteTable,
) -> float:
    """Drive the vehicles around one ego; returns how much the ego may accelerate [m/s2]."""
    crowd = gather(state, strands, routes)
    count, ego = len(crowd), len(crowd) - 1
    view = look_ahead(crowd)
    less = view.less
    first, last = strands.world_offset[state.world], strands.world_offset[state.world + 1]
    lines = settle(crowd, crossings, (first, last), view)
    for k in range(count):
        waits = lines[k] < np.inf
        if waits:
            line = max(lines[k], 0.0) + LINE_GAP
            less[k] = max(less[k], interaction(crowd[k].speed, line, 0.0, LINE_GAP))
        if waits and crowd[k].speed < STANDING:
            crowd[k].waited += DT
        elif crowd[k].speed > MOVING:
            crowd[k].waited = 0.0
        if k < ego and crowd[k].there:
            _drive(state.vehicles[k], strands, crowd, k, less[k])
    state.reserved = max(crowd[ego].reserved - crowd[ego].speed * DT, 0.0)
    state.waited = crowd[ego].waited
    return max(COMFORT_ACCELERATION - less[ego], -HARDEST) if less[ego] > 0.0 else np.inf


@njit(forceinline=True)
def _drive(
    vehicle: Any,  # noqa: ANN401 - a record of dtype VEHICLE, which has no static type
    strands: Strands,
    crowd: Crowd,
    number: int,
    less: float,
) -> None:
    """Drive one vehicle on for `DT`; where its strands end, its place becomes empty."""
    speed = crowd[number].speed
    i, _ = piece_at(strands.offset, strands.length, vehicle.strand, vehicle.station)
    eager = SLOWEST + (1.0 - SLOWEST) * uniform(np.uint64(vehicle.seed), _EAGER_DRAW)
    wanted = free_acceleration(speed, eager * strands.speed[i]) - less
    acceleration = min(max(wanted, -HARDEST), COMFORT_ACCELERATION)
    after = max(speed + acceleration * DT, 0.0)
    driven = 0.5 * (speed + after) * DT
    vehicle.speed, vehicle.waited = after, crowd[number].waited
    vehicle.reserved = max(crowd[number].reserved - driven, 0.0)
    before, strand, station = vehicle.before, vehicle.strand, vehicle.station + driven
    while strand != NOWHERE and station > strands.length[strand]:
        station -= strands.length[strand]
        before, strand = strand, next_strand(strands, strand, vehicle.seed)
    _put(vehicle, strands, (before, strand), station)


@njit(forceinline=True)
def _put(
    vehicle: Any,  # noqa: ANN401 - a record of dtype VEHICLE, which has no static type
    strands: Strands,
    ways: tuple[int, int],
    station: float,
) -> None:
    """Put a vehicle on a strand at a station [m]; `ways` are the strand before and its own.

    Both its axles are on the way.
    """
    vehicle.before, vehicle.strand = ways
    vehicle.station = station
    if vehicle.strand == NOWHERE:
        return
    axle = AXLES * size_of(vehicle.seed)[0]
    rear_x, rear_y = _place_near(strands, vehicle, station - axle)
    front_x, front_y = _place_near(strands, vehicle, station + axle)
    vehicle.x, vehicle.y = 0.5 * (rear_x + front_x), 0.5 * (rear_y + front_y)
    vehicle.yaw = np.arctan2(front_y - rear_y, front_x - rear_x)


@njit(forceinline=True)
def _place_near(
    strands: Strands,
    vehicle: Any,  # noqa: ANN401 - a record of dtype VEHICLE, which has no static type
    station: float,
) -> tuple[float, float]:
    """Position [m] at a station [m] of a vehicle's strand, a little before or behind it too."""
    strand = vehicle.strand
    while station > strands.length[strand]:
        after = next_strand(strands, strand, vehicle.seed)
        if after == NOWHERE:
            break
        station -= strands.length[strand]
        strand = after
    if station < 0.0 and vehicle.before != NOWHERE:
        strand = vehicle.before
        station += strands.length[strand]
    return position_on(strands, strand, station)


@njit(parallel=True, nogil=True, cache=True)
def _renew(states: States, strands: Strands, points: Cells, density: tuple[float, int]) -> None:
    """Take vehicles away that were left behind, and let one appear where there are too few."""
    for i in prange(len(states)):
        _renew_one(states[i], strands, points, density)


@njit(cache=True)
def _renew_one(
    state: Any,  # noqa: ANN401 - a record of dtype STATE, which has no static type
    strands: Strands,
    points: Cells,
    density: tuple[float, int],
) -> None:
    radius, wanted = traffic_radius(points, state.world, state.x, state.y, density)
    places = density[1]
    count, empty = 0, places
    for k in range(places):
        vehicle = state.vehicles[k]
        away = np.hypot(vehicle.x - state.x, vehicle.y - state.y)
        if vehicle.strand != NOWHERE and away > radius + LEFT_BEHIND:
            vehicle.strand = NOWHERE
        if vehicle.strand != NOWHERE:
            count += 1
        else:
            empty = k
    if count >= int(wanted):
        return
    for draw in range(DRAWS):
        number = places * START_DRAWS + DRAWS * state.step + draw
        near = min(NEAREST, radius - 10.0)
        if _appear(state, strands, points, (empty, number), (near, radius)):
            return


@njit(forceinline=True)
def _meets_tight_curve(strands: Strands, strand: int, seed: np.uint32) -> bool:
    """Whether a vehicle will come through a curve that long vehicles avoid."""
    for _ in range(STRANDS_AHEAD):
        if strands.tight[strand]:
            return True
        strand = next_strand(strands, strand, seed)
        if strand == NOWHERE:
            return False
    return False


@njit(cache=True)
def _appear(
    state: Any,  # noqa: ANN401 - a record of dtype STATE, which has no static type
    strands: Strands,
    points: Cells,
    numbers: tuple[int, int],
    distances: tuple[float, float],
) -> bool:
    """Let a vehicle appear at random if it is free there; returns whether it was.

    Args:
        state: of the ego.
        strands: of the scene.
        points: of the strands.
        numbers: of the vehicle's place, which is empty, and of the draw.
        distances: m from the ego, least and most.
    """
    place, number = numbers
    draw = uniform(mix(state.seed, TRAFFIC_PLACES), number)
    chosen = draw_place(points, state.world, state.x, state.y, distances[1], draw)
    if chosen < 0 or not strands.open[chosen]:
        return False
    strand = strands.owner[chosen]
    station = station_of(strands, strand, chosen)
    x, y = position_on(strands, strand, station)
    pose = x, y, heading_on(strands, strand, station)
    away = np.hypot(x - state.x, y - state.y)
    if not max(distances[0], START_CLEARANCE) <= away <= distances[1]:
        return False
    seed = np.uint32(mix(mix(state.seed, TRAFFIC_SEEDS), number) >> np.uint64(32))
    if is_long(seed) and _meets_tight_curve(strands, strand, seed):
        return False
    length, width = size_of(seed)
    wide = length + 2.0 * HEADWAY, width + SIDE
    ego = (
        state.x + START_CLEARANCE * np.cos(state.yaw),
        state.y + START_CLEARANCE * np.sin(state.yaw),
        state.yaw,
    )
    if boxes_overlap(pose, wide, ego, (VEHICLE_LENGTH + 3.0 * START_CLEARANCE, VEHICLE_WIDTH)):
        return False
    for k in range(len(state.vehicles)):
        other = state.vehicles[k]
        if other.strand != NOWHERE and boxes_overlap(
            pose, wide, (other.x, other.y, other.yaw), size_of(other.seed)
        ):
            return False
    vehicle = state.vehicles[place]
    vehicle.seed, vehicle.reserved, vehicle.waited = seed, 0.0, 0.0
    i, _ = piece_at(strands.offset, strands.length, strand, station)
    vehicle.speed = min(SLOW_START, 0.9 * strands.speed[i])
    _put(vehicle, strands, (NOWHERE, strand), station)
    return True
