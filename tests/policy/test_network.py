"""The policy takes raw observations, says what is wrong with others, and stays small and alone."""

import re
import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import Tensor

from drivecnn.policy import DrivingPolicy, GaussianMixture, PolicyConfig, PolicyError
from drivecnn.policy.distributions import FAMILIES, MIN_SCALE


def observation(config: PolicyConfig, batch: int = 2, seed: int = 0) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(seed)
    cameras = (batch, config.cameras, 3, *config.camera_size)
    route_map = (batch, 2, config.map_size, config.map_size)
    return (
        torch.randint(0, 256, cameras, generator=rng, dtype=torch.uint8),
        torch.randint(0, 256, route_map, generator=rng, dtype=torch.uint8),
    )


def parameters(config: PolicyConfig) -> int:
    return sum(value.numel() for value in DrivingPolicy(config).parameters())


def mixture_of(policy: DrivingPolicy, cameras: Tensor, route_map: Tensor) -> GaussianMixture:
    with torch.inference_mode():
        distribution = policy(cameras, route_map)
    assert isinstance(distribution, GaussianMixture)
    return distribution


@pytest.mark.parametrize(
    "config",
    [
        PolicyConfig(),
        PolicyConfig(shared_cameras=False),
        PolicyConfig(camera_size=(66, 200), map_size=50),
        PolicyConfig(cameras=1, components=1),
        PolicyConfig(camera_size=(17, 31), map_size=16),
        PolicyConfig(features=None, shared_cameras=False),
        PolicyConfig(camera_encoder="none"),
        PolicyConfig(map_encoder="none"),
        PolicyConfig(cameras=1, map_encoder="none"),
        PolicyConfig(camera_encoder="small:8,16,16,16", map_encoder="small:24"),
        PolicyConfig(hidden=(64, 32), components=5),
    ],
)
def test_a_batch_of_observations_gives_as_many_distributions(config: PolicyConfig) -> None:
    torch.manual_seed(0)
    mixture = mixture_of(DrivingPolicy(config), *observation(config, batch=5))
    assert mixture.loc.shape == (5, config.components or 3)
    assert mixture.scale.min().item() >= MIN_SCALE
    assert torch.isfinite(mixture.log_prob(torch.zeros(5))).all()


@pytest.mark.parametrize("name", FAMILIES)
def test_a_policy_predicts_the_family_its_config_names(name: str) -> None:
    policy = DrivingPolicy(PolicyConfig(distribution=name))
    distribution = policy(*observation(policy.config, batch=3))
    assert type(distribution) is FAMILIES[name].distribution
    assert distribution.mean.shape == (3,)


def test_a_new_mixture_has_components_to_the_right_straight_on_and_to_the_left() -> None:
    torch.manual_seed(0)
    bias = DrivingPolicy().head.output.bias
    assert bias[3:6].tolist() == [-1.0, 0.0, 1.0]
    assert bias[:3].abs().min() > 0  # as torch sets it


def test_the_temperature_is_one_until_it_is_set_and_then_widens_what_is_predicted() -> None:
    torch.manual_seed(0)
    policy = DrivingPolicy().eval()
    inputs = observation(policy.config)
    assert policy.temperature.item() == 1.0
    before = mixture_of(policy, *inputs)
    policy.temperature.fill_(4.0)
    after = mixture_of(policy, *inputs)
    torch.testing.assert_close(after.scale, 2 * before.scale)
    ahead = torch.zeros(2)
    torch.testing.assert_close(after.log_prob(ahead), before.tempered(4.0).log_prob(ahead))
    assert "temperature" not in dict(policy.named_parameters())


def test_the_temperature_does_not_count_while_training() -> None:
    policy = DrivingPolicy()
    inputs = observation(policy.config)
    before = mixture_of(policy, *inputs)
    policy.temperature.fill_(4.0)
    torch.testing.assert_close(mixture_of(policy, *inputs).scale, before.scale)


@pytest.mark.parametrize("shared", [True, False])
def test_every_parameter_learns_and_a_step_lowers_the_loss(shared: bool) -> None:
    torch.manual_seed(0)
    policy = DrivingPolicy(PolicyConfig(shared_cameras=shared))
    inputs, curvature = observation(policy.config, batch=4), torch.linspace(-0.1, 0.1, 4)
    losses = []
    for _ in range(3):
        policy.zero_grad()
        loss = -policy(*inputs).log_prob(curvature).mean()
        torch.autograd.backward(loss)
        losses.append(loss.item())
        with torch.no_grad():
            for value in policy.parameters():
                assert value.grad is not None
                value.sub_(1e-3 * value.grad)
    grads = [value.grad for value in policy.parameters()]
    assert all(grad is not None and grad.abs().max().item() > 0 for grad in grads)
    assert losses[-1] < losses[0]


