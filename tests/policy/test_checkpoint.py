"""A checkpoint comes back as it was saved, or is refused in one line; it is never half-written."""

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from drivecnn.policy import (
    ENCODERS,
    FAMILIES,
    CheckpointError,
    DrivingPolicy,
    GaussianMixture,
    PolicyConfig,
    load_metadata,
    load_policy,
    save_policy,
)
from drivecnn.policy.checkpoint import FORMAT

CONFIG = PolicyConfig(
    camera_encoder="small:8,8", map_encoder="small_map:8,8", features=16, hidden=(16,)
)


def small_policy(seed: int = 0) -> DrivingPolicy:
    torch.manual_seed(seed)
    return DrivingPolicy(CONFIG)


def rewrite(path: Path, header: dict[str, Any] | None, drop: str | None = None) -> None:
    """Write the checkpoint again with another header, or without one tensor."""
    tensors = load_file(path)
    if drop:
        del tensors[drop]
    save_file(tensors, path, None if header is None else {"drivecnn": json.dumps(header)})


def header_of(**changes: Any) -> dict[str, Any]:
    policy = dataclasses.asdict(CONFIG)
    return {"format": FORMAT, "policy": policy, "metadata": {}} | changes


def assert_refused(path: Path, *parts: str) -> None:
    for read in (load_policy, load_metadata):
        with pytest.raises(CheckpointError) as error:
            read(path)
        message = str(error.value)
        assert all(part in message for part in parts), message
        assert "\n" not in message


def assert_policy_refused(path: Path, *parts: str) -> None:
    with pytest.raises(CheckpointError) as error:
        load_policy(path)
    message = str(error.value)
    assert all(part in message for part in parts), message
    assert "\n" not in message


def test_a_saved_policy_comes_back_with_equal_outputs_in_eval_mode(tmp_path: Path) -> None:
    policy = small_policy()
    path = save_policy(policy, tmp_path / "runs" / "demo", {"step": 7, "success": 0.98})
    cameras = torch.randint(0, 256, (4, 3, 3, 48, 96), dtype=torch.uint8)
    route_map = torch.randint(0, 256, (4, 2, 40, 40), dtype=torch.uint8)
    for given in (path, path.parent, str(path.parent)):
        loaded = load_policy(given)
        assert loaded.config == CONFIG
        assert not loaded.training
        before, after = policy(cameras, route_map), loaded(cameras, route_map)
        assert isinstance(before, GaussianMixture)
        assert isinstance(after, GaussianMixture)
        for name in ("log_weights", "loc", "scale"):
            assert torch.equal(getattr(before, name), getattr(after, name))


@pytest.mark.parametrize("name", sorted(ENCODERS))
def test_every_encoder_comes_back_as_it_was_saved(tmp_path: Path, name: str) -> None:
    torch.manual_seed(0)
    config = PolicyConfig(
        cameras=2, camera_size=(64, 64), map_size=61, camera_encoder=name, features=None
    )
    policy = DrivingPolicy(config).eval()
    save_policy(policy, tmp_path)
    loaded = load_policy(tmp_path)
    assert loaded.config == config
    expected = policy.state_dict()
    assert all(torch.equal(value, expected[n]) for n, value in loaded.state_dict().items())
    inputs = (
        torch.randint(0, 256, (1, 2, 3, 64, 64), dtype=torch.uint8),
        torch.zeros(1, 2, 61, 61, dtype=torch.uint8),
    )
    with torch.inference_mode():
        assert torch.equal(policy(*inputs).mean, loaded(*inputs).mean)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_policy_of_every_family_comes_back_with_its_temperature(
    tmp_path: Path, name: str
) -> None:
    torch.manual_seed(0)
    policy = DrivingPolicy(dataclasses.replace(CONFIG, distribution=name))
    policy.temperature.fill_(1.5)
    loaded = load_policy(save_policy(policy, tmp_path))
    assert loaded.config.distribution == name
    assert loaded.temperature.item() == 1.5
    features = torch.randn(4, 4 * CONFIG.features)
    q = torch.tensor([[0.1], [0.6]])
    assert torch.equal(policy.head(features).quantile(q), loaded.head(features).quantile(q))


