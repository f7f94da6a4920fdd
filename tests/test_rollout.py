"""Driving in closed loop."""

import math

import numpy as np
import pytest
import torch

from drivecnn import DrivingPolicy, PolicyConfig
from drivecnn.policy import ACTIONS
from drivecnn.rollout import (
    Decision,
    DivergedError,
    ExpertDriver,
    Fleet,
    PolicyDriver,
    Start,
    rollout,
)
from drivecnn_envs.observation import ObservationConfig
from drivecnn_envs.states import Infraction
from drivecnn_envs.towns import RouteOptions, load_simulator


@pytest.fixture(scope="module")
def simulator():
    return load_simulator(["procedural:3"], RouteOptions(6, 120.0), ObservationConfig())


@pytest.fixture(scope="module")
def policy():
    torch.manual_seed(0)
    return DrivingPolicy().eval()


STARTS = [Start(route, 100 + route) for route in range(6)]


def test_every_start_is_driven_to_its_end_once(simulator):
    episodes = list(rollout(simulator, ExpertDriver(simulator), STARTS))
    assert len(episodes) == len(STARTS)
    assert all(episode.success for episode in episodes)
    assert all(episode.progress >= episode.route_length - 1.0 for episode in episodes)


def test_an_episode_does_not_depend_on_the_cars_beside_it(simulator):
    together = list(rollout(simulator, ExpertDriver(simulator), STARTS))
    fleet = Fleet(simulator, STARTS, size=1)
    alone = []
    while len(fleet):
        alone += fleet.step(ExpertDriver(simulator))
    order = sorted(range(6), key=lambda i: len(alone[i].lateral))
    lengths = sorted(len(episode.lateral) for episode in together)
    assert [len(alone[i].lateral) for i in order] == lengths
    assert sum(np.abs(e.lateral).sum() for e in alone) == pytest.approx(
        sum(np.abs(e.lateral).sum() for e in together), abs=1e-12
    )


def test_a_fleet_takes_the_next_start_when_a_car_arrives(simulator):
    fleet = Fleet(simulator, STARTS, size=2)
    driver = ExpertDriver(simulator)
    finished = 0
    while finished < 4:
        assert len(fleet) == 2
        finished += len(fleet.step(driver))


def test_a_driver_that_never_steers_leaves_the_road(simulator):
    def straight_on(states):
        return Decision(np.zeros(len(states), np.float32), None)

    episodes = list(rollout(simulator, straight_on, STARTS))
    failures = {episode.infraction for episode in episodes}
    assert failures & {Infraction.OFF_ROAD, Infraction.OFF_ROUTE, Infraction.COLLISION}


def test_an_answer_that_is_no_number_never_moves_a_car(simulator):
    def lost(states):
        return Decision(np.where(np.arange(len(states)) == 1, np.float32(np.nan), 0.0), None)

    fleet = Fleet(simulator, STARTS, size=3)
    before = fleet.states.copy()
    with pytest.raises(DivergedError, match="not a finite number"):
        fleet.step(lost)
    np.testing.assert_array_equal(fleet.states, before)


def test_a_policy_is_scored_against_the_expert_at_every_decision(simulator, policy):
    driver = PolicyDriver(policy, simulator.observe)
    episodes = list(rollout(simulator, driver, STARTS[:2]))
    for episode in episodes:
        assert len(episode.nll) == len(episode.lateral) == len(episode.steering_angle)
        assert np.isfinite(episode.nll).all()


def test_a_policy_without_a_density_drives_and_is_not_scored(simulator):
    torch.manual_seed(0)
    policy = DrivingPolicy(PolicyConfig(distribution="point")).eval()
    episodes = list(rollout(simulator, PolicyDriver(policy, simulator.observe), STARTS[:2]))
    assert all(len(episode.lateral) > 0 for episode in episodes)
    assert all(len(episode.nll) == 0 for episode in episodes)


def test_an_action_is_taken_from_the_distribution(simulator, policy):
    states = simulator.start([0, 1], [5, 6])
    for name in ("mean", "median", "mode"):
        driver = PolicyDriver(policy, simulator.observe, action=ACTIONS[name])
        curvature, distribution = driver(states)
        expected = ACTIONS[name](distribution, torch.full((2, 2), torch.nan))
        np.testing.assert_array_equal(curvature, expected)


def test_a_car_has_driven_no_more_than_it_can_steer(simulator, policy):
    lasts = []

    def too_much(distribution, driven):
        lasts.append(driven[0].tolist())
        return torch.tensor([0.7, -0.3])

    driver = PolicyDriver(policy, simulator.observe, action=too_much)
    states = simulator.start([0, 1], [5, 6])
    decision = driver(states)
    assert decision.curvature.tolist() == pytest.approx([0.2, -0.2])
    simulator.step(states, decision.curvature)
    driver(states)
    assert lasts[1] == pytest.approx([0.2, -0.2])


def test_an_action_sees_what_each_car_drove_before_and_nothing_at_its_start(simulator, policy):
    seen = []

    def note(distribution, driven):
        seen.append(driven.tolist())
        return 0.01 * torch.arange(driven.shape[1]) + 0.05 * len(seen)

    driver = PolicyDriver(policy, simulator.observe, action=note)
    states = simulator.start([0, 1, 2], [5, 6, 7])
    for chosen in ([0, 1, 2], [0, 1, 2], [2, 0]):
        driver(states[chosen])
        states["step"] += 1
    states["step"][0] = 0  # the same episode, driven once more
    driver(states[[0, 2]])
    nothing = math.nan
    expected = [
        [[nothing, nothing, nothing], [nothing, nothing, nothing]],
        [[0.05, 0.06, 0.07], [nothing, nothing, nothing]],
        [[0.12, 0.1], [0.07, 0.05]],
        [[nothing, 0.15], [nothing, 0.12]],
    ]
    for got, want in zip(seen, expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-6)


@pytest.mark.parametrize("dropped", ["cameras", "route_map"])
def test_a_dropped_input_no_longer_matters(simulator, policy, dropped):
    states = simulator.start([0, 1], [5, 6])
    blind = PolicyDriver(policy, simulator.observe, frozenset({dropped}))
    elsewhere = states.copy()
    if dropped == "cameras":
        elsewhere["seed"] += 1  # another look, the same map error
    else:
        elsewhere["route"] = elsewhere["route"][::-1]
        elsewhere["map_x"] += 20.0
    seeing = PolicyDriver(policy, simulator.observe)
    assert (seeing(states).curvature != seeing(elsewhere).curvature).any()
    np.testing.assert_array_equal(blind(states).curvature, blind(elsewhere).curvature)
