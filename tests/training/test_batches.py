"""What a training step learns from: states moved off, seen anew, and what the expert says there."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from brief import BRIEF

from drivecnn.rollout import Decision
from drivecnn.training.config import DataConfig
from drivecnn.training.trainer import NoisyExpert, Trainer, disturb
from drivecnn_envs.observation import Observer
from drivecnn_envs.simulator import Simulator


def test_disturbed_poses_move_sideways_and_are_labelled_back():
    trainer = Trainer(BRIEF)
    states = trainer.fleet.states.copy()
    config = DataConfig(jitter_share=1.0, lateral_jitter=0.5, heading_jitter=0.0)
    disturb(states, config, np.random.default_rng(0))
    moved = trainer.fleet.states
    ahead = (states["x"] - moved["x"]) * np.cos(moved["yaw"])
    ahead += (states["y"] - moved["y"]) * np.sin(moved["yaw"])
    aside = (states["y"] - moved["y"]) * np.cos(moved["yaw"])
    aside -= (states["x"] - moved["x"]) * np.sin(moved["yaw"])
    np.testing.assert_allclose(ahead, 0.0, atol=1e-9)
    far = np.abs(aside) > 0.3
    change = trainer.simulator.expert(states) - trainer.simulator.expert(moved)
    assert (np.sign(change[far]) == -np.sign(aside[far])).all()


def test_drawn_states_have_another_look_and_the_map_error_they_were_driven_with():
    trainer = Trainer(BRIEF)
    trainer.train_step()
    drawn = trainer.train_step().states
    driven = trainer.buffer.states
    errors = ["map_x", "map_y", "map_yaw"]
    assert np.isin(drawn[errors], driven[errors]).all()
    assert not np.isin(drawn["seed"], driven["seed"]).any()


def test_with_steadiness_half_of_a_batch_comes_a_decision_after_the_other():
    trainer = Trainer(replace(BRIEF, optimiser=replace(BRIEF.optimiser, steadiness=10.0)))
    trainer.train_step()
    report = trainer.train_step()
    assert math.isfinite(report.loss)
    assert report.loss > report.nll  # by what trembles
    now, after = np.split(report.states, 2)
    assert len(report.states) == BRIEF.optimiser.batch_size
    for name in ("route", "seed"):
        np.testing.assert_array_equal(after[name], now[name])
    np.testing.assert_array_equal(after["step"], now["step"] + 1)
    driven = np.hypot(after["x"] - now["x"], after["y"] - now["y"])
    assert (driven > 0.1).all()
    assert (driven < 2.0).all()


def test_moments_of_a_car_are_graded_alike_and_count_only_where_they_are_settled():
    optimiser = replace(BRIEF.optimiser, steadiness=10.0)
    data = replace(BRIEF.data, route_dropout=0.5, grading=1.0)
    trainer = Trainer(replace(BRIEF, data=data, optimiser=optimiser))
    states, moved = trainer.fleet.states[:16], np.arange(16) % 2 == 0
    inputs = trainer.inputs(np.concatenate([states, states]), moved)
    for part in (inputs.cameras, inputs.route_map, inputs.settled):
        assert torch.equal(part[:16], part[16:])
    has_route = inputs.route_map[:16, 1].flatten(1).any(dim=1)
    assert torch.equal(inputs.settled[:16], has_route & ~torch.from_numpy(moved))
    assert inputs.settled.any()
    assert not inputs.settled.all()


def test_the_map_lags_in_training():
    trainer = Trainer(replace(BRIEF, data=replace(BRIEF.data, map_lag=4.0)))
    states = trainer.fleet.states
    usual = Simulator(trainer.simulator.scene, Observer(BRIEF.observation))
    seen, lagging = (s.observe(states).route_map for s in (usual, trainer.simulator))
    assert np.array_equal(lagging[:, :, :-2], seen[:, :, 2:])  # by two pixels of 2 m


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_at_a_junction_a_blank_route_is_taught_every_way_and_a_shown_one_its_own(share):
    data = replace(BRIEF.data, fork_dropout=share, jitter_share=0.0)
    trainer = Trainer(replace(BRIEF, data=data))
    scene = trainer.simulator.scene
    junctions = [(n, at + 2.0) for n, r in enumerate(scene.routes) for at, _ in r.junctions]
    routes, stations = np.array(junctions).T
    states = scene.at(routes.astype(int), stations, np.arange(len(routes)), trainer.simulator.dtype)
    spreads = []
    for state in states:
        _, route_map, curvature, _ = trainer.inputs(np.repeat(state, 64), np.zeros(64, bool))
        assert bool(route_map[:, 1].any()) == (share == 0.0)
        spreads.append(float(curvature.max() - curvature.min()))
    assert (np.array(spreads) > 0.02).mean() == pytest.approx(share, abs=0.3)
    assert share == 1.0 or max(spreads) < 1e-6


def test_noise_drifts_in_the_steering_of_an_expert_that_drives():
    class Straight:
        def __call__(self, states):
            return Decision(np.zeros(len(states), np.float32), None)

    cars = np.zeros(500)
    driver = NoisyExpert(Straight(), len(cars), 0.02, np.random.default_rng(0))
    drives = np.array([driver(cars).curvature for _ in range(20)])
    assert drives.std() == pytest.approx(0.02, rel=0.1)
    assert 0.6 < np.corrcoef(drives[0], drives[1])[0, 1] < 0.95
    assert abs(np.corrcoef(drives[0], drives[19])[0, 1]) < 0.2


def test_without_noise_the_expert_drives_as_it_teaches():
    class Straight:
        def __call__(self, states):
            return Decision(np.full(len(states), 0.1, np.float32), None)

    driver = NoisyExpert(Straight(), 4, 0.0, np.random.default_rng(0))
    assert (driver(np.zeros(4)).curvature == np.float32(0.1)).all()
