"""Towns, a simulator and hand-made worlds for the tests of drivecnn_envs."""

import warnings
from typing import NamedTuple

import numpy as np
import pytest

from drivecnn_envs.boxes import BOX
from drivecnn_envs.errors import MapWarning
from drivecnn_envs.maps import load_map
from drivecnn_envs.maps.procedural import generate_town
from drivecnn_envs.observation import ObservationConfig, Observer
from drivecnn_envs.raster import halve
from drivecnn_envs.roads import SampledLane, TownNetwork
from drivecnn_envs.routes import follow
from drivecnn_envs.scene import Scene
from drivecnn_envs.simulator import RUNNING, Simulator
from drivecnn_envs.towns import RouteOptions, load_simulator
from drivecnn_envs.views import CameraRig
from drivecnn_envs.world import (
    HEIGHT_UNIT,
    MIP_LEVELS,
    RESOLUTION,
    ROAD_RESOLUTION,
    Material,
    World,
    build_world,
    is_road,
)

CARLA_TOWNS = ("Town01", "Town03", "Town04", "Town06")
SMALL = ObservationConfig(CameraRig(image_size=(24, 48)))


class Box(NamedTuple):
    """A block of a hand-made world, all in metres."""

    west: float
    east: float
    south: float
    north: float
    height: float = 0.0
    material: int = Material.WALL_B
    meaning: int = 0  # of the third byte, no length


@pytest.fixture(scope="session")
def towns():
    """Eight procedural towns."""
    return [generate_town(seed) for seed in range(8)]


@pytest.fixture(scope="session")
def town(towns):
    return towns[3]


@pytest.fixture(scope="session")
def world(town):
    return build_world(town, seed=0)


@pytest.fixture(scope="session")
def carla_towns(shared):
    """The networks of the CARLA towns by name."""
    folder = shared / "data" / "maps" / "opendrive" / "carla"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MapWarning)  # two of them have heights
        return {name: load_map(str(folder / f"{name}.xodr")) for name in CARLA_TOWNS}


@pytest.fixture(scope="session")
def simulator():
    """Ten routes of 250 m through two procedural towns, with small cameras."""
    options = RouteOptions(count=10, length=250.0, min_junctions=2)
    return load_simulator(["procedural:3-4"], options, SMALL, seed=1)


@pytest.fixture(scope="session")
def make_road():
    """Makes a network of one road: lanes a > b from left to right along a centre line."""

    def make(points, width=3.5, lanes=1):
        line = SampledLane(points, width)
        right = np.stack([np.sin(line.headings), -np.cos(line.headings)], axis=1)
        network = TownNetwork("hand-made")
        for number in range(lanes):
            points = line.points + number * line.widths[:, None] * right
            network.add_lane("a", "b", SampledLane(points, width))
        return network

    return make


@pytest.fixture(scope="session")
def street(make_road):
    """A lonely straight lane of 400 m to the east."""
    return make_road(np.column_stack([np.arange(0, 400.5, 0.5), np.zeros(801)]))


@pytest.fixture(scope="session")
def box():
    """Makes a box of a hand-made world: west, east, south, north, height, material, meaning."""
    return Box


@pytest.fixture(scope="session")
def world_of(street):
    """Makes a world of texels (R, C, 4) whose south-west corner is at `low` [m]."""

    def make(texels, low, sun=0.0):
        levels = [texels]
        for _ in range(MIP_LEVELS - 1):
            levels.append(halve(levels[-1]))
        step = int(ROAD_RESOLUTION / RESOLUTION)
        roads = 255 * is_road(texels[::step, ::step, 0]).astype(np.uint8)
        return World(street, 0, tuple(levels), roads, np.array(low), sun, np.zeros(0, BOX))

    return make


@pytest.fixture(scope="session")
def make_world(world_of):
    """Makes a flat world of one material with boxes on it."""

    def make(*boxes, ground=Material.ROAD, low=(-64.0, -64.0), high=(448.0, 64.0), sun=0.0):
        origin, size = np.array(low), np.subtract(high, low)
        columns, rows = (size / RESOLUTION).astype(int)
        base = np.zeros((rows, columns, 4), np.uint8)
        base[..., 0], base[..., 1] = ground, 200
        for box in boxes:
            corners = (np.array(box[:4]).reshape(2, 2) - origin[:, None]) / RESOLUTION
            (left, right), (bottom, top) = np.round(corners).astype(int)
            height = round(box.height / HEIGHT_UNIT)
            base[bottom:top, left:right] = box.material, 200, box.meaning, height
        return world_of(base, low, sun)

    return make


@pytest.fixture(scope="session")
def make_simulator(street, make_world):
    """Makes a simulator of one route, by default 300 m along the lonely street."""

    def make(world=None, route=None, observation=SMALL):
        world = world or make_world()
        route = route or follow(street, [("a", "b", 0)], 0.0, 300.0)
        return Simulator(Scene.of([world], [[route]]), Observer(observation))

    return make


@pytest.fixture(scope="session")
def drive():
    """Drives every state to its end; returns outcomes (B,) and |lateral| [m] of all frames."""

    def run(simulator, states, limit=3000):
        outcomes, distances = np.full(len(states), RUNNING, np.uint8), []
        for _ in range(limit):
            live = np.flatnonzero(outcomes == RUNNING)
            if len(live) == 0:
                break
            active = states[live]
            outcomes[live] = simulator.step(active, simulator.expert(active))
            states[live] = active
            distances.append(np.abs(active["lateral"]))
        return outcomes, np.concatenate(distances)

    return run
