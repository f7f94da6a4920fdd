"""The scene: the worlds and routes that car states refer to."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from drivecnn_envs.errors import InputError
from drivecnn_envs.neighbours import Parked
from drivecnn_envs.routes import Route
from drivecnn_envs.states import NOWHERE, STATE, Atlas, RouteTable, States
from drivecnn_envs.trail import begin_trail
from drivecnn_envs.world import World


class Scene(NamedTuple):
    """Worlds and routes, for people and as flat arrays for kernels, which share their rasters."""

    worlds: tuple[World, ...]
    routes: tuple[Route, ...]
    route_worlds: NDArray[np.int32]  # (R,) world of each route
    goals: NDArray[np.float64]  # (R,) m
    atlas: Atlas
    table: RouteTable
    parked: Parked

    @classmethod
    def of(cls, worlds: Sequence[World], routes: Sequence[Sequence[Route]]) -> "Scene":
        """A scene of worlds and, for each world, its routes."""
        flat = tuple(route for of_world in routes for route in of_world)
        owners = np.repeat(np.arange(len(worlds), dtype=np.int32), [len(r) for r in routes])
        goals = np.array([route.length for route in flat])
        atlas, table, parked = Atlas.of(worlds), RouteTable.of(flat), Parked.of(worlds)
        held = tuple(replace(w, levels=atlas.levels(n)) for n, w in enumerate(worlds))
        return cls(held, flat, owners, goals, atlas, table, parked)

    def start(
        self, routes: ArrayLike, seeds: ArrayLike, dtype: np.dtype[np.void] = STATE
    ) -> States:
        """States (B,) at the start of routes (B,), without vehicles around them.

        Seeds (B,) decide looks and disturbances.

        Raises:
            InputError: one line, if one of the numbers is not of a route.
        """
        numbers = self._checked(np.asarray(routes))
        states = np.zeros(len(numbers), dtype)
        states["vehicles"]["strand"] = NOWHERE
        states["route"], states["seed"] = numbers, np.asarray(seeds, np.uint64)
        states["world"] = self.route_worlds[numbers]
        first = self.table.offset[numbers]
        for name in ("x", "y", "yaw", "speed"):
            states[name] = getattr(self.table, name)[first]
        begin_trail(states)
        return states

    def _checked(self, numbers: NDArray[Any]) -> NDArray[np.int64]:
        """Numbers of routes, as whole numbers; kernels would read whatever lies beside others."""
        whole = numbers.astype(np.int64)
        wrong = (whole != numbers) | (whole < 0) | (whole >= len(self.routes))
        if wrong.any():
            raise InputError(
                f"route is {numbers[wrong][0]}, expected a whole number from 0 to "
                f"{len(self.routes) - 1}"
            )
        return whole

    def at(
        self,
        routes: ArrayLike,
        stations: ArrayLike,
        seeds: ArrayLike,
        dtype: np.dtype[np.void] = STATE,
    ) -> States:
        """States (B,) on routes (B,), stations (B,) [m] along them; otherwise as `start`."""
        states, table = self.start(routes, seeds, dtype), self.table
        states["progress"] = stations
        before = table.offset[states["route"]] + np.floor(stations).astype(np.int64)
        share = states["progress"] - np.floor(states["progress"])
        for name in ("x", "y", "yaw", "speed"):
            column = getattr(table, name)
            states[name] = (1.0 - share) * column[before] + share * column[before + 1]
        begin_trail(states)
        return states
