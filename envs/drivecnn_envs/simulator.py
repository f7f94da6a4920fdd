"""The batched simulator: many egos, each on its route through one of several worlds.

Each has its own traffic around it; the egos do not see each other.

It has no state of its own: `start` makes states, `step` moves them in place, `observe` looks.
"""

import numpy as np
from numba import njit, prange
from numpy.typing import ArrayLike, NDArray

from drivecnn_envs.expert import expert_curvature
from drivecnn_envs.materials import drives_on, stands_in_the_way
from drivecnn_envs.neighbours import (
    NOTHING,
    PARKED,
    VEHICLE_BEFORE,
    contacts,
    surrounding_boxes,
)
from drivecnn_envs.observation import Observation, Observer
from drivecnn_envs.route_map import drift_map_error, start_map_error
from drivecnn_envs.scene import Scene
from drivecnn_envs.states import LAND_TEXEL, Atlas, Infraction, RouteTable, States, state_dtype
from drivecnn_envs.tracking import project, speed_at, width_at
from drivecnn_envs.traffic import Traffic
from drivecnn_envs.trail import lengthen_trail, with_past
from drivecnn_envs.vehicle import (
    DT,
    VEHICLE_LENGTH,
    VEHICLE_WIDTH,
    control_speed,
    move,
    steering_angle,
)
from drivecnn_envs.world import RESOLUTION

Outcomes = NDArray[np.uint8]  # (B,) RUNNING, SUCCESS, or FIRST_INFRACTION + index of INFRACTIONS

RUNNING, SUCCESS, FIRST_INFRACTION = 0, 1, 2
INFRACTIONS = tuple(Infraction)
OFF_ROUTE_DISTANCE = 5.0  # m
GOAL_TOLERANCE = 1.0  # m, this near to the end a route is complete
OUTLINE_LENGTH, OUTLINE_WIDTH = 10, 4  # pieces of half a metre that the outline is tested at
STANDING = 0.1  # m/s, slower egos cause no collision
TIMEOUT_SPEED = 10.0 / 3.6  # m/s; NoCrash's limit is the time a route takes at 10 km/h
_OFF_ROAD, _OFF_ROUTE, _COLLISION, _TIMEOUT, _VEHICLE_COLLISION, _HIT_BY_VEHICLE = range(
    FIRST_INFRACTION, FIRST_INFRACTION + len(INFRACTIONS)
)


def infraction_of(outcome: int) -> Infraction | None:
    """The infraction behind an outcome, None for a running or successful episode."""
    return INFRACTIONS[outcome - FIRST_INFRACTION] if outcome >= FIRST_INFRACTION else None


class Simulator:
    """Physics, infractions, expert and observations over one scene."""

    def __init__(
        self, scene: Scene, observer: Observer, traffic: str | int = "none", frames: int = 1
    ) -> None:
        """Make a simulator.

        Args:
            scene: worlds and routes.
            observer: what cars see.
            traffic: what `Traffic` reads.
            frames: how many images of each camera they see, the last decisions' and the present.
        """
        self.scene = scene
        self.observer = observer
        self.traffic = Traffic(scene, traffic)
        self.frames = frames

    @property
    def dtype(self) -> np.dtype[np.void]:
        """Of this simulator's states."""
        return state_dtype(self.traffic.places, self.frames - 1)

    def start(self, routes: ArrayLike, seeds: ArrayLike) -> States:
        """States (B,) at the start of routes (B,), at the speed that suits their first metre."""
        states = self.scene.start(routes, seeds, self.dtype)
        self.traffic.start(states)
        self._draw_map_error(states)
        return states

    def reseed(self, states: States, seeds: ArrayLike) -> None:
        """Give states (B,) other seeds (B,), in place: another look and another map error."""
        states["seed"] = seeds
        self._draw_map_error(states)

    def _draw_map_error(self, states: States) -> None:
        view = self.observer.config.route_map
        start_map_error(states, view.position_error, view.heading_error)

    def observe(self, states: States) -> Observation:
        """What the cars see; with several frames the cameras are (B, T, C, 3, H, W)."""
        moments = with_past(states).ravel() if self.frames > 1 else states
        boxes = surrounding_boxes(self.scene, moments)
        seen = self.observer.observe(self.scene, moments, boxes)
        return seen.of_frames(self.frames) if self.frames > 1 else seen

    def expert(self, states: States) -> NDArray[np.float32]:
        """The curvature (B,) [1/m] the expert would drive."""
        return expert_curvature(states, self.scene.table)

    def step(self, states: States, curvature: NDArray[np.float32]) -> Outcomes:
        """Drive all cars for `DT` with curvatures (B,) [1/m], in place; returns their outcomes.

        Raises:
            ValueError: if there is not one curvature for each car.
        """
        if np.shape(curvature) != (len(states),):
            raise ValueError(f"curvature is {np.shape(curvature)}, expected ({len(states)},)")
        before = states.copy() if self.frames > 1 else None
        most = self.traffic.advance(states)
        _drive(states, self.scene.table, np.asarray(curvature, np.float64), most)
        if before is not None:
            lengthen_trail(states, before)
        return self.judge(states)

    def judge(self, states: States) -> Outcomes:
        """Count the decision, follow progress and map error, and say how each episode stands."""
        outcomes = np.zeros(len(states), np.uint8)
        touched = contacts(states, self.scene.parked)
        _judge(states, self.scene.atlas, self.scene.table, self.scene.goals, touched, outcomes)
        view = self.observer.config.route_map
        drift_map_error(states, view.position_error, view.heading_error, view.error_time, DT)
        return outcomes


