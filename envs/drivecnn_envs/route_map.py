"""The route map: a coarse raster around the ego, with a pose that is wrong on purpose."""

from dataclasses import dataclass

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from drivecnn_envs.errors import InputError
from drivecnn_envs.noise import normal
from drivecnn_envs.states import Atlas, RouteTable, States
from drivecnn_envs.tracking import point_at
from drivecnn_envs.world import ROAD_RESOLUTION

Bytes = NDArray[np.uint8]

ROUTE_BRUSH = 1.2  # map pixels over which the route's edge fades
ROUTE_REACH = 1.5 * ROUTE_BRUSH  # map pixels from the route's middle to where it has faded
MAX_SIZE = 512  # px


@dataclass(frozen=True)
class RouteMapView:
    """What the route map shows and how wrong its pose is.

    Attributes:
        size: px a side.
        resolution: m per pixel.
        behind: m between the ego and the map's lower edge.
        position_error: m, one standard deviation in each direction.
        heading_error: rad, one standard deviation.
        error_time: s after which the error has drifted away (Gauss-Markov correlation time).
    """

    size: int = 40
    resolution: float = 2.0
    behind: float = 24.0
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
    _rasterise(states, atlas, routes, view.resolution, view.behind, maps)
    return maps


@njit(parallel=True, cache=True)
def _rasterise(
    states: States,
    atlas: Atlas,
    routes: RouteTable,
    resolution: float,
    behind: float,
    maps: Bytes,
) -> None:
    size = maps.shape[2]
    for i in prange(len(states)):
        state = states[i]
        yaw = state.yaw + state.map_yaw
        cos, sin = np.cos(yaw), np.sin(yaw)
        x = state.x + state.map_x * np.cos(state.yaw) - state.map_y * np.sin(state.yaw)
        y = state.y + state.map_x * np.sin(state.yaw) + state.map_y * np.cos(state.yaw)
        rows, columns = atlas.road_shape[state.world]
        for row in range(size):
            ahead = (size - row - 0.5) * resolution - behind
            for column in range(size):
                left = (0.5 * size - column - 0.5) * resolution
                east = x + ahead * cos - left * sin - atlas.origin[state.world, 0]
                north = y + ahead * sin + left * cos - atlas.origin[state.world, 1]
                c, r = int(east / ROAD_RESOLUTION), int(north / ROAD_RESOLUTION)
                if 0 <= r < rows and 0 <= c < columns and east >= 0 and north >= 0:
                    texel = atlas.road_offset[state.world] + r * columns + c
                    maps[i, 0, row, column] = atlas.roads[texel]
        reach = int(size * resolution * 1.2)
        for station in range(int(state.progress) - reach, int(state.progress) + reach):
            east, north, _ = point_at(routes, state.route, float(station))
            ahead = (east - x) * cos + (north - y) * sin
            left = (north - y) * cos - (east - x) * sin
            _dab(maps[i, 1], size - (ahead + behind) / resolution, 0.5 * size - left / resolution)


@njit(inline="always")
def _dab(channel: Bytes, row: float, column: float) -> None:
    """Draw one soft dot, keeping the brighter value."""
    size = channel.shape[0]
    for r in range(max(int(row - ROUTE_REACH), 0), min(int(row + ROUTE_REACH) + 1, size)):
        for c in range(max(int(column - ROUTE_REACH), 0), min(int(column + ROUTE_REACH) + 1, size)):
            distance = np.hypot(r + 0.5 - row, c + 0.5 - column)
            value = np.uint8(255.0 * min(max(1.5 - distance / ROUTE_BRUSH, 0.0), 1.0))
            if value > channel[r, c]:
                channel[r, c] = value


@njit(parallel=True, cache=True)
def start_map_error(states: States, position: float, heading: float) -> None:
    """Draw each state's map error from its stationary distribution, in place."""
    for i in prange(len(states)):
        seed = states[i].seed
        states[i].map_x = position * normal(seed, 11)
        states[i].map_y = position * normal(seed, 12)
        states[i].map_yaw = heading * normal(seed, 13)


@njit(parallel=True, cache=True)
def drift_map_error(
    states: States, position: float, heading: float, time: float, dt: float
) -> None:
    """Move each state's map error on by `dt` [s], in place: a first-order Gauss-Markov process."""
    keep = np.exp(-dt / time)
    fresh = np.sqrt(1.0 - keep * keep)
    for i in prange(len(states)):
        seed, draw = states[i].seed, 20 + 3 * states[i].step
        states[i].map_x = keep * states[i].map_x + fresh * position * normal(seed, draw)
        states[i].map_y = keep * states[i].map_y + fresh * position * normal(seed, draw + 1)
        states[i].map_yaw = keep * states[i].map_yaw + fresh * heading * normal(seed, draw + 2)
