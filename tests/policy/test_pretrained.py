"""Camera encoders of torchvision start from its weights; a file that does not fit is named."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from weights import same_weights

from drivecnn.policy import (
    DrivingPolicy,
    PolicyConfig,
    PolicyError,
    load_camera_weights,
    load_policy,
    save_policy,
)


def torchvision_network(name: str) -> nn.Module:
    from torchvision.models import get_model

    network: nn.Module = get_model(name, weights=None).eval()
    return network


def saved(state: dict[str, Tensor], path: Path) -> str:
    if path.suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save(state, path)
    return str(path)


def policy_of(encoder: str, weights: str | None, **fields: Any) -> DrivingPolicy:
    config = PolicyConfig(
        cameras=2, camera_size=(64, 64), camera_encoder=encoder, camera_weights=weights, **fields
    )
    return DrivingPolicy(config)


def assert_refused(policy: DrivingPolicy, *parts: str) -> None:
    with pytest.raises(PolicyError) as error:
        load_camera_weights(policy)
    assert all(part in str(error.value) for part in parts), str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("shared", [True, False])
def test_cameras_see_what_the_network_saw(tmp_path: Path, suffix: str, shared: bool) -> None:
    network = torchvision_network("mobilenet_v3_small")
    path = saved(network.state_dict(), tmp_path / f"weights{suffix}")
    policy = policy_of("mobilenet_v3_small", path, shared_cameras=shared, features=None).eval()
    load_camera_weights(policy)
    images = torch.rand(2, 3, 64, 64)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    with torch.inference_mode():
        expected = network.features((images - mean[:, None, None]) / std[:, None, None]).flatten(1)
        for encoder in policy.camera_encoders:
            seen = encoder(2 * images - 1)
            torch.testing.assert_close(seen, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", ["resnet18", "regnet_y_400mf", "efficientnet_b0"])
def test_the_weights_of_other_networks_fit_as_well(tmp_path: Path, name: str) -> None:
    state = torchvision_network(name).state_dict()
    policy = policy_of(name, saved(state, tmp_path / "weights.pth"))
    load_camera_weights(policy)
    for key, value in policy.camera_encoders[0].layers.network.state_dict().items():
        assert torch.equal(value, state[key])


def test_a_transformer_takes_weights_of_another_image_size(tmp_path: Path) -> None:
    from torchvision.models import VisionTransformer

    state = VisionTransformer(96, 16, 12, 3, 192, 768).state_dict()
    policy = policy_of("vit_tiny", saved(state, tmp_path / "weights.pth"))
    load_camera_weights(policy)
    network = policy.camera_encoders[0].layers.network
    assert torch.equal(network.conv_proj.weight, state["conv_proj.weight"])
    positions, given = network.encoder.pos_embedding, state["encoder.pos_embedding"]
    assert positions.shape == (1, 17, 192)
    assert given.shape == (1, 37, 192)
    torch.testing.assert_close(positions[:, [0, 1, -1]], given[:, [0, 1, -1]])  # token and corners


def test_an_old_file_without_counters_is_read(tmp_path: Path) -> None:
    state = torchvision_network("resnet18").state_dict()
    old = {key: value for key, value in state.items() if not key.endswith("num_batches_tracked")}
    policy = policy_of("resnet18", saved(old, tmp_path / "old.pth"))
    load_camera_weights(policy)
    first = policy.camera_encoders[0].layers.network.conv1.weight
    assert torch.equal(first, state["conv1.weight"])


def test_the_checkpoint_does_not_need_the_file(tmp_path: Path) -> None:
    path = saved(torchvision_network("mobilenet_v3_small").state_dict(), tmp_path / "weights.pth")
    policy = policy_of("mobilenet_v3_small", path)
    load_camera_weights(policy)
    save_policy(policy, tmp_path)
    Path(path).unlink()
    assert same_weights(load_policy(tmp_path), policy)


def test_without_a_file_nothing_changes() -> None:
    policy = policy_of("mobilenet_v3_small", None)
    before = copy.deepcopy(policy)
    load_camera_weights(policy)
    assert same_weights(policy, before)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    path = str(tmp_path / "none.pth")
    assert_refused(policy_of("mobilenet_v3_small", path), f"no file {path}: set camera_weights")


@pytest.mark.parametrize("name", ["weights.pth", "weights.safetensors"])
@pytest.mark.parametrize("size", [0, 5, 100, 5000, -100])
def test_a_truncated_file_is_named(tmp_path: Path, name: str, size: int) -> None:
    path = tmp_path / name
    saved({"weight": torch.zeros(5000)}, path)
    path.write_bytes(path.read_bytes()[:size])
    assert_refused(policy_of("mobilenet_v3_small", str(path)), str(path), "damaged")


@pytest.mark.parametrize("size", [0, 5, 100, 250, 5000])
def test_a_truncated_file_of_the_old_format_is_named(tmp_path: Path, size: int) -> None:
    path = tmp_path / "weights.pth"
    torch.save({"weight": torch.zeros(5000)}, path, _use_new_zipfile_serialization=False)
    path.write_bytes(path.read_bytes()[:size])
    assert_refused(policy_of("mobilenet_v3_small", str(path)), str(path), "damaged")


@pytest.mark.parametrize("name", ["weights.pth", "weights.safetensors"])
@pytest.mark.parametrize(
    "text", ["no weights\n" * 50, "error: not found\n", "resnet18\n", "a text"]
)
def test_a_file_of_something_else_is_named(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    assert_refused(policy_of("mobilenet_v3_small", str(path)), str(path), "damaged")


def test_a_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "module.pth"
    torch.save(nn.Linear(2, 2), path)
    assert_refused(policy_of("mobilenet_v3_small", str(path)), str(path), "damaged or holds no")


@pytest.mark.parametrize("content", [[torch.zeros(2)], {"model": {}}, {"epoch": 3}])
def test_a_file_that_holds_no_state_dict_is_named(tmp_path: Path, content: object) -> None:
    path = tmp_path / "weights.pth"
    torch.save(content, path)
    assert_refused(policy_of("mobilenet_v3_small", str(path)), "is not a state dict")


def test_weights_of_another_network_are_named(tmp_path: Path) -> None:
    state = torchvision_network("mobilenet_v3_small").state_dict()
    path = saved(state, tmp_path / "weights.pth")
    assert_refused(
        policy_of("resnet18", path), f"{path} holds no weights of resnet18: tensor bn1", "missing"
    )
    narrow = {key: value[:1] for key, value in state.items() if value.ndim}
    path = saved(narrow, tmp_path / "narrow.pth")
    assert_refused(policy_of("mobilenet_v3_small", path), "tensor features.0.0.weight is (1, 3")


def test_an_encoder_of_our_own_has_no_such_weights(tmp_path: Path) -> None:
    path = saved({"weight": torch.zeros(2)}, tmp_path / "weights.pth")
    assert_refused(policy_of("small", path), "camera_encoder 'small' is none of torchvision's")
