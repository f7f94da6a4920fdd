"""What is asked at junctions, and how the answers are judged."""

import math

import numpy as np
import pytest
import torch

from drivecnn.junctions import INTO, ROAD, Ways, probe_junctions
from drivecnn.policy import GaussianMixture
from drivecnn.policy.distributions import PointMass
from drivecnn.rollout import Decision
from drivecnn_envs.approaches import random_approaches
from drivecnn_envs.observation import ObservationConfig, Observer
from drivecnn_envs.scene import Scene
from drivecnn_envs.simulator import Simulator
from drivecnn_envs.world_cache import load_world


@pytest.fixture(scope="module")
def approaches():
    world = load_world("procedural:7", 7)
    found = random_approaches(world.network, 6, np.random.default_rng(0), ROAD, INTO)
    routes = [route for approach in found for route in approach.routes]
    simulator = Simulator(Scene.of([world], [routes]), Observer(ObservationConfig()))
    return simulator, found


def narrow(curvatures):
    """Even mixtures of narrow Gaussians at curvatures (B, K) [1/m]."""
    loc = torch.tensor(curvatures, dtype=torch.float32)
    return GaussianMixture(torch.zeros_like(loc), loc, torch.full_like(loc, 0.003))


def test_the_routes_of_an_approach_part_at_the_junction(approaches):
    _, found = approaches
    for approach in found:
        assert len(approach.routes) > 1
        to = int(approach.entry)
        ways = [np.stack([route.x, route.y], axis=1) for route in approach.routes]
        for way in ways[1:]:
            np.testing.assert_allclose(way[:to], ways[0][:to], atol=0.05)
            assert np.linalg.norm(way[to + 12] - ways[0][to + 12]) > 0.5


def test_branches_that_are_close_are_one_way():
    ways = Ways.of(np.array([0.1, 0.0, 0.01, -0.1]))
    assert ways.count == 3
    np.testing.assert_allclose(ways.curvature, [-0.1, 0.005, 0.1])
    assert ways.of_branch.tolist() == [2, 1, 1, 0]
    assert ways.span(1) == ways.span(2) == pytest.approx((-0.0475, 0.0525))


def test_two_modes_of_one_way_stand_for_one():
    ways = Ways.of(np.array([0.1, -0.1]))
    assert ways.found(np.array([0.09, 0.02])).tolist() == [False, True]
    assert ways.found(np.array([0.09, -0.02])).tolist() == [True, True]
    assert ways.found(np.array([])).tolist() == [False, False]


def test_a_gap_is_to_the_nearest_other_way():
    np.testing.assert_allclose(Ways.of(np.array([0.2, -0.1, 0.0])).gaps, [0.1, 0.1, 0.2])
    assert Ways.of(np.array([0.1])).gaps.tolist() == [np.inf]


def test_a_mode_far_from_all_branches_is_wrong():
    ways = Ways.of(np.array([0.1, -0.1]))
    assert ways.right(np.array([0.09, 0.0, -0.14])) == 2
    assert ways.right(np.array([])) == 0


def alike(predict):
    """A driver that says the same in every state: predict(B)."""
    return lambda states: Decision(np.zeros(len(states), np.float32), predict(len(states)))


def answers(simulator, found, routed):
    """A driver that knows the expert's curvature for each branch, or for the route."""
    branches, first = {}, 0
    for approach in found:
        group = list(range(first, first + len(approach.routes)))
        branches |= dict.fromkeys(group, group)
        first += len(group)

    def driver(states):
        rows = []
        for state in states:
            group = [state["route"]] if routed else branches[int(state["route"])]
            copies = np.repeat(state[None], len(group))
            copies["route"] = group
            rows.append(simulator.expert(copies).tolist())
        longest = max(len(row) for row in rows)
        rows = [row + row[:1] * (longest - len(row)) for row in rows]
        return Decision(np.zeros(len(states), np.float32), narrow(rows))

    return driver


def test_who_knows_all_branches_is_right_at_every_junction(approaches):
    simulator, found = approaches
    report = probe_junctions(
        simulator,
        found,
        answers(simulator, found, routed=True),
        answers(simulator, found, routed=False),
        np.random.default_rng(0),
    )
    assert report.approaches == len(found)
    assert report.places > 10
    assert report.recall > 0.99
    assert report.recall_apart == 1.0
    assert report.routed_mass_apart > 0.99
    assert report.precision > 0.95
    assert report.routed_mass > 0.99
    assert report.one_mode_routed == report.one_mode_unrouted == 1.0
    peak = -math.log(0.003 * math.sqrt(2 * math.pi))  # of one narrow Gaussian
    most = max(len(approach.routes) for approach in found)
    assert report.nll is not None
    assert -peak < report.nll < math.log(most) - peak + 0.5


def test_who_always_goes_straight_on_finds_one_way_only(approaches):
    simulator, found = approaches
    straight_on = alike(lambda count: narrow([[0.0]] * count))
    rng = np.random.default_rng(0)
    report = probe_junctions(simulator, found, straight_on, straight_on, rng)
    assert 0.3 < report.recall < 0.6
    assert 0.3 < report.recall_apart < 0.6
    assert report.precision > 0.95
    assert report.routed_mass < 0.7
    assert report.nll is not None
    assert report.nll > 10.0


def test_a_point_has_no_likelihood(approaches):
    simulator, found = approaches
    straight_on = alike(lambda count: PointMass(torch.zeros(count)))
    rng = np.random.default_rng(0)
    assert probe_junctions(simulator, found, straight_on, straight_on, rng).nll is None


def test_a_driver_without_a_distribution_is_refused(approaches):
    simulator, found = approaches
    silent = alike(lambda _: None)
    with pytest.raises(ValueError, match="predicts no distribution"):
        probe_junctions(simulator, found, silent, silent, np.random.default_rng(0))