def test_a_loaded_policy_can_be_trained_on(tmp_path: Path) -> None:
    save_policy(small_policy(), tmp_path)
    assert all(value.requires_grad for value in load_policy(tmp_path).parameters())


def test_metadata_comes_back_and_the_json_shows_all_of_it(tmp_path: Path) -> None:
    metadata = {"step": 7, "success": 0.98, "towns": ["a", "b"]}
    save_policy(small_policy(), tmp_path, metadata)
    assert load_metadata(tmp_path) == metadata
    shown = json.loads((tmp_path / "policy.json").read_text())
    assert shown["format"] == FORMAT
    assert shown["metadata"] == metadata
    assert shown["policy"]["camera_size"] == [48, 96]


def test_the_safetensors_file_alone_is_a_checkpoint(tmp_path: Path) -> None:
    save_policy(small_policy(), tmp_path, {"step": 7})
    (tmp_path / "policy.json").unlink()
    moved = (tmp_path / "policy.safetensors").rename(tmp_path / "best.safetensors")
    assert load_policy(moved).config == CONFIG
    assert load_metadata(moved) == {"step": 7}


def test_saving_again_replaces_the_checkpoint(tmp_path: Path) -> None:
    save_policy(small_policy(0), tmp_path, {"step": 1})
    save_policy(small_policy(1), tmp_path, {"step": 2})
    assert load_metadata(tmp_path) == {"step": 2}
    expected = small_policy(1).head.output.weight
    assert torch.equal(load_policy(tmp_path).head.output.weight, expected)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["policy.json", "policy.safetensors"]


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_write_that_fails_midway_leaves_the_old_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    save_policy(small_policy(0), tmp_path, {"step": 1})

    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, failing, full_disk)
        patch.setattr(Path, "replace", full_disk)
        with pytest.raises(CheckpointError, match="No space left on device"):
            save_policy(small_policy(1), tmp_path, {"step": 2})
    assert load_metadata(tmp_path) == {"step": 1}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["policy.json", "policy.safetensors"]


def test_an_interrupt_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save_policy(small_policy(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_run_stopped_between_the_two_renames_still_loads(tmp_path: Path) -> None:
    save_policy(small_policy(), tmp_path, {"step": 1})
    old_copy = (tmp_path / "policy.json").read_text()
    save_policy(small_policy(), tmp_path, {"step": 2})
    (tmp_path / "policy.json").write_text(old_copy)
    assert load_policy(tmp_path).config == CONFIG
    assert load_metadata(tmp_path) == {"step": 2}


def test_metadata_that_is_not_json_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="JSON"):
        save_policy(small_policy(), tmp_path / "run", {"policy": object()})
    assert not (tmp_path / "run").exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CheckpointError, match=r"cannot write .*file"):
        save_policy(small_policy(), tmp_path / "file" / "run")


def test_a_missing_checkpoint_is_named(tmp_path: Path) -> None:
    assert_refused(tmp_path, "no policy.safetensors in", str(tmp_path))
    assert_refused(tmp_path / "nowhere", "no checkpoint at", "nowhere")


def test_another_format_version_says_which_one_is_read(tmp_path: Path) -> None:
    path = save_policy(small_policy(), tmp_path)
    rewrite(path, header_of(format=1))
    assert_refused(tmp_path, f"checkpoint format 1, this drivecnn reads {FORMAT}:")


def test_an_edited_json_is_refused(tmp_path: Path) -> None:
    save_policy(small_policy(), tmp_path)
    copy = tmp_path / "policy.json"
    copy.write_text(json.dumps(header_of(format=1)))
    assert_refused(tmp_path, "policy.json", f"checkpoint format 1, this drivecnn reads {FORMAT}:")
    copy.write_text(json.dumps(header_of(policy=dataclasses.asdict(PolicyConfig()))))
    assert_refused(tmp_path, "does not describe the policy.safetensors beside it", "delete it")
    copy.write_text("{")
    assert_refused(tmp_path, "policy.json", "not JSON")


