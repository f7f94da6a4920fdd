"""From names to a simulator: maps are loaded, worlds built and routes drawn."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from drivecnn_envs.errors import InputError
from drivecnn_envs.maps import expand_maps
from drivecnn_envs.observation import ObservationConfig, Observer
from drivecnn_envs.routes import random_routes
from drivecnn_envs.scene import Scene
from drivecnn_envs.simulator import Simulator
from drivecnn_envs.traffic import density_of
from drivecnn_envs.world_cache import load_world

MAX_ROUTE_LENGTH = 100_000.0  # m
LAST_SEED = 2**32 - 1  # that a user may choose, from which the episodes' are made


@dataclass(frozen=True)
class RouteOptions:
    """Which random routes to draw.

    Attributes:
        count: routes in all, spread evenly over the maps.
        length: m.
        min_junctions: how many junctions with a choice each crosses at least.
    """

    count: int = 100
    length: float = 400.0
    min_junctions: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn."""
        drivable = 10.0 <= self.length <= MAX_ROUTE_LENGTH
        whole = all(float(number).is_integer() for number in (self.count, self.min_junctions))
        if not whole or self.count < 1 or not drivable or self.min_junctions < 0:
            raise InputError(
                f"routes: count {self.count}, length {self.length:g} m and min_junctions "
                f"{self.min_junctions}, expected at least 1, 10 m to {MAX_ROUTE_LENGTH:g} m and "
                "at least 0"
            )


def check_seed(seed: int) -> None:
    """Refuse a seed that no episodes' seeds can be made from.

    Raises:
        InputError: one line that says which ones can.
    """
    if not 0 <= seed <= LAST_SEED:
        raise InputError(f"seed is {seed}, expected 0 to {LAST_SEED}")


def load_simulator(
    maps: Sequence[str],
    routes: RouteOptions,
    observation: ObservationConfig,
    seed: int = 0,
    traffic: str | int = "none",
    frames: int = 1,
) -> Simulator:
    """A simulator of several maps with random routes on each.

    Args:
        maps: what `expand_maps` reads.
        routes: which routes; where maps share them unevenly, the first maps have one more.
        observation: cameras and route map.
        seed: of the worlds around the roads and of the routes.
        traffic: "none", "regular", "dense", or a number of vehicles around each ego.
        frames: how many images of each camera cars see.

    Raises:
        MapError: if a map cannot be read, or holds no such route.
        InputError: if there is no such traffic or seed, or there are no maps.
    """
    density_of(traffic)  # what is wrong is refused before maps are read
    check_seed(seed)
    if not maps:
        raise InputError("there are no maps, expected at least one")
    names = [name for spec in maps for name in expand_maps(spec)][: routes.count]
    worlds = [load_world(name, seed) for name in names]
    drawn = [
        random_routes(
            world.network,
            len(range(number, routes.count, len(names))),
            np.random.default_rng([seed, number]),
            routes.length,
            routes.min_junctions,
        )
        for number, world in enumerate(worlds)
    ]
    return Simulator(Scene.of(worlds, drawn), Observer(observation), traffic, frames)
