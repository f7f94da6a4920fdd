"""The route map: a coarse raster around the ego, with a pose that is wrong on purpose."""

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from drivecnn_envs.errors import InputError
from drivecnn_envs.noise import MAP_ERROR, mix, normal
from drivecnn_envs.states import Atlas, RouteTable, States
from drivecnn_envs.tracking import point_at
from drivecnn_envs.world import ROAD_RESOLUTION

Bytes = NDArray[np.uint8]

ROUTE_BRUSH = 1.2  # map pixels over which the route's edge fades
ROUTE_REACH = 1.5 * ROUTE_BRUSH  # map pixels from the route's middle to where it has faded
MAX_SIZE = 512  # px
MAX_RESOLUTION, MAX_BEHIND = 100.0, 1000.0  # m/px, m
COMMAND_LEVEL = np.uint8(85)  # of 255, times the number of what is told


@dataclass(frozen=True)
class RouteMapView:
    """What the route map shows and how wrong its pose is.

    Attributes:
        shows: the map, or in its place what a navigator tells: "follow", or from 30 m before a
            junction "left", "straight" or "right", as one level in all of the second channel. So
            conditional imitation is told the way (Codevilla et al., ICRA 2018).
        size: px a side.
        resolution: m per pixel.
        behind: m between the ego and the map's lower edge; of the way that is behind it, so much
            is shown.
        position_error: m, one standard deviation in each direction.
        heading_error: rad, one standard deviation.
        error_time: s after which the error has drifted away (Gauss-Markov correlation time).
    """

    shows: Literal["map", "command"] = "map"
    size: int = 40
    resolution: float = 2.0
    behind: float = 22.0
    position_error: float = 3.0
    heading_error: float = 0.07
    error_time: float = 10.0

    def __post_init__(self) -> None:
        """Refuse views that cannot exist."""
        if not 4 <= self.size <= MAX_SIZE:
            raise InputError(f"map size is {self.size}, expected 4 to {MAX_SIZE} px")
        positive = self.resolution, self.error_time
        others = self.position_error, self.heading_error
        if not (np.isfinite([*positive, *others, self.behind]).all() and min(positive) > 0):
            raise InputError(
                f"map resolution is {self.resolution} m/px, error_time {self.error_time} s and "
                f"behind {self.behind} m, expected finite numbers, the first two above 0"
            )
        if self.resolution > MAX_RESOLUTION or abs(self.behind) > MAX_BEHIND:
            raise InputError(
                f"map resolution is {self.resolution} m/px and behind {self.behind} m, expected at "
                f"most {MAX_RESOLUTION:g} m/px and {MAX_BEHIND:g} m"
            )
        if min(others) < 0:
            raise InputError(
                f"map position_error is {self.position_error} m and heading_error "
                f"{self.heading_error} rad, expected at least 0"
            )


def rasterise(states: States, atlas: Atlas, routes: RouteTable, view: RouteMapView) -> Bytes:
    """Maps (B, 2, M, M) uint8: the roads and the route, ego `view.behind` m above the lower edge.

    The ego looks up; left is left. The pose is off by each state's map error.
    """
    maps = np.zeros((len(states), 2, view.size, view.size), np.uint8)
    if view.shows == "command":
        station = states["progress"].astype(np.int64).clip(0)
        told = routes.command[routes.offset[states["route"]] + station]
        maps[:, 1] = (COMMAND_LEVEL * told)[:, None, None]
        return maps
    _rasterise(states, atlas, routes, view.resolution, view.behind, maps)
    return maps


@njit(parallel=True, nogil=True, cache=True, error_model="numpy")
def _rasterise(
    states: States,
    atlas: Atlas,
    routes: RouteTable,
    resolution: float,
    behind: float,
    maps: Bytes,
) -> None:
    for i in prange(len(states)):
        state = states[i]
        pose, rows = map_pose(state), (0, maps.shape[2])
        draw_roads(atlas, state.world, pose, resolution, behind, rows, maps[i, 0])
        draw_route(routes, state, pose, resolution, behind, rows, maps[i, 1])


@njit(forceinline=True)
def map_pose(
    state: Any,  # noqa: ANN401 - a record of dtype STATE, which has no static type
) -> tuple[float, float, float]:
    """Where a car's map takes it to be: x, y [m] and yaw [rad]."""
    x = state.x + state.map_x * math.cos(state.yaw) - state.map_y * math.sin(state.yaw)
    y = state.y + state.map_x * math.sin(state.yaw) + state.map_y * math.cos(state.yaw)
    return x, y, state.yaw + state.map_yaw