def test_other_widths_make_another_size() -> None:
    narrow = PolicyConfig(camera_encoder="small:16,24,32", map_encoder="small_map:8,16,16")
    assert parameters(narrow) < 0.6 * parameters(PolicyConfig())


def test_the_default_policy_has_at_most_a_million_parameters() -> None:
    assert 200_000 < parameters(PolicyConfig()) <= 1_000_000
    assert parameters(PolicyConfig(shared_cameras=False)) <= 1_000_000


def test_separate_cameras_cost_one_encoder_each() -> None:
    one_encoder = sum(v.numel() for v in DrivingPolicy().camera_encoders.parameters())
    difference = parameters(PolicyConfig(shared_cameras=False)) - parameters(PolicyConfig())
    assert difference == 2 * one_encoder


@pytest.mark.parametrize("features", [96, None])
def test_shared_and_separate_cameras_agree_when_the_weights_do(features: int | None) -> None:
    torch.manual_seed(0)
    shared, separate = (
        DrivingPolicy(PolicyConfig(shared_cameras=value, features=features))
        for value in (True, False)
    )
    weights = shared.state_dict()
    for name, value in list(weights.items()):
        if name.startswith("camera_encoders.0."):
            weights |= {name.replace(".0.", f".{i}.", 1): value for i in (1, 2)}
    separate.load_state_dict(weights)
    inputs = observation(shared.config)
    torch.testing.assert_close(mixture_of(shared, *inputs).loc, mixture_of(separate, *inputs).loc)


def test_the_same_observation_gives_the_same_distribution() -> None:
    torch.manual_seed(0)
    policy = DrivingPolicy().eval()
    inputs = observation(policy.config, batch=8)
    first, second = (mixture_of(policy, *inputs) for _ in range(2))
    assert torch.equal(first.loc, second.loc)
    assert torch.equal(first.log_weights, second.log_weights)


def test_a_car_is_not_driven_by_the_others_of_the_batch() -> None:
    torch.manual_seed(0)
    policy = DrivingPolicy()
    cameras, route_map = observation(policy.config, batch=4)
    alone = mixture_of(policy, cameras[2:3], route_map[2:3])
    together = mixture_of(policy, cameras, route_map)[2]
    torch.testing.assert_close(alone.loc, together.loc)


def test_both_inputs_and_the_order_of_the_cameras_matter() -> None:
    torch.manual_seed(0)
    policy = DrivingPolicy()
    cameras, route_map = observation(policy.config)
    seen = mixture_of(policy, cameras, route_map).loc
    assert not torch.allclose(seen, mixture_of(policy, cameras.flip(1), route_map).loc)
    assert not torch.allclose(seen, mixture_of(policy, cameras, route_map.flip(1)).loc)


@pytest.mark.parametrize(("missing", "ignored"), [("camera_encoder", 0), ("map_encoder", 1)])
def test_a_policy_without_an_encoder_is_blind_to_that_input(missing: str, ignored: int) -> None:
    torch.manual_seed(0)
    config = PolicyConfig(**{missing: "none"})  # type: ignore[arg-type]
    policy = DrivingPolicy(config)
    first, second = observation(config, seed=0), observation(config, seed=1)
    seen = mixture_of(policy, *first).loc
    other = (second[0], first[1]) if ignored == 0 else (first[0], second[1])
    assert torch.equal(seen, mixture_of(policy, *other).loc)
    other = (first[0], second[1]) if ignored == 0 else (second[0], first[1])
    assert not torch.allclose(seen, mixture_of(policy, *other).loc)


def test_the_inputs_are_left_as_they_were() -> None:
    policy = DrivingPolicy()
    cameras, route_map = observation(policy.config)
    before = cameras.clone(), route_map.clone()
    mixture_of(policy, cameras, route_map)
    assert torch.equal(cameras, before[0])
    assert torch.equal(route_map, before[1])


def test_bfloat16_autocast_still_gives_a_float32_distribution() -> None:
    torch.manual_seed(0)
    policy = DrivingPolicy()
    inputs = observation(policy.config)
    exact = mixture_of(policy, *inputs)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = mixture_of(policy, *inputs)
    assert rounded.loc.dtype == torch.float32
    torch.testing.assert_close(rounded.loc, exact.loc, atol=1e-3, rtol=0)


CAMERAS, MAP = (2, 3, 3, 48, 96), (2, 2, 40, 40)


