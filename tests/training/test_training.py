"""Training: a small policy is really trained, drives, is saved and resumed."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from brief import BRIEF, SMALL
from weights import same_weights

from drivecnn import PolicyConfig, load_policy
from drivecnn.corruptions import Corruption
from drivecnn.evaluation import EvaluationConfig, evaluate, load_run, simulator_of
from drivecnn.policy import PolicyError
from drivecnn.policy.checkpoint import CheckpointError
from drivecnn.training import trainer as trainer_module
from drivecnn.training.run import train
from drivecnn.training.state import check_state, load_state, save_state
from drivecnn.training.trainer import Trainer, beginning
from drivecnn.uncertainty import assess
from drivecnn_envs.observation import ObservationConfig
from drivecnn_envs.towns import RouteOptions
from drivecnn_envs.views import CameraRig

UNSEEN = EvaluationConfig("procedural:1000-1004", RouteOptions(30, 200.0), seed=3)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of a policy trained for about three quarters of a minute."""
    folder = tmp_path_factory.mktemp("runs") / "small"
    train(SMALL, folder)
    return folder


def test_a_trained_policy_drives_through_towns_it_has_never_seen(trained):
    policy, observation = load_run(trained)
    driven = evaluate(UNSEEN, policy, observation).metrics
    untrained = evaluate(UNSEEN, type(policy)(policy.config).eval(), observation).metrics
    assert driven.success_rate >= 0.5
    assert untrained.success_rate <= 0.1
    assert driven.lateral_mae_m < 0.4


@pytest.mark.parametrize("dropped", ["cameras", "route_map"])
def test_it_needs_both_its_inputs(trained, dropped):
    policy, observation = load_run(trained)
    blind = evaluate(replace(UNSEEN, drop=dropped), policy, observation).metrics
    assert blind.success_rate <= 0.4


def test_a_run_folder_holds_what_it_says(trained):
    names = {path.name for path in trained.iterdir()}
    files = {"policy.safetensors", "policy.json", "run.json", "trainer.safetensors", "drive.mp4"}
    assert names == files


def test_the_checkpoint_knows_what_its_policy_sees(trained):
    policy, observation = load_run(trained)
    assert observation == SMALL.observation
    assert policy.config.camera_size == (24, 48)


def test_two_runs_of_one_seed_are_the_same():
    first, second = Trainer(BRIEF), Trainer(BRIEF)
    assert [first.train_step().loss for _ in range(3)] == [
        second.train_step().loss for _ in range(3)
    ]


def test_a_resumed_run_goes_on_where_it_stopped(tmp_path):
    trainer = Trainer(BRIEF)
    for _ in range(2):
        trainer.train_step()
    save_state(trainer, tmp_path)
    resumed = Trainer(BRIEF)
    load_state(resumed, tmp_path)
    assert resumed.step == 2
    assert (resumed.buffer.oldest_first == trainer.buffer.oldest_first).all()
    assert same_weights(resumed.raw_policy, trainer.raw_policy)
    assert same_weights(resumed.average, trainer.average)
    assert not same_weights(resumed.average.module, trainer.raw_policy)
    ours, theirs = (t.optimiser.state_dict()["state"] for t in (trainer, resumed))
    assert ours.keys() == theirs.keys()
    for number in ours:
        torch.testing.assert_close(ours[number], theirs[number])
    assert resumed.train_step().step == 3


def test_a_stopped_run_is_saved_and_finished_by_resume(tmp_path):
    def stop(progress):
        if progress.step == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(BRIEF, tmp_path / "run", on_progress=stop)
    steps = []
    train(BRIEF, tmp_path / "run", resume=True, on_progress=lambda p: steps.append(p.step))
    assert steps == [3]
    assert load_policy(tmp_path / "run").config == BRIEF.fitted_policy()


def test_a_run_is_not_overwritten(tmp_path):
    (tmp_path / "trainer.safetensors").write_bytes(b"")
    with pytest.raises(CheckpointError, match="--resume"):
        train(BRIEF, tmp_path)


def test_there_must_be_something_to_resume(tmp_path):
    with pytest.raises(CheckpointError, match="nothing to resume"):
        train(BRIEF, tmp_path / "none", resume=True)


