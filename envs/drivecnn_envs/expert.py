"""The expert: sees the simulator's truth and steers back to the route."""

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from drivecnn_envs.states import RouteTable, States
from drivecnn_envs.tracking import point_at, project
from drivecnn_envs.vehicle import MAX_CURVATURE, VEHICLE_LENGTH

LOOKAHEAD = 4.5  # m along the route


def expert_curvature(states: States, routes: RouteTable) -> NDArray[np.float32]:
    """The curvature (B,) [1/m] the expert drives in each state, exact for any pose near the route.

    Pure pursuit for highway-env's vehicle: the curvature at which its middle moves on the circle
    through a route point `LOOKAHEAD` ahead. Source: Coulter, "Implementation of the pure pursuit
    path tracking algorithm", CMU-RI-TR-92-01, 1992.
    """
    curvature = np.empty(len(states), np.float32)
    _pursue(states, routes, curvature)
    return curvature


@njit(parallel=True, nogil=True, cache=True)
def _pursue(states: States, routes: RouteTable, curvature: NDArray[np.float32]) -> None:
    for i in prange(len(states)):
        state = states[i]
        progress, _ = project(routes, state.route, state.x, state.y, state.progress)
        x, y, _ = point_at(routes, state.route, progress + LOOKAHEAD)
        cos, sin = np.cos(state.yaw), np.sin(state.yaw)
        ahead = (x - state.x) * cos + (y - state.y) * sin
        left = (y - state.y) * cos - (x - state.x) * sin
        # The middle starts at an angle beta to the yaw and drives a circle of curvature
        # 2 sin(beta) / L. Asking that circle to pass through the target gives beta in closed form.
        distance_squared = ahead * ahead + left * left
        slip = np.arctan2(VEHICLE_LENGTH * left, distance_squared + VEHICLE_LENGTH * ahead)
        wanted = 2.0 * np.sin(slip) / VEHICLE_LENGTH
        curvature[i] = min(max(wanted, -MAX_CURVATURE), MAX_CURVATURE)
