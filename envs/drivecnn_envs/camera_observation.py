"""`CameraObservation`: what a driver would see, for any environment of highway-env."""

from typing import Any, SupportsFloat

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs
from highway_env.road.road import Road
from highway_env.vehicle.kinematics import Vehicle

from drivecnn_envs.boxes import Boxes
from drivecnn_envs.errors import InputError
from drivecnn_envs.neighbours import Parked
from drivecnn_envs.observation import FamilyName, ObservationConfig, Observer, observation_space
from drivecnn_envs.roads import TownNetwork
from drivecnn_envs.route_map import RouteMapView, drift_map_error, start_map_error
from drivecnn_envs.routes import Route
from drivecnn_envs.scene import Scene
from drivecnn_envs.states import MAX_SEED, STATE, RouteTable, States
from drivecnn_envs.surroundings import Crowd, Surroundings
from drivecnn_envs.views import CameraRig
from drivecnn_envs.way_ahead import way_ahead

LONGEST_VIEW = 1.2  # of the route map's side, how far a route can be seen on it
_NO_WORLD, _NO_GOAL = np.zeros(0, np.int32), np.zeros(0)
_NO_CARS = Parked.of([])
_NOWHERE = Route(np.arange(3.0), np.zeros(3), np.zeros(3), np.ones(3), 2.0, (), ())