@pytest.fixture(scope="module")
def saved_state(tmp_path_factory):
    folder = tmp_path_factory.mktemp("state")
    save_state(Trainer(BRIEF), folder)
    return folder


TURNED = replace(BRIEF.observation.cameras, yaws=(-0.9, 0.0, 0.9))


@pytest.mark.parametrize(
    ("other", "name"),
    [
        (replace(BRIEF, seed=1), "seed 0, not 1"),
        (replace(BRIEF, data=replace(BRIEF.data, maps=("procedural:2",))), "data.maps"),
        (replace(BRIEF, data=replace(BRIEF.data, routes=8)), "data.routes 16, not 8"),
        (replace(BRIEF, policy=replace(BRIEF.policy, features=32)), "policy.features 64, not 32"),
        (
            replace(BRIEF, policy=replace(BRIEF.policy, distribution="logistic_mixture")),
            "policy.distribution gaussian_mixture, not logistic_mixture",
        ),
        (replace(BRIEF, observation=ObservationConfig(cameras=TURNED)), "observation.cameras.yaws"),
        (
            replace(BRIEF, optimiser=replace(BRIEF.optimiser, method="adamw")),
            "optimiser.method muon, not adamw",
        ),
    ],
)
def test_a_run_goes_on_with_its_own_settings_only(other, name, saved_state):
    with pytest.raises(CheckpointError, match="resume with the run's own config") as refusal:
        check_state(other, saved_state)
    assert f"is of a run with {name}" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_run_may_go_on_for_longer_and_with_another_learning_rate(saved_state):
    optimiser = replace(BRIEF.optimiser, steps=9, learning_rate=1e-4)
    check_state(replace(BRIEF, optimiser=optimiser), saved_state)


def test_the_cars_of_a_resumed_run_drive_other_episodes(tmp_path):
    trainer = Trainer(BRIEF)
    trainer.train_step()
    save_state(trainer, tmp_path)
    resumed = Trainer(BRIEF)
    load_state(resumed, tmp_path)
    first = Trainer(BRIEF).fleet.states
    assert not set(resumed.fleet.states["seed"]) & set(first["seed"])


def test_a_broken_state_is_named(tmp_path):
    (tmp_path / "trainer.safetensors").write_bytes(b"half a file")
    with pytest.raises(CheckpointError, match="is broken"):
        load_state(Trainer(BRIEF), tmp_path)


@pytest.mark.parametrize(
    ("policy", "yaws"),
    [
        ({"camera_encoder": "none"}, (0.9, 0.0, -0.9)),
        ({"map_encoder": "none"}, (0.9, 0.0, -0.9)),
        ({"map_encoder": "none", "features": None}, (0.0,)),
    ],
)
def test_a_policy_with_a_part_of_the_inputs_trains(policy, yaws):
    rig = CameraRig(image_size=(24, 48), yaws=yaws)
    config = replace(
        BRIEF, observation=ObservationConfig(cameras=rig), policy=replace(BRIEF.policy, **policy)
    )
    trainer = Trainer(replace(config, data=replace(config.data, expert_fraction=0.5)))
    reports = [trainer.train_step() for _ in range(2)]
    assert all(np.isfinite(report.loss) for report in reports)
    assert trainer.raw_policy.config.cameras == len(yaws)


WITH_STATISTICS = replace(
    BRIEF,
    observation=ObservationConfig(cameras=CameraRig(image_size=(32, 64))),
    policy=PolicyConfig(camera_encoder="mobilenet_v3_small", features=16),
)


def statistics(policy):
    return {name: value.clone() for name, value in policy.named_buffers()}


def test_driving_moves_no_running_statistics_and_the_average_has_its_own():
    trainer = Trainer(WITH_STATISTICS)
    name = "camera_encoders.0.layers.network.features.0.1"
    after = []
    for step in (1, 2):
        trainer.train_step()
        after.append(statistics(trainer.raw_policy))
        assert after[-1][f"{name}.num_batches_tracked"] == step
    decay = WITH_STATISTICS.optimiser.ema_decay
    first, second = (found[f"{name}.running_mean"] for found in after)
    averaged = statistics(trainer.averaged_policy)[f"{name}.running_mean"]
    assert not torch.allclose(first, second)
    torch.testing.assert_close(averaged, decay * first + (1 - decay) * second)