@pytest.mark.parametrize(
    ("cameras", "route_map", "message"),
    [
        (CAMERAS, (2, 2, 50, 50), "(B, 2, 50, 50), expected M = 40: set map_size to 50"),
        (CAMERAS, (2, 1, 40, 40), "route_map is (2, 1, 40, 40), expected (B, 2, 40, 40)"),
        (CAMERAS, (2, 2, 40, 48), "route_map is (2, 2, 40, 48), expected (B, 2, 40, 40)"),
        (CAMERAS, (3, 2, 40, 40), "cameras has a batch of 2, route_map of 3: expected one B"),
        ((2, 1, 3, 48, 96), MAP, "cameras is (B, 1, 3, 48, 96), expected 3 cameras: set cameras"),
        ((2, 3, 3, 66, 200), MAP, "expected 48 x 96 pixels: set camera_size to (66, 200)"),
        ((2, 3, 48, 96, 3), MAP, "cameras is (2, 3, 48, 96, 3), expected (B, 3, 3, 48, 96)"),
        ((3, 3, 48, 96), MAP, "cameras is (3, 3, 48, 96), expected (B, 3, 3, 48, 96)"),
    ],
)
def test_a_wrong_shape_is_refused_in_one_line(
    cameras: tuple[int, ...], route_map: tuple[int, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        DrivingPolicy()(
            torch.zeros(cameras, dtype=torch.uint8), torch.zeros(route_map, dtype=torch.uint8)
        )
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["cameras", "route_map"])
@pytest.mark.parametrize(
    ("convert", "message"),
    [
        (Tensor.numpy, "is a ndarray, expected a tensor: torch.from_num"),
        (Tensor.float, "is torch.float32, expected torch.uint8"),  # the policy normalises
    ],
)
def test_what_is_no_tensor_of_bytes_is_refused(name, convert, message) -> None:
    cameras, route_map = observation(PolicyConfig())
    inputs = {"cameras": cameras, "route_map": route_map}
    inputs[name] = convert(inputs[name])
    with pytest.raises(ValueError, match=f"{name} {message}"):
        DrivingPolicy()(**inputs)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"cameras": 0}, "cameras is 0, expected a whole number >= 1"),
        ({"map_size": 40.0}, "map_size is 40.0, expected a whole number"),
        ({"camera_size": (48,)}, "camera_size is (48,), expected (height, width)"),
        ({"camera_size": 48}, "camera_size is 48, expected (height, width)"),
        ({"camera_size": (48, 0)}, "an entry is 0, expected a whole number >= 1"),
        ({"camera_encoder": "big"}, "camera_encoder is 'big', expected one of donkeycar, "),
        ({"map_encoder": "big"}, "map_encoder is 'big', expected one of donkeycar, "),
        ({"camera_encoder": "none", "map_encoder": "none"}, "are none: set one of them"),
        ({"camera_encoder": "none", "frames": 2}, "frames is 2, but camera_encoder is none"),
        ({"camera_encoder": "small:"}, "expected one or more whole numbers >= 1: small:32,48,64"),
        ({"camera_encoder": "small:8,0"}, "expected one or more whole numbers >= 1"),
        ({"camera_encoder": "pilotnet:8,8"}, "'pilotnet:8,8', expected 5 whole numbers >= 1"),
        ({"camera_encoder": "resnet18:8"}, "resnet18 takes no channels, write resnet18"),
        ({"camera_weights": 3}, "camera_weights is 3, expected a path or null"),
        ({"features": 0}, "features is 0, expected a whole number >= 1"),
        ({"frames": 0}, "frames is 0, expected a whole number >= 1"),
        ({"memory": "lstm"}, "memory is 'lstm', expected stack or gru"),
        ({"shared_cameras": 1}, "shared_cameras is 1, expected true or false"),
        ({"components": True}, "components is True, expected a whole number"),
        ({"distribution": "normal"}, "distribution is 'normal', expected one of gaussian_mixture"),
        ({"distribution": "point", "components": 3}, "components is 3, but point has no size"),
        ({"hidden": 128}, "hidden is 128, expected a tuple"),
        ({"hidden": ()}, "hidden is (), expected a tuple"),
    ],
)
def test_a_config_that_cannot_work_is_refused_in_one_line(
    fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(PolicyError, match=re.escape(message)) as error:
        PolicyConfig(**fields)
    assert "\n" not in str(error.value)


def test_importing_drivecnn_loads_no_simulator_no_tracker_and_no_torchvision() -> None:
    code = (
        "import sys, drivecnn; "
        "unwanted = {'wandb', 'pygame', 'gymnasium', 'highway_env', 'numba', 'drivecnn_envs', "
        "'torchvision'}; drivecnn.DrivingPolicy(); "
        "print(sorted(unwanted & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