@pytest.mark.parametrize("size", [0, 5, 300, -100])
def test_a_truncated_file_is_refused(tmp_path: Path, size: int) -> None:
    path = save_policy(small_policy(), tmp_path)
    path.write_bytes(path.read_bytes()[:size])
    assert_refused(path, "policy.safetensors is damaged")


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "policy.safetensors"
    path.write_text("not a checkpoint\n" * 50)
    assert_refused(tmp_path, "damaged or no safetensors file")


def test_safetensors_of_another_program_are_refused(tmp_path: Path) -> None:
    path = save_policy(small_policy(), tmp_path)
    rewrite(path, None)
    assert_refused(tmp_path, "was not written by drivecnn")


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({}, "no format version"),
        ({"format": FORMAT, "metadata": {}}, "no policy"),
        ({"format": FORMAT, "policy": {}, "metadata": []}, "no metadata"),
    ],
)
def test_a_header_with_a_part_missing_is_refused(
    tmp_path: Path, header: dict[str, Any], message: str
) -> None:
    rewrite(save_policy(small_policy(), tmp_path), header)
    assert_refused(tmp_path, message)


def test_an_unknown_config_key_is_named(tmp_path: Path) -> None:
    path = save_policy(small_policy(), tmp_path)
    (tmp_path / "policy.json").unlink()
    rewrite(path, header_of(policy=dataclasses.asdict(CONFIG) | {"wings": 2}))
    assert_policy_refused(tmp_path, "unknown policy setting 'wings'", "camera_size")


def test_a_config_value_that_cannot_work_is_named(tmp_path: Path) -> None:
    path = save_policy(small_policy(), tmp_path)
    (tmp_path / "policy.json").unlink()
    for field, value, message in (
        ("map_size", "big", "map_size is 'big', expected a whole number"),
        ("map_size", 8, "map_encoder 'small_map' needs images of at least 16 x 16 px"),
        ("camera_encoder", ["small"], "camera_encoder is ('small',), expected one of"),
        ("memory", [], "memory is (), expected stack or gru"),
        ("camera_weights", 3, "camera_weights is 3, expected a path or null"),
        ("distribution", {}, "distribution is {}, expected one of"),
        ("features", 10**18, "its config asks for a network too large to be"),
        ("frames", 10**30, "its config asks for a network too large to be"),
    ):
        rewrite(path, header_of(policy=dataclasses.asdict(CONFIG) | {field: value}))
        assert_policy_refused(tmp_path, str(path), message)


def test_a_config_key_of_a_later_version_of_the_code_takes_its_default(tmp_path: Path) -> None:
    path = save_policy(small_policy(), tmp_path)
    (tmp_path / "policy.json").unlink()
    fields = dataclasses.asdict(CONFIG)
    del fields["map_size"]
    rewrite(path, header_of(policy=fields))
    assert load_policy(tmp_path).config == CONFIG


def test_tensors_that_do_not_match_the_config_are_named(tmp_path: Path) -> None:
    path = save_policy(small_policy(), tmp_path)
    (tmp_path / "policy.json").unlink()
    rewrite(path, header_of(policy=dataclasses.asdict(CONFIG) | {"hidden": (32,)}))
    assert_policy_refused(tmp_path, "tensor head.hidden", "its config asks for (32")
    rewrite(path, header_of(policy=dataclasses.asdict(CONFIG) | {"shared_cameras": False}))
    assert_policy_refused(tmp_path, "no tensor camera_encoders.1.")
    rewrite(path, header_of(policy=dataclasses.asdict(CONFIG) | {"camera_encoder": "small:8"}))
    assert_policy_refused(tmp_path, "tensor camera_encoders.0")


def test_a_missing_tensor_is_named(tmp_path: Path) -> None:
    path = save_policy(small_policy(), tmp_path)
    rewrite(path, header_of(), drop="head.output.bias")
    assert_policy_refused(tmp_path, "no tensor head.output.bias, which its config asks for")