class CameraObservation(gym.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """Camera images and a route map in place of a highway-env environment's own observation.

    The observation is a dict of `cameras` (C, 3, H, W) uint8 and, if wanted, `route_map`
    (2, M, M) uint8, `semantic` (C, H, W) uint8 and `depth` (C, H, W) float32 [m]: the last two if
    they are among the rig's modalities. Where the environment observes a tuple, one entry for each
    controlled vehicle (highway-env's `MultiAgentObservation`), this does too; else it is the first
    vehicle's.

    The route map shows the way that the vehicle has planned, else the straightest way ahead along
    its lane. Its second channel is empty where there is none, as on a parking lot. Its pose is off
    by the errors of the `RouteMapView`. Roads, vehicles and obstacles are highway-env's own;
    scenery, colours and light are drawn from the seed of `reset` and from `seed`.

    Example:
        >>> import gymnasium, highway_env
        >>> env = CameraObservation(gymnasium.make("roundabout-v1"))
        >>> observation, info = env.reset(seed=0)
        >>> observation["cameras"].shape, observation["route_map"].shape
        ((3, 3, 48, 96), (2, 40, 40))
    """

    def __init__(
        self,
        env: gym.Env[Any, Any],
        cameras: CameraRig | None = None,
        route_map: bool | RouteMapView = True,
        keep: str | None = None,
        seed: int = 0,
        looks: FamilyName = "train",
    ) -> None:
        """Wrap an environment.

        Args:
            env: of highway-env, wrapped or not.
            cameras: on each controlled vehicle; the default rig where None.
            route_map: whether there is one, or what it shows.
            keep: key under which the environment's own observation is kept; it is left out
                where None.
            seed: of the world around the roads, the same in every episode.
            looks: family of the colours, light and weather.

        Raises:
            InputError: if the environment is not highway-env's own, `keep` is taken, there are no
                such looks, or the view shows commands, which these vehicles' ways have none of.
        """
        RecordConstructorArgs.__init__(
            self, cameras=cameras, route_map=route_map, keep=keep, seed=seed, looks=looks
        )
        super().__init__(env)
        road = getattr(env.unwrapped, "road", None)
        if not isinstance(road, Road):
            raise InputError(
                f"CameraObservation needs an environment of highway-env, got {env.unwrapped}"
            )
        if isinstance(road.network, TownNetwork):
            raise InputError(f"{env.unwrapped} is in right-handed axes and has cameras already")
        view = route_map if isinstance(route_map, RouteMapView) else RouteMapView()
        if view.shows != "map":
            raise InputError(f"route_map shows {view.shows}, expected map: nobody commands here")
        self._observer = Observer(ObservationConfig(cameras or CameraRig(), view, looks))
        self._maps, self._keep = route_map is not False, keep
        self._surroundings = Surroundings(seed)
        self._rng = np.random.default_rng()
        self._crowd: Crowd
        self._network: TownNetwork
        self._states: States
        self._several = isinstance(env.observation_space, spaces.Tuple)
        own = env.observation_space
        if isinstance(own, spaces.Tuple):
            self.observation_space = spaces.Tuple([self._space_with(space) for space in own])
        else:
            self.observation_space = self._space_with(own)

    def _space_with(self, own: spaces.Space[Any]) -> spaces.Dict:
        """The space of one vehicle's observation; `own` is the environment's."""
        parts = dict(observation_space(self._observer.config))
        if not self._maps:
            del parts["route_map"]
        if self._keep in parts:
            raise InputError(f"keep is {self._keep!r}, expected a key that is not in {[*parts]}")
        if self._keep is not None:
            parts[self._keep] = own
        return spaces.Dict(parts)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Start an episode; a seed decides about its colours and light as well."""
        own, info = self.env.reset(seed=seed, options=options)
        if seed is not None:
            self._rng = np.random.default_rng(seed)
        self._crowd = Crowd(int(self._rng.integers(MAX_SEED)))
        self._network = self._surroundings.begin(self._simulation.road.network)
        self._states = np.zeros(len(self._vehicles()), STATE)
        self._states["seed"] = self._rng.integers(MAX_SEED, size=len(self._states))
        view = self._observer.config.route_map
        start_map_error(self._states, view.position_error, view.heading_error)
        return self._observe(own), info

    def step(self, action: Any) -> tuple[Any, SupportsFloat, bool, bool, dict[str, Any]]:  # noqa: ANN401
        """Step the environment."""
        own, reward, terminated, truncated, info = self.env.step(action)
        self._states["step"] += 1
        view = self._observer.config.route_map
        errors = view.position_error, view.heading_error, view.error_time
        dt = 1.0 / self._simulation.config["policy_frequency"]
        drift_map_error(self._states, *errors, dt)
        return self._observe(own), reward, terminated, truncated, info

    @property
    def _simulation(self) -> Any:  # noqa: ANN401 - highway-env carries no types
        return self.env.unwrapped

    def _vehicles(self) -> list[Vehicle]:
        """The controlled vehicles that are observed."""
        controlled: list[Vehicle] = list(self._simulation.controlled_vehicles)
        return controlled if self._several else controlled[:1]

    def _observe(self, own: Any) -> Any:  # noqa: ANN401
        """The observation of the present moment; `own` is the environment's."""
        if not self._several:
            return self._seen_by(0, own)
        return tuple(self._seen_by(number, part) for number, part in enumerate(own))

    def _seen_by(self, number: int, own: Any) -> dict[str, Any]:  # noqa: ANN401
        """What one vehicle sees; `own` is the environment's observation of it."""
        vehicle, states = self._vehicles()[number], self._states[number : number + 1]
        view, road = self._observer.config.route_map, self._simulation.road
        way = way_ahead(self._network, vehicle, LONGEST_VIEW * view.size * view.resolution)
        route, progress = way or (_NOWHERE, 0.0)
        position = np.asarray(vehicle.position) * (1.0, -1.0)
        states["x"], states["y"] = position
        states["yaw"], states["speed"] = -vehicle.heading, vehicle.speed
        states["progress"] = progress
        atlas = self._surroundings.atlas(number, position)
        scene = Scene((), (), _NO_WORLD, _NO_GOAL, atlas, RouteTable.of([route]), _NO_CARS)
        boxes = Boxes.of([self._crowd.around(vehicle, [*road.vehicles, *road.objects])])
        seen = self._observer.observe(scene, states, boxes)
        entry = {name: values[0] for name, values in seen.asked().items()}
        if not self._maps:
            del entry["route_map"]
        elif way is None:
            entry["route_map"][1] = 0
        if self._keep is not None:
            entry[self._keep] = own
        return entry
