"""The traffic as vehicles of highway-env, for whoever looks at `road.vehicles`."""

from typing import Any

import numpy as np
from highway_env.road.road import Road
from highway_env.vehicle.kinematics import Vehicle

from drivecnn_envs.bodies import size_of
from drivecnn_envs.roads import LaneIndex
from drivecnn_envs.states import NOWHERE
from drivecnn_envs.traffic import Traffic


class MirroredVehicle(Vehicle):
    """A vehicle that is where the traffic has put it; highway-env neither moves nor hits it."""

    def __init__(self, road: Road, record: np.void, lane_index: LaneIndex) -> None:
        """Mirror a record of dtype VEHICLE."""
        super().__init__(road, (0.0, 0.0))
        self.LENGTH, self.WIDTH = (float(size) for size in size_of(record["seed"]))
        self.seed = int(record["seed"])
        self.check_collisions = False
        self.follow(record, lane_index)

    def follow(self, record: np.void, lane_index: LaneIndex) -> None:
        """Take pose, speed and lane from a record of dtype VEHICLE."""
        self.position = np.array([record["x"], record["y"]], np.float64)
        self.heading, self.speed = float(record["yaw"]), float(record["speed"])
        self.lane_index, self.lane = lane_index, self.road.network.get_lane(lane_index)

    def act(self, action: dict[str, Any] | str | None = None) -> None:
        """Decide nothing."""

    def step(self, dt: float) -> None:
        """Stay."""


class Mirror:
    """Keeps the vehicles of a highway-env road as those around one ego."""

    def __init__(self, road: Road, traffic: Traffic) -> None:
        """Mirror into a road, which holds the ego only."""
        self._road = road
        self._traffic = traffic
        self._egos = list(road.vehicles)
        self._lanes: list[LaneIndex] = list(road.network.lanes)
        self._vehicles: dict[int, MirroredVehicle] = {}  # by place

    def update(self, state: np.void) -> None:
        """Show the vehicles of a state."""
        for place, record in enumerate(state["vehicles"]):
            if record["strand"] == NOWHERE:
                self._vehicles.pop(place, None)
                continue
            lane = self._lanes[self._traffic.lane_of(record)]
            shown = self._vehicles.get(place)
            if shown is None or shown.seed != record["seed"]:
                self._vehicles[place] = MirroredVehicle(self._road, record, lane)
            else:
                shown.follow(record, lane)
        self._road.vehicles = [*self._egos, *self._vehicles.values()]
