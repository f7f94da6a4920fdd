"""Evaluation and its report."""

import json

import pytest
import torch

from drivecnn import DrivingPolicy
from drivecnn.evaluation import (
    EvaluationConfig,
    evaluate,
    make_driver,
    simulator_of,
    write_report,
)
from drivecnn.rollout import rollout
from drivecnn_envs.errors import InputError
from drivecnn_envs.observation import ObservationConfig
from drivecnn_envs.towns import RouteOptions

KEYS = {
    *("map", "routes", "success_rate", "route_completion", "driving_score", "junctions"),
    *("lateral_mae_m", "beyond_1m_fraction", "whiteness_deg_s", "interventions", "km"),
    *("autonomy", "infractions", "nll", "ci95", "by_map", "seconds", "sim_seconds_per_second"),
    *("config", "git_sha", "collisions_per_km", "failures"),
}
TIMES = ("seconds", "sim_seconds_per_second")
ROUTES = RouteOptions(4, 80.0)


def config(driver="policy", **changes):
    return EvaluationConfig("procedural:2-3", ROUTES, seed=4, driver=driver, **changes)


@pytest.fixture(scope="module")
def policy():
    torch.manual_seed(1)
    return DrivingPolicy().eval()


def test_the_report_has_every_promised_key(tmp_path):
    evaluation = evaluate(config("expert"), None, ObservationConfig())
    report = json.loads(write_report(evaluation, tmp_path / "out").read_text())
    assert set(report) == KEYS
    assert set(report["junctions"]) == {"entered", "correct"}
    assert set(report["infractions"]) == {
        *("off_road", "off_route", "collision", "timeout", "lane_departure"),
        *("vehicle_collision", "hit_by_vehicle"),
    }
    assert report["nll"] is None
    assert report["success_rate"] == 1.0
    assert report["failures"] == []
    assert report["config"]["traffic"] == "none"
    assert report["ci95"]["success_rate"][1] == pytest.approx(1.0)
    assert report["config"]["observation"]["route_map"]["size"] == 40


def test_the_same_call_twice_gives_the_same_report(policy):
    def report():
        whole = evaluate(config(), policy, ObservationConfig()).report()
        return {key: value for key, value in whole.items() if key not in TIMES}

    first = report()
    assert first == report()
    assert first["nll"] is not None


def test_another_seed_drives_other_routes(policy):
    first = evaluate(config("expert"), None, ObservationConfig())
    other = evaluate(
        EvaluationConfig("procedural:2-3", ROUTES, seed=5, driver="expert"),
        None,
        ObservationConfig(),
    )
    assert first.metrics.lateral_mae_m != other.metrics.lateral_mae_m


def test_routes_are_spread_over_the_maps():
    evaluation = evaluate(config("expert"), None, ObservationConfig())
    assert {name: m.routes for name, m in evaluation.by_map.items()} == {
        "procedural:2": 2,
        "procedural:3": 2,
    }


def test_a_policy_driver_without_a_policy_is_refused():
    with pytest.raises(InputError, match="nothing to evaluate"):
        evaluate(config(), None, ObservationConfig())


def test_another_action_drives_otherwise_and_is_in_the_report(policy):
    mean, median = (
        evaluate(config(action=name), policy, ObservationConfig()) for name in ("mean", "median")
    )
    assert mean.report()["config"]["action"] == "mean"
    assert median.report()["config"]["action"] == "median"
    assert mean.metrics.lateral_mae_m != median.metrics.lateral_mae_m


def test_an_action_that_does_not_exist_is_refused():
    with pytest.raises(InputError, match="action is 'wild', expected one of mean, median"):
        config(action="wild")


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_what_is_no_seed_is_refused(seed):
    with pytest.raises(InputError, match=f"seed is {seed}, expected 0 to"):
        EvaluationConfig("procedural:2", ROUTES, seed=seed)


def test_the_expert_is_not_blinded():
    with pytest.raises(InputError, match="drop is cameras, but the expert sees none"):
        config("expert", drop="cameras")


def test_every_failure_is_listed_and_can_be_driven_again(policy):
    evaluation = evaluate(config(), policy, ObservationConfig())
    failed = evaluation.report()["failures"]
    assert len(failed) == 4 - round(4 * evaluation.metrics.success_rate) > 0
    simulator = simulator_of(config(), ObservationConfig())
    driver = make_driver(config(), policy, simulator)
    for failure in failed:
        start = config().start(failure["route"])
        (again,) = rollout(simulator, driver, [start])
        assert (again.map, again.seed) == (failure["map"], failure["seed"])
        assert (str(again.infraction), round(again.seconds, 1)) == (
            failure["infraction"],
            failure["seconds"],
        )


def test_the_expert_drives_in_traffic():
    driven = evaluate(config("expert", traffic="dense"), None, ObservationConfig())
    alone = evaluate(config("expert"), None, ObservationConfig())
    assert driven.metrics.success_rate == 1.0
    assert driven.metrics.collisions_per_km == 0.0
    assert driven.sim_seconds > alone.sim_seconds
