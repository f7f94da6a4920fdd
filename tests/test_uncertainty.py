"""What is found out about a policy's distributions."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from drivecnn import DrivingPolicy
from drivecnn.corruptions import Corruption, looks_through
from drivecnn.policy import GaussianMixture, PolicyConfig
from drivecnn.rollout import Start
from drivecnn.uncertainty import (
    assess,
    driven_moments,
    fit_temperature,
    forecasts,
    mixture_entropy,
    write_uncertainty,
)
from drivecnn.uncertainty_picture import draw_uncertainty
from drivecnn_envs.errors import InputError
from drivecnn_envs.observation import ObservationConfig
from drivecnn_envs.towns import RouteOptions, load_simulator
from drivecnn_envs.views import CameraRig

STARTS = [Start(route, 50 + route) for route in range(4)]


@pytest.fixture(scope="module")
def simulator():
    return load_simulator(["procedural:3"], RouteOptions(4, 100.0), ObservationConfig())


@pytest.fixture(scope="module")
def policy():
    torch.manual_seed(0)
    return DrivingPolicy().eval()


@pytest.fixture(scope="module")
def moments(simulator, policy):
    return driven_moments(simulator, policy, STARTS)


def normal(loc, scale):
    column = torch.ones(1, 1)
    return GaussianMixture(column, loc * column, scale * column)


def test_a_moment_shows_the_same_car_a_while_apart(moments):
    assert len(moments.now)
    assert (moments.now["seed"] == moments.before["seed"]).all()
    assert (moments.now["step"] - moments.before["step"] == 30).all()


def test_moments_are_of_every_episode_from_its_start(moments):
    assert set(moments.every["seed"]) == {start.seed for start in STARTS}
    first = moments.every[moments.every["step"] == 0]
    assert sorted(first["seed"]) == [start.seed for start in STARTS]
    assert set(zip(moments.now["seed"], moments.now["step"], strict=True)) < set(
        zip(moments.every["seed"], moments.every["step"], strict=True)
    )


def test_routes_that_are_over_at_once_are_refused_and_fit_a_temperature_all_the_same(policy):
    short = load_simulator(["procedural:3"], RouteOptions(4, 10.0), ObservationConfig())
    with pytest.raises(InputError, match="no car drove for 3 s"):
        assess(policy, short, STARTS, np.random.default_rng(0))
    fit_temperature(policy, short, STARTS)
    assert policy.temperature != 1.0
    policy.temperature.fill_(1.0)


def test_a_policy_without_a_density_is_refused_and_keeps_its_temperature(simulator):
    point = DrivingPolicy(PolicyConfig(distribution="point")).eval()
    with pytest.raises(InputError, match="distribution point, which has no density"):
        assess(point, simulator, STARTS, np.random.default_rng(0))
    point.temperature.fill_(2.0)
    fit_temperature(point, simulator, STARTS)
    assert point.temperature == 2.0


def test_a_field_of_view_is_widened_as_far_as_there_are_cameras(moments):
    wide = ObservationConfig(cameras=CameraRig(field_of_view=2.0))
    simulator = load_simulator(["procedural:3"], RouteOptions(4, 100.0), wide)
    look = looks_through(Corruption.FIELD_OF_VIEW, simulator, np.random.default_rng(0))
    wider = look(moments.now, moments.before).cameras
    assert (wider != simulator.observe(moments.now).cameras).any()


@pytest.mark.parametrize("corruption", Corruption)
def test_broken_cameras_show_something_else_and_the_map_stays(simulator, moments, corruption):
    clear = simulator.observe(moments.now)
    look = looks_through(corruption, simulator, np.random.default_rng(0))
    broken = look(moments.now, moments.before)
    assert broken.cameras.shape == clear.cameras.shape
    assert broken.cameras.dtype == np.uint8
    assert np.abs(broken.cameras.astype(int) - clear.cameras).mean() > 3.0
    assert np.array_equal(broken.route_map, clear.route_map)


def test_frozen_cameras_show_one_picture_in_all_frames():
    routes = RouteOptions(4, 100.0)
    simulator = load_simulator(["procedural:3"], routes, ObservationConfig(), frames=2)
    moments = driven_moments(simulator, DrivingPolicy(PolicyConfig(frames=2)).eval(), STARTS)
    look = looks_through(Corruption.FROZEN, simulator, np.random.default_rng(0))
    frozen = look(moments.now, moments.before).cameras
    assert np.array_equal(frozen[:, 0], frozen[:, 1])
    assert np.array_equal(frozen[:, 1], simulator.observe(moments.before).present)


def test_the_entropy_of_an_ensemble_that_disagrees_is_higher():
    alike = mixture_entropy([normal(0.0, 0.01), normal(0.0, 0.01)])
    apart = mixture_entropy([normal(-0.1, 0.01), normal(0.1, 0.01)])
    assert float(alike) == pytest.approx(float(normal(0.0, 0.01).entropy()), abs=1e-3)
    assert float(apart - alike) == pytest.approx(np.log(2.0), abs=1e-3)


def test_the_fitted_temperature_gives_the_expert_more_likelihood(simulator, policy):
    states = driven_moments(simulator, policy, STARTS).every
    before = forecasts(policy, simulator, states).nll.mean()
    fit_temperature(policy, simulator, STARTS)
    try:
        assert policy.temperature != 1.0
        assert forecasts(policy, simulator, states).nll.mean() < before
    finally:
        policy.temperature.fill_(1.0)


def test_a_report_is_written_and_drawn(simulator, policy, tmp_path):
    torch.manual_seed(1)
    other = DrivingPolicy().eval()
    stages = []
    report = assess(policy, simulator, STARTS, np.random.default_rng(0), [other], stages.append)
    assert len(set(stages)) == len(stages) == 6
    path = write_uncertainty(report, tmp_path / "new")
    content = json.loads(path.read_text())
    assert content["calibration"]["forecasts"] == report.calibration.forecasts > 0
    assert set(content["entropy_auroc"]) == set(content["ensemble_auroc"]) == set(Corruption)
    assert content["junctions"] == dataclasses.asdict(report.junctions)
    draw_uncertainty(report, tmp_path / "report.png")
    assert (tmp_path / "report.png").stat().st_size > 10_000
