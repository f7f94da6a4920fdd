"""`DriveCNN/Town-v0`: one car in a town, stepped by highway-env's own simulation."""

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from highway_env.envs.common.abstract import AbstractEnv
from highway_env.road.road import Road
from highway_env.vehicle.kinematics import Vehicle
from numpy.typing import NDArray

from drivecnn_envs.mirror import Mirror
from drivecnn_envs.observation import Observation, ObservationConfig, observation_space
from drivecnn_envs.simulator import RUNNING, SUCCESS, Simulator, infraction_of
from drivecnn_envs.states import MAX_SEED, Infraction, States
from drivecnn_envs.towns import RouteOptions, load_simulator
from drivecnn_envs.tracking import speed_at
from drivecnn_envs.vehicle import DT, MAX_CURVATURE, SUBSTEPS, control_speed, steering_angle

SUCCESS_REWARD, FAILURE_REWARD = 10.0, -10.0


def town_simulator(
    map: str,  # noqa: A002 - the word users know
    observation: ObservationConfig | None = None,
    routes: RouteOptions | None = None,
    seed: int = 0,
    traffic: str | int = "none",
) -> Simulator:
    """A simulator of one map, or of several.

    Args:
        map: what `expand_maps` reads.
        observation: cameras and route map; the defaults where None.
        routes: which random routes to draw; each episode drives one of them.
        seed: of the world around the roads and of the routes.
        traffic: "none", "regular", "dense", or a number of vehicles around each car.

    Raises:
        MapError: if the map cannot be read, or holds no such route.
        InputError: if there is no such traffic.
    """
    options = routes or RouteOptions(), observation or ObservationConfig()
    return load_simulator([map], *options, seed, traffic)


def action_space() -> spaces.Box:
    """The space of one car's action: curvature [1/m], left positive, as (1,) float32."""
    return spaces.Box(-MAX_CURVATURE, MAX_CURVATURE, (1,), np.float32)


def reward_of(progress: NDArray[np.float64], outcomes: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Metres driven along the route, and a bonus or a penalty at the end; (B,)."""
    ends = np.where(outcomes == SUCCESS, SUCCESS_REWARD, FAILURE_REWARD)
    return np.asarray(progress + np.where(outcomes == RUNNING, 0.0, ends))


class TownEnv(AbstractEnv):
    """One car that follows a random route through a town, seen by three cameras and a route map.

    Observation, action and reward are described by `observation_space`, `action_space` and
    `reward_of`. An episode terminates at the goal and at OFF_ROAD, OFF_ROUTE and collisions; it is
    truncated at TIMEOUT. `info` has `infraction` (None while all is well), `is_success`,
    `progress` [m], `lateral` [m] and `expert_curvature` [1/m]. The traffic is in `road.vehicles`,
    after the car.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": round(1 / DT)}  # noqa: RUF012

    def __init__(
        self,
        map: str = "procedural:0",  # noqa: A002 - the word users know
        render_mode: str | None = None,
        **options: Any,  # noqa: ANN401
    ) -> None:
        """Make the environment.

        Args:
            map: what `expand_maps` reads.
            render_mode: None or "rgb_array".
            options: of `town_simulator`: observation, routes, seed, traffic.
        """
        self.simulator = town_simulator(map, **options)
        self.state: States = self.simulator.start([0], [0])
        self.outcome = RUNNING
        super().__init__(
            {"simulation_frequency": round(SUBSTEPS / DT), "policy_frequency": round(1 / DT)},
            render_mode=render_mode,
        )

    def define_spaces(self) -> None:
        """Set the spaces; highway-env's own observation and action types are not used."""
        self.action_space = action_space()
        self.observation_space = observation_space(self.simulator.observer.config)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, NDArray[np.uint8]], dict[str, Any]]:
        """Start on a random route. `options` may give `route`, the number of one."""
        gym.Env.reset(self, seed=seed)
        route = self.np_random.integers(len(self.simulator.scene.routes))
        if options and "route" in options:
            route = options["route"]
        self.state = self.simulator.start([route], [self.np_random.integers(MAX_SEED)])
        self.outcome = RUNNING
        self.time, self.steps = 0.0, 0
        state = self.state[0]
        network = self.simulator.scene.worlds[state["world"]].network
        self.road = Road(network=network, np_random=self.np_random)
        self.vehicle = Vehicle(self.road, [state["x"], state["y"]], state["yaw"], state["speed"])
        self.vehicle.check_collisions = False  # the simulator's judge does
        self.road.vehicles.append(self.vehicle)
        self._mirror = Mirror(self.road, self.simulator.traffic)
        self._mirror.update(state)
        return self._observe(), self._info()

    def step(
        self, action: NDArray[np.float32]
    ) -> tuple[dict[str, NDArray[np.uint8]], float, bool, bool, dict[str, Any]]:
        """Drive for `DT` with a curvature (1,) [1/m]."""
        curvature = float(np.asarray(action, np.float32).reshape(1)[0])
        if not np.isfinite(curvature):
            raise ValueError(f"the action is {curvature}, expected a finite curvature [1/m]")
        state, table = self.state[0], self.simulator.scene.table
        wanted = speed_at(table, state["route"], state["progress"])
        most = self.simulator.traffic.advance(self.state)[0]
        self.vehicle.act(
            {
                "steering": steering_angle(curvature),
                "acceleration": control_speed(self.vehicle.speed, wanted, most),
            }
        )
        for _ in range(SUBSTEPS):
            self.road.act()
            self.road.step(DT / SUBSTEPS)
        self.steps += 1
        self.time += DT
        before = float(state["progress"])
        state["x"], state["y"] = self.vehicle.position
        state["yaw"], state["speed"] = self.vehicle.heading, self.vehicle.speed
        self._mirror.update(state)
        outcomes = self.simulator.judge(self.state)
        self.outcome = int(outcomes[0])
        reward = float(reward_of(self.state["progress"] - before, outcomes)[0])
        infraction = infraction_of(self.outcome)
        truncated = infraction is Infraction.TIMEOUT
        terminated = self.outcome != RUNNING and not truncated
        return self._observe(), reward, terminated, truncated, self._info()

    def render(self) -> NDArray[np.uint8] | None:
        """The C cameras side by side, (H, C W, 3) uint8."""
        if self.render_mode is None:
            return None
        return np.asarray(self.simulator.observe(self.state).side_by_side()[0])

    def _observe(self) -> dict[str, NDArray[np.uint8]]:
        observation: Observation = self.simulator.observe(self.state)
        return {name: pixels[0] for name, pixels in observation.asked().items()}

    def _info(self) -> dict[str, Any]:
        infraction = infraction_of(self.outcome)
        return {
            "infraction": None if infraction is None else str(infraction),
            "is_success": self.outcome == SUCCESS,
            "progress": float(self.state["progress"][0]),
            "lateral": float(self.state["lateral"][0]),
            "speed": float(self.state["speed"][0]),
            "expert_curvature": float(self.simulator.expert(self.state)[0]),
        }
