"""The policy that comes with drivecnn drives at once."""

import json

from weights import same_weights

from drivecnn import load_policy
from drivecnn.cli import main
from drivecnn.evaluation import EvaluationConfig, evaluate, load_run
from drivecnn.policy import DrivingPolicy, load_policy_weights
from drivecnn.policy.checkpoint import SHIPPED
from drivecnn_envs.towns import RouteOptions


def test_it_drives_through_a_town_it_has_never_seen():
    policy, observation = load_run(SHIPPED)
    config = EvaluationConfig("procedural:1000-1001", RouteOptions(10, 200.0, min_junctions=1))
    metrics = evaluate(config, policy, observation).metrics
    assert metrics.success_rate >= 0.9
    assert metrics.lateral_mae_m < 0.25


def test_it_needs_no_path(tmp_path, capsys):
    assert load_policy().config == load_policy(SHIPPED).config
    arguments = ["--map", "procedural:1000", "--routes", "1", "--route_length", "60"]
    for run in ([], ["shipped"]):
        assert main(["evaluate", *run, *arguments, "--out", str(tmp_path)]) == 0
        assert json.loads((tmp_path / "report.json").read_text())["routes"] == 1


def test_its_weights_are_what_another_may_start_from_at_temperature_one():
    shipped = load_policy()
    policy = DrivingPolicy(shipped.config)
    load_policy_weights(policy, "shipped")
    assert policy.temperature == 1.0
    assert shipped.temperature != 1.0
    policy.temperature.copy_(shipped.temperature)
    assert same_weights(policy, shipped)


def test_it_is_small():
    assert (SHIPPED / "policy.safetensors").stat().st_size < 4_000_000
    assert sum(value.numel() for value in load_policy().parameters()) < 1_000_000
