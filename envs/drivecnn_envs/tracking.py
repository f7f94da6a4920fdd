"""Where a car is along its route, in kernels."""

import numpy as np
from numba import njit

from drivecnn_envs.states import RouteTable

BEHIND, AHEAD = 4, 12  # route points searched around the last known progress


@njit(cache=True)
def project(routes: RouteTable, route: int, x: float, y: float, near: float) -> tuple[float, float]:
    """Progress [m] and lateral offset [m, left positive] of a point, searched around a progress."""
    first = routes.offset[route]
    count = routes.offset[route + 1] - first
    low = min(max(int(near) - BEHIND, 0), count - 2)
    high = min(low + BEHIND + AHEAD, count - 1)
    best, progress, lateral = np.inf, 0.0, 0.0
    for k in range(low, high):
        i = first + k
        dx, dy = routes.x[i + 1] - routes.x[i], routes.y[i + 1] - routes.y[i]
        px, py = x - routes.x[i], y - routes.y[i]
        squared = max(dx * dx + dy * dy, 1e-12)  # a route may turn on the spot
        t = min(max((px * dx + py * dy) / squared, 0.0), 1.0)
        gap = (px - t * dx) ** 2 + (py - t * dy) ** 2
        if gap < best:
            best, progress = gap, k + t
            lateral = (dx * py - dy * px) / np.sqrt(squared)
    return progress, np.sign(lateral) * np.sqrt(best)


@njit(cache=True)
def point_at(routes: RouteTable, route: int, station: float) -> tuple[float, float, float]:
    """Position [m] and heading [rad] at a station [m] of a route, within its ends."""
    first = routes.offset[route]
    count = routes.offset[route + 1] - first
    station = min(max(station, 0.0), count - 1.0)
    k = min(int(station), count - 2)
    t = station - k
    i = first + k
    return (
        routes.x[i] + t * (routes.x[i + 1] - routes.x[i]),
        routes.y[i] + t * (routes.y[i + 1] - routes.y[i]),
        routes.yaw[i] + t * (routes.yaw[i + 1] - routes.yaw[i]),
    )


@njit(cache=True)
def speed_at(routes: RouteTable, route: int, station: float) -> float:
    """Speed [m/s] that suits a route at a station [m]."""
    return float(routes.speed[_nearest(routes, route, station)])


@njit(cache=True)
def width_at(routes: RouteTable, route: int, station: float) -> float:
    """Lane width [m] at a station [m] of a route."""
    return float(routes.width[_nearest(routes, route, station)])


@njit(forceinline=True)
def _nearest(routes: RouteTable, route: int, station: float) -> int:
    """Number of the route point before a station [m]."""
    first = routes.offset[route]
    return int(min(max(first + int(station), first), routes.offset[route + 1] - 1))