def test_a_run_starts_from_weights_that_its_checkpoint_and_a_resume_do_not_need(tmp_path):
    from torchvision.models import mobilenet_v3_small

    torch.manual_seed(5)
    weights, state = tmp_path / "weights.pth", mobilenet_v3_small().state_dict()
    torch.save(state, weights)
    policy = replace(WITH_STATISTICS.policy, camera_weights=str(weights))
    config = replace(WITH_STATISTICS, policy=policy)
    trainer = Trainer(config, policy=beginning(config))
    for module in (trainer.raw_policy, trainer.averaged_policy):
        first = module.camera_encoders[0].layers.network.features[0][0].weight
        assert torch.equal(first, state["features.0.0.weight"])
    optimiser = replace(config.optimiser, steps=1)
    train(replace(config, optimiser=optimiser), tmp_path / "run")
    weights.unlink()
    assert load_policy(tmp_path / "run").config == config.fitted_policy()
    train(config, tmp_path / "run", resume=True)
    with pytest.raises(PolicyError, match="no file"):
        train(config, tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_a_run_goes_on_from_the_weights_of_another_policy(trained):
    config = replace(SMALL, start_from=str(trained), seed=7)
    trainer = Trainer(config, policy=beginning(config))
    policy = load_policy(trained)
    policy.temperature.fill_(1.0)  # it is fitted anew
    assert same_weights(trainer.raw_policy, policy)
    assert same_weights(trainer.averaged_policy, policy)
    trainer.train_step()
    assert not same_weights(trainer.raw_policy, policy)


def test_a_policy_of_another_network_is_refused_before_towns_are_built(
    trained, tmp_path, monkeypatch
):
    monkeypatch.setattr(trainer_module, "load_simulator", None)
    wide = replace(SMALL.policy, features=SMALL.policy.features + 8)
    config = replace(SMALL, policy=wide, start_from=str(trained))
    with pytest.raises(PolicyError, match=f"has features {SMALL.policy.features}, but"):
        train(config, tmp_path / "run")
    with pytest.raises(CheckpointError, match="no checkpoint at nowhere"):
        train(replace(SMALL, start_from="nowhere"), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_expert_drives_first_and_the_policy_last():
    trainer = Trainer(replace(BRIEF, data=replace(BRIEF.data, expert_fraction=0.5)))
    shares = [trainer.train_step().expert_share for _ in range(3)]
    assert shares[0] == 1.0
    assert shares[-1] == 0.0


def test_behaviour_cloning_never_lets_the_policy_drive():
    trainer = Trainer(replace(BRIEF, data=replace(BRIEF.data, expert_fraction=1.0)))
    assert [trainer.train_step().expert_share for _ in range(3)] == [1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("distribution", "loss"),
    [("point", "mse"), ("quantile", "crps"), ("categorical_log", "hl_gauss")],
)
def test_every_kind_of_policy_is_trained_saved_and_driven(tmp_path, distribution, loss):
    config = replace(
        BRIEF,
        policy=replace(BRIEF.policy, distribution=distribution),
        optimiser=replace(BRIEF.optimiser, loss=loss),
    )
    metrics = train(config, tmp_path / "run")
    assert (metrics.nll is None) == (distribution == "point")
    assert load_policy(tmp_path / "run").config.distribution == distribution
    report = Trainer(config).train_step()
    assert np.isfinite(report.loss)
    assert (report.nll is None) == (distribution == "point")


def test_a_policy_of_several_frames_trains_drives_and_is_judged(tmp_path):
    policy = replace(BRIEF.policy, frames=3, memory="gru")
    data = replace(BRIEF.data, traffic=4)
    train(replace(BRIEF, policy=policy, data=data), tmp_path / "run")
    trained, observation = load_run(tmp_path / "run")
    few = replace(UNSEEN, routes=RouteOptions(16, 100.0), traffic=4)
    assert evaluate(few, trained, observation).metrics.km > 0.0
    simulator = simulator_of(few, observation, trained)
    starts = [few.start(route) for route in range(16)]
    report = assess(trained, simulator, starts, np.random.default_rng(0))
    assert set(report.entropy_auroc) == {str(corruption) for corruption in Corruption}
