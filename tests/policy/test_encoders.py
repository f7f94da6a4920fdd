"""Every encoder by its name: what comes out, what it needs, and that all of it learns."""

import re
from itertools import pairwise

import pytest
import torch
from jsonargparse import ArgumentParser
from torch import Tensor, nn

from drivecnn.policy import ENCODERS, DrivingPolicy, PolicyConfig, PolicyError, build_encoder
from drivecnn.policy.encoders import Encoder, register

SEEING = sorted(ENCODERS.keys() - {"none"})
UNPADDED = ["donkeycar", "pilotnet", "variational", "variational_map"]


def images(batch: int, shape: tuple[int, int, int], seed: int = 0) -> Tensor:
    return torch.rand(batch, *shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def driving(name: str, shape: tuple[int, int, int], features: int | None) -> Encoder:
    """An encoder in eval mode with running statistics of some images."""
    torch.manual_seed(0)
    encoder = build_encoder(name, shape, features)
    for module in encoder.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        encoder(images(16, shape, seed=1))
    return encoder.eval()


def size_of(module: nn.Module) -> int:
    return sum(value.numel() for value in module.parameters())


def dense(*widths: int) -> nn.Sequential:
    """Linear layers of so many inputs and outputs, one after another."""
    return nn.Sequential(*[nn.Linear(before, after) for before, after in pairwise(widths)])


def test_the_published_encoders_are_there() -> None:
    published = {"donkeycar", "pilotnet", "resnet18", "small", "small_map", "variational"}
    assert published < ENCODERS.keys()


@pytest.mark.parametrize("name", SEEING)
@pytest.mark.parametrize("channels", [2, 3])
def test_images_become_rows_of_features(name: str, channels: int) -> None:
    shape = (channels, 64, 80)
    encoder = build_encoder(name, shape, 7).eval()
    assert encoder.width == 7
    assert encoder(images(3, shape)).shape == (3, 7)
    flat = build_encoder(name, shape, None).eval()
    assert flat.width > 7
    assert flat(images(3, shape)).shape == (3, flat.width)


def test_no_encoder_makes_no_features() -> None:
    encoder = build_encoder("none", (3, 48, 96), 96)
    assert encoder.width == size_of(encoder) == 0
    assert encoder(images(5, (3, 48, 96))).shape == (5, 0)


@pytest.mark.parametrize("name", SEEING)
def test_images_that_are_too_small_are_refused_in_one_line(name: str) -> None:
    smallest = ENCODERS[name].smallest
    shape = (3, smallest, smallest)
    assert build_encoder(name, shape, 4).eval()(images(1, shape)).shape == (1, 4)
    message = (
        f"camera_encoder {name!r} needs images of at least {smallest} x {smallest} px, "
        f"got 90 x {smallest - 1}: set camera_size"
    )
    with pytest.raises(PolicyError, match=re.escape(message)) as error:
        DrivingPolicy(PolicyConfig(camera_encoder=name, camera_size=(90, smallest - 1)))
    assert "\n" not in str(error.value)
    with pytest.raises(PolicyError, match=f"map_encoder '{name}' needs .* set map_size"):
        DrivingPolicy(PolicyConfig(map_encoder=name, map_size=smallest - 1))


@pytest.mark.parametrize("name", UNPADDED)
def test_smaller_images_would_leave_nothing(name: str) -> None:
    recipe = ENCODERS[name]
    shape = (3, recipe.smallest, recipe.smallest - 1)
    with pytest.raises(RuntimeError, match=r"can't be greater than actual input size"):
        recipe.layers(shape, recipe.channels)(images(1, shape))


@pytest.mark.parametrize("name", SEEING)
def test_every_parameter_of_an_encoder_learns(name: str) -> None:
    torch.manual_seed(0)
    encoder = build_encoder(name, (3, 64, 64), 8)
    torch.autograd.backward(encoder(images(16, (3, 64, 64))).square().sum())
    for parameter, value in encoder.named_parameters():
        assert value.grad is not None, parameter
        assert value.grad.abs().max().item() > 0, parameter


@pytest.mark.parametrize("name", SEEING)
def test_driving_is_deterministic_and_moves_no_statistics(name: str) -> None:
    encoder = driving(name, (3, 64, 64), 8)
    before = {key: value.clone() for key, value in encoder.state_dict().items()}
    batch = images(4, (3, 64, 64))
    with torch.inference_mode():
        first, second, alone = encoder(batch), encoder(batch), encoder(batch[2:3])
    assert torch.equal(first, second)
    torch.testing.assert_close(first[2:3], alone, atol=1e-4, rtol=1e-4)
    assert all(torch.equal(value, before[key]) for key, value in encoder.state_dict().items())


@pytest.mark.parametrize("name", ["efficientnet_b0", "mobilenet_v3_small", "regnet_y_400mf"])
def test_statistics_start_fresh_and_move_in_training(name: str) -> None:
    encoder = build_encoder(name, (3, 64, 64), 8)
    counters = [value for key, value in encoder.named_buffers() if key.endswith("batches_tracked")]
    assert encoder.training
    assert {int(value) for value in counters} == {0}
    encoder(images(4, (3, 64, 64)))
    assert {int(value) for value in counters} == {1}


@pytest.mark.parametrize("name", SEEING)
def test_a_mirrored_image_is_seen_as_another_one(name: str) -> None:
    encoder = driving(name, (3, 64, 96), None)
    image = images(1, (3, 64, 96))
    with torch.inference_mode():
        seen, mirrored = encoder(image), encoder(image.flip(-1))
    assert (seen - mirrored).abs().mean() > 0.1 * seen.abs().mean()


@pytest.mark.parametrize("name", sorted(ENCODERS))
@pytest.mark.parametrize("shared", [True, False])
def test_it_serves_one_camera_and_four(name: str, shared: bool) -> None:
    for cameras in (1, 4):
        config = PolicyConfig(
            cameras=cameras, camera_size=(64, 64), camera_encoder=name, shared_cameras=shared
        )
        policy = DrivingPolicy(config).eval()
        pixels = torch.zeros(2, cameras, 3, 64, 64, dtype=torch.uint8)
        with torch.inference_mode():
            distribution = policy(pixels, torch.zeros(2, 2, 40, 40, dtype=torch.uint8))
        assert distribution.mean.shape == (2,)


@pytest.mark.parametrize("name", sorted(ENCODERS))
def test_the_command_line_sets_it(name: str) -> None:
    parser = ArgumentParser()
    parser.add_class_arguments(PolicyConfig, "policy")
    options = parser.parse_args(["--policy.camera_encoder", name, "--policy.features", "null"])
    assert parser.instantiate(options).policy == PolicyConfig(camera_encoder=name, features=None)


def test_the_command_line_sets_the_widths() -> None:
    parser = ArgumentParser()
    parser.add_class_arguments(PolicyConfig, "policy")
    options = parser.parse_args(["--policy.camera_encoder", "small:24,48"])
    config = parser.instantiate(options).policy
    assert [tuple(v.shape) for v in DrivingPolicy(config).camera_encoders[0].layers.parameters()][
        ::2
    ] == [(24, 3, 6, 6), (48, 24, 3, 3)]


def test_pilotnet_is_as_large_as_published() -> None:
    convolutions = build_encoder("pilotnet", (3, 66, 200), None)
    assert convolutions.width == 1152
    assert size_of(convolutions) + size_of(dense(1152, 100, 50, 10, 1)) == 252_219


def test_the_variational_network_is_as_large_as_published() -> None:
    config = PolicyConfig(
        camera_size=(80, 200),
        map_size=50,
        shared_cameras=False,
        camera_encoder="variational",
        map_encoder="variational_map",
        features=None,
    )
    policy = DrivingPolicy(config)
    joint = policy.seen_width + policy.map_encoder.width
    assert joint == 24_960
    encoders = size_of(policy.camera_encoders) + size_of(policy.map_encoder)
    layers = dense(joint, 1000, 100, 3 * 3)
    assert encoders + size_of(layers) == 25_300_785
    assert size_of(layers[0]) / 25_300_785 == pytest.approx(0.987, abs=5e-4)


def test_donkeycar_is_as_large_as_its_linear_pilot() -> None:
    convolutions = build_encoder("donkeycar", (3, 120, 160), None)
    assert convolutions.width == 6656
    assert size_of(convolutions) + size_of(dense(6656, 100, 50, 2)) == 817_028


@pytest.mark.parametrize(
    ("name", "million"),
    [
        ("resnet18", 11.18),
        ("regnet_y_400mf", 3.90),
        ("efficientnet_b0", 4.01),
        ("mobilenet_v3_small", 0.93),
        ("vit_tiny", 5.49),
    ],
)
def test_a_backbone_is_as_large_as_published_without_its_head(name: str, million: float) -> None:
    size = size_of(build_encoder(name, (3, 64, 64), None)) / 1e6
    assert size == pytest.approx(million, abs=0.04)


def test_a_new_encoder_is_one_function(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(ENCODERS, "mean_colour", raising=False)

    @register("mean_colour", smallest=1)
    def mean_colour(shape: tuple[int, int, int], channels: tuple[int, ...]) -> nn.Module:
        return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())

    try:
        config = PolicyConfig(camera_encoder="mean_colour", camera_size=(3, 5), features=None)
        assert DrivingPolicy(config).seen_width == 9
    finally:
        del ENCODERS["mean_colour"]