@njit(forceinline=True)
def draw_roads(
    atlas: Atlas, world: int, pose: tuple[float, float, float], resolution: float, behind: float,
    within: tuple[int, int], channel: Bytes,
) -> None:  # fmt: skip
    """Draw the roads around a pose (x, y [m] and yaw) into some rows of a channel (M, M)."""
    cos, sin = math.cos(pose[2]), math.sin(pose[2])
    rows, columns = atlas.road_shape[world]
    first, size = np.uint64(atlas.road_offset[world]), channel.shape[0]
    start_x = (pose[0] - atlas.origin[world, 0]) / ROAD_RESOLUTION + 1.0
    start_y = (pose[1] - atlas.origin[world, 1]) / ROAD_RESOLUTION + 1.0
    for row in range(within[0], within[1]):
        ahead = ((size - row - 0.5) * resolution - behind) / ROAD_RESOLUTION
        line = np.uint64(row)
        for column in range(np.uint64(size)):
            left = (0.5 * size - np.int64(column) - 0.5) * resolution / ROAD_RESOLUTION
            east = np.int64(start_x + ahead * cos - left * sin) - 1  # floor, from -1 on
            north = np.int64(start_y + ahead * sin + left * cos) - 1
            if np.uint64(east) < np.uint64(columns) and np.uint64(north) < np.uint64(rows):
                texel = first + np.uint64(north * columns + east)
                channel[line, column] = atlas.roads[texel]


@njit(forceinline=True)
def draw_route(
    routes: RouteTable,
    state: Any,  # noqa: ANN401 - a record of dtype STATE, which has no static type
    pose: tuple[float, float, float], resolution: float, behind: float, within: tuple[int, int],
    channel: Bytes,
) -> None:  # fmt: skip
    """Draw a car's route around a pose (x, y [m] and yaw) into some rows of a channel (M, M).

    What was driven earlier than `behind` the pose is left out: on a roundabout, or where a route
    crosses itself, it would look like a way to take.
    """
    cos, sin = math.cos(pose[2]), math.sin(pose[2])
    size = channel.shape[0]
    progress = state.progress + state.map_x  # as the map has it: the line tells no pose error
    for station in range(int(progress - behind), int(progress + 1.2 * size * resolution)):
        east, north, _ = point_at(routes, state.route, float(station))
        ahead = (east - pose[0]) * cos + (north - pose[1]) * sin
        left = (north - pose[1]) * cos - (east - pose[0]) * sin
        row, column = size - (ahead + behind) / resolution, 0.5 * size - left / resolution
        _dab(channel, row, column, within)


@njit(forceinline=True)
def _dab(channel: Bytes, row: float, column: float, within: tuple[int, int]) -> None:
    """Draw one soft dot, keeping the brighter value, where it covers rows of the given ones."""
    size, (first, last) = channel.shape[0], within
    for r in range(max(int(row - ROUTE_REACH), first), min(int(row + ROUTE_REACH) + 1, last)):
        for c in range(max(int(column - ROUTE_REACH), 0), min(int(column + ROUTE_REACH) + 1, size)):
            distance = math.sqrt((r + 0.5 - row) ** 2 + (c + 0.5 - column) ** 2)
            value = np.uint8(255.0 * min(max(1.5 - distance / ROUTE_BRUSH, 0.0), 1.0))
            channel[np.uint64(r), np.uint64(c)] = max(value, channel[np.uint64(r), np.uint64(c)])


@njit(parallel=True, nogil=True, cache=True)
def start_map_error(states: States, position: float, heading: float) -> None:
    """Draw each state's map error from its stationary distribution, in place."""
    for i in prange(len(states)):
        seed = mix(states[i].seed, MAP_ERROR)
        states[i].map_x = position * normal(seed, 0)
        states[i].map_y = position * normal(seed, 1)
        states[i].map_yaw = heading * normal(seed, 2)


@njit(parallel=True, nogil=True, cache=True)
def drift_map_error(
    states: States, position: float, heading: float, time: float, dt: float
) -> None:
    """Move each state's map error on by `dt` [s], in place: a first-order Gauss-Markov process."""
    keep = np.exp(-dt / time)
    fresh = np.sqrt(1.0 - keep * keep)
    for i in prange(len(states)):
        seed, draw = mix(states[i].seed, MAP_ERROR), 3 * (states[i].step + 1)
        states[i].map_x = keep * states[i].map_x + fresh * position * normal(seed, draw)
        states[i].map_y = keep * states[i].map_y + fresh * position * normal(seed, draw + 1)
        states[i].map_yaw = keep * states[i].map_yaw + fresh * heading * normal(seed, draw + 2)
