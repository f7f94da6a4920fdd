"""Forks: what the expert does on every way through a junction."""

import numpy as np
import pytest

from drivecnn_envs.forks import BEFORE, INTO, Forks

DRAWS = 300
APART = 0.005  # 1/m between the curvatures of two ways, a few metres into a junction


@pytest.fixture(scope="module")
def forks(simulator):
    return Forks(simulator.scene, np.random.default_rng(0))


def places(simulator, ahead):
    """States on the routes, so many metres from each of their junctions on."""
    junctions = [
        (number, start + ahead)
        for number, route in enumerate(simulator.scene.routes)
        for start, _ in route.junctions
    ]
    routes, stations = np.array(junctions).T
    return simulator.scene.at(routes.astype(int), stations, np.arange(len(junctions)))


def draws(forks, states):
    """Curvatures (DRAWS, B) [1/m] of ways drawn in each state."""
    rng = np.random.default_rng(1)
    return np.array([forks.expert(states, rng) for _ in range(DRAWS)])


def branches(simulator, state):
    """How many branches the lane offers that leads into the junction at a state's place."""
    route = simulator.scene.routes[state["route"]]
    next_one = int(np.argmin([abs(start - state["progress"]) for start, _ in route.junctions]))
    network = simulator.scene.worlds[state["world"]].network
    return len(network.followers(route.entered_from[next_one]))


def test_every_way_of_a_junction_is_drawn_as_often(simulator, forks):
    states = places(simulator, INTO - 0.1)
    drawn = draws(forks, states)
    for state, curvatures in zip(states, drawn.T, strict=True):
        _, counts = np.unique((curvatures / APART).round(), return_counts=True)
        ways = branches(simulator, state)
        assert ways > 1
        assert len(counts) <= ways
        if len(counts) == ways:  # none of them look alike
            assert counts.min() > 0.6 * DRAWS / ways
    assert np.mean(np.ptp(drawn, axis=0) > 0.05) > 0.8


def test_one_of_the_ways_is_the_routes_own(simulator, forks):
    states = places(simulator, 1.0)
    distance = np.abs(draws(forks, states) - simulator.expert(states)).min(axis=0)
    assert distance.max() < 0.002


@pytest.mark.parametrize("ahead", [-BEFORE - 0.5, INTO + 0.5])
def test_elsewhere_the_only_way_is_the_route(simulator, forks, ahead):
    states = places(simulator, ahead)
    for curvatures in draws(forks, states)[:5]:
        np.testing.assert_array_equal(curvatures, simulator.expert(states))


def test_a_car_that_has_begun_to_turn_is_still_shown_every_way(simulator, forks):
    states = places(simulator, 2.0)
    turned = states.copy()
    turned["yaw"] += 0.15
    spread = np.ptp(draws(forks, states), axis=0), np.ptp(draws(forks, turned), axis=0)
    np.testing.assert_allclose(*spread, atol=0.03)


def test_a_scene_without_junctions_has_only_its_routes(make_simulator):
    simulator = make_simulator()
    states = simulator.start([0, 0], [0, 1])
    states["y"] += 1.0
    forks = Forks(simulator.scene, np.random.default_rng(0))
    drawn = forks.expert(states, np.random.default_rng(1))
    np.testing.assert_array_equal(drawn, simulator.expert(states))
