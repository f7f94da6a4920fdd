"""A config that cannot work is refused when it is made, before anything is read or written."""

from dataclasses import replace

import pytest
from brief import BRIEF

from drivecnn.training.config import DataConfig, OptimiserConfig, RunConfig, ValidationConfig
from drivecnn_envs.errors import InputError
from drivecnn_envs.observation import ObservationConfig
from drivecnn_envs.route_map import RouteMapView
from drivecnn_envs.views import CameraRig

NAN = float("nan")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: DataConfig(cars=0), "data.cars is 0"),
        (lambda: DataConfig(routes=0), "data.routes: count 0"),
        (lambda: DataConfig(route_length=NAN), "data.routes: .* length nan"),
        (lambda: DataConfig(route_dropout=1.5), "data.route_dropout is 1.5"),
        (lambda: DataConfig(fork_dropout=-0.1), "data.fork_dropout is -0.1"),
        (lambda: DataConfig(lateral_jitter=-0.1), "data.lateral_jitter is -0.1"),
        (lambda: DataConfig(heading_jitter=NAN), "data.heading_jitter is nan"),
        (lambda: DataConfig(maps=()), "data.maps is empty"),
        (lambda: DataConfig(cars=9, buffer_size=8), "data.cars is 9 and data.buffer_size 8"),
        (lambda: OptimiserConfig(steps=0), "optimiser.steps is 0"),
        (lambda: OptimiserConfig(learning_rate=-1e-3), "optimiser.learning_rate is -0.001"),
        (lambda: OptimiserConfig(weight_decay=-1.0), "optimiser.weight_decay is -1"),
        (lambda: OptimiserConfig(gradient_clip=0.0), "optimiser.gradient_clip is 0"),
        (lambda: OptimiserConfig(ema_decay=1.0), "optimiser.ema_decay is 1"),
        (lambda: OptimiserConfig(steadiness=-1.0), "optimiser.steadiness is -1"),
        (lambda: OptimiserConfig(steadiness=1.0, batch_size=33), "optimiser.batch_size is 33"),
        (lambda: ValidationConfig(times=0), "validation.times is 0"),
        (lambda: ValidationConfig(maps=()), "validation.maps is empty"),
        (lambda: ValidationConfig(routes=0), "validation.routes: count 0"),
        (lambda: RunConfig(seed=-1), "seed is -1"),
        (lambda: RunConfig(seed=2**32), "seed is 4294967296"),
        (lambda: RunConfig(devices=0), "devices is 0"),
        (lambda: RunConfig(checkpoint_seconds=0.0), "checkpoint_seconds is 0"),
    ],
)
def test_a_value_that_cannot_work_is_refused(make, reason):
    with pytest.raises(InputError, match=reason):
        make()


def test_a_batch_must_fit_into_the_buffer():
    with pytest.raises(InputError, match=r"batch_size is 33 and data\.buffer_size 32"):
        replace(
            BRIEF,
            data=replace(BRIEF.data, buffer_size=32),
            optimiser=replace(BRIEF.optimiser, batch_size=33),
        )


@pytest.mark.parametrize("maps", ["procedural:5", "procedural:easy:5", "procedural:4-9"])
def test_validation_towns_are_not_trained_in(maps):
    data = replace(BRIEF.data, maps=("track:5", "procedural:0-5"))
    with pytest.raises(InputError, match=r"validation\.maps has procedural:\d, which data\.maps"):
        replace(BRIEF, data=data, validation=replace(BRIEF.validation, maps=(maps,)))


def test_another_level_of_the_same_seed_is_another_town():
    validation = replace(BRIEF.validation, maps=("procedural:hard:0",))
    assert replace(BRIEF, validation=validation).validation == validation


@pytest.mark.parametrize(
    "observation",
    [
        ObservationConfig(cameras=CameraRig(image_size=(8, 96))),
        ObservationConfig(route_map=RouteMapView(size=8)),
    ],
)
def test_images_that_the_encoders_cannot_take_are_refused(observation):
    with pytest.raises(InputError, match=r"the policy cannot see .* least 16 x 16 px, got 8"):
        replace(BRIEF, observation=observation)


@pytest.mark.parametrize(
    ("sizes", "mend"),
    [
        ({"cameras": 2}, "cameras is 2, but the observation has 3: set observation.cameras.yaws"),
        ({"camera_size": (66, 200)}, r"camera_size is \(66, 200\).*cameras\.image_size"),
        ({"map_size": 8}, "map_size is 8, .* 40: set observation.route_map.size"),
    ],
)
def test_sizes_that_the_observation_would_not_give_are_refused(sizes, mend):
    with pytest.raises(InputError, match=mend):
        replace(BRIEF, policy=replace(BRIEF.policy, **sizes))


def test_a_policy_takes_its_sizes_from_the_observation():
    observation = ObservationConfig(route_map=RouteMapView(size=60))
    given = replace(BRIEF.policy, map_size=60)
    for policy in (BRIEF.policy, given):
        config = replace(BRIEF, observation=observation, policy=policy)
        assert config.fitted_policy().map_size == 60


def test_a_training_may_be_shorter_than_its_warm_up():
    assert replace(BRIEF, optimiser=OptimiserConfig(steps=20)).optimiser.warmup_steps > 20
