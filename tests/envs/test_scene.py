"""Scenes: which world and route a state refers to, and where it starts."""

import numpy as np
import pytest

from drivecnn_envs.errors import InputError
from drivecnn_envs.routes import follow
from drivecnn_envs.scene import Scene
from drivecnn_envs.states import STATE


@pytest.fixture(scope="module")
def scene(street, make_world):
    """World 0 has no route, world 1 one of 50 m, world 2 two of 60 and 70 m."""
    routes = [follow(street, [("a", "b", 0)], 5.0 * n, 50.0 + 10.0 * n) for n in range(3)]
    return Scene.of([make_world() for _ in range(3)], [[], routes[:1], routes[1:]])


def test_each_route_knows_its_world_and_its_goal(scene):
    assert scene.route_worlds.tolist() == [1, 2, 2]
    assert scene.goals.tolist() == [50.0, 60.0, 70.0]


def test_states_start_on_the_first_point_of_their_route(scene):
    states = scene.start([2, 0], [7, 8])
    assert states.dtype == STATE
    assert states["world"].tolist() == [2, 1]
    assert states["x"].tolist() == [10.0, 0.0]
    assert states["yaw"].tolist() == [0.0, 0.0]
    assert states["speed"].tolist() == [8.0, 8.0]
    assert states["seed"].tolist() == [7, 8]
    for name in ("progress", "lateral", "step", "departures"):
        assert not states[name].any()


def test_routes_of_real_towns_start_in_their_own_town(simulator):
    scene = simulator.scene
    states = simulator.start(range(len(scene.routes)), range(len(scene.routes)))
    for state in states:
        route = scene.routes[state["route"]]
        network = scene.worlds[state["world"]].network
        assert (state["x"], state["y"]) == (route.x[0], route.y[0])
        assert network.lanes[route.lanes[0]].distance((state["x"], state["y"])) < 0.1


def test_table_holds_the_routes_one_after_the_other(scene):
    for number, route in enumerate(scene.routes):
        span = slice(scene.table.offset[number], scene.table.offset[number + 1])
        for name in ("x", "y", "yaw", "curvature", "speed", "width"):
            assert np.array_equal(getattr(scene.table, name)[span], getattr(route, name))


@pytest.mark.parametrize("number", [3, -1, 99, 0.5])
def test_route_that_does_not_exist_is_an_error(scene, number):
    with pytest.raises(InputError, match=f"route is {number}, expected a whole number from 0 to 2"):
        scene.start([0, number], [0, 0])


def test_seeds_up_to_64_bits_are_kept(scene):
    assert scene.start([0], [2**62 + 1])["seed"][0] == 2**62 + 1


def test_a_scene_holds_each_raster_once(street, make_world, box):
    worlds = [make_world(), make_world(box(20.0, 24.0, -2.0, 2.0, 4.0))]
    scene = Scene.of(worlds, [[follow(street, [("a", "b", 0)], 0.0, 50.0)], []])
    for world, held in zip(worlds, scene.worlds, strict=True):
        for level, own in zip(world.levels, held.levels, strict=True):
            assert np.array_equal(level, own)
            assert np.shares_memory(own, scene.atlas.texels)