@njit(parallel=True, nogil=True, cache=True)
def _drive(
    states: States,
    routes: RouteTable,
    curvature: NDArray[np.float64],
    most: NDArray[np.float64],
) -> None:
    for i in prange(len(states)):
        state = states[i]
        wanted = speed_at(routes, state.route, state.progress)
        acceleration = control_speed(state.speed, wanted, most[i])
        angle = steering_angle(curvature[i])
        state.x, state.y, state.yaw, state.speed = move(
            state.x, state.y, state.yaw, state.speed, angle, acceleration
        )


@njit(parallel=True, nogil=True, cache=True)
def _judge(
    states: States,
    atlas: Atlas,
    routes: RouteTable,
    goals: NDArray[np.float64],
    touched: NDArray[np.uint8],
    outcomes: Outcomes,
) -> None:
    for i in prange(len(states)):
        state = states[i]
        state.step += 1
        progress, lateral = project(routes, state.route, state.x, state.y, state.progress)
        half_lane = 0.5 * width_at(routes, state.route, progress)
        if abs(lateral) > half_lane and abs(state.lateral) <= half_lane:
            state.departures += 1
        state.progress, state.lateral = progress, lateral
        below = atlas.texels[_texel(atlas, state.world, state.x, state.y)]
        goal = goals[state.route]
        if progress >= goal - GOAL_TOLERANCE:
            outcomes[i] = SUCCESS
        elif touched[i] == PARKED or _hits(atlas, state.world, state.x, state.y, state.yaw):
            outcomes[i] = _COLLISION
        elif touched[i] != NOTHING:
            # whoever drives into another one is to blame, and whoever has left its lane
            blame = touched[i] == VEHICLE_BEFORE or abs(lateral) > half_lane
            blame &= state.speed > STANDING
            outcomes[i] = _VEHICLE_COLLISION if blame else _HIT_BY_VEHICLE
        elif abs(lateral) > OFF_ROUTE_DISTANCE:
            outcomes[i] = _OFF_ROUTE
        elif not drives_on(below[0]):
            outcomes[i] = _OFF_ROAD
        elif state.step * DT > goal / TIMEOUT_SPEED:
            outcomes[i] = _TIMEOUT


@njit(forceinline=True)
def _texel(atlas: Atlas, world: int, x: float, y: float) -> int:
    """Number of the world's texel at a point [m]; that of open land outside the raster."""
    column = int(np.floor((x - atlas.origin[world, 0]) / RESOLUTION))
    row = int(np.floor((y - atlas.origin[world, 1]) / RESOLUTION))
    rows, columns = atlas.shape[world, 0]
    if 0 <= row < rows and 0 <= column < columns:
        return int(atlas.offset[world, 0] + row * columns + column)
    return LAND_TEXEL


@njit(forceinline=True)
def _hits(atlas: Atlas, world: int, x: float, y: float, yaw: float) -> bool:
    """Whether the vehicle's outline meets something too high to drive over."""
    cos, sin = np.cos(yaw), np.sin(yaw)
    for i in range(OUTLINE_LENGTH + 1):
        across = OUTLINE_WIDTH if 0 < i < OUTLINE_LENGTH else 1  # only the sides between the ends
        for j in range(0, OUTLINE_WIDTH + 1, across):
            ahead = (i / OUTLINE_LENGTH - 0.5) * VEHICLE_LENGTH
            left = (j / OUTLINE_WIDTH - 0.5) * VEHICLE_WIDTH
            point_x, point_y = x + ahead * cos - left * sin, y + ahead * sin + left * cos
            texel = atlas.texels[_texel(atlas, world, point_x, point_y)]
            if stands_in_the_way(texel[0], texel[2], texel[3]):
                return True
    return False
