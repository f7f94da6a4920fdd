"""A policy that sees several frames: their order counts, and a single frame costs nothing."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from drivecnn.policy import DrivingPolicy, PolicyConfig, load_policy, save_policy
from drivecnn.policy.memory import GRU_WIDTH, MEMORIES

NARROW: dict[str, Any] = {"camera_encoder": "small:8,8", "features": 16, "frames": 4}


def policy_of(**fields: Any) -> DrivingPolicy:
    torch.manual_seed(0)
    return DrivingPolicy(PolicyConfig(**NARROW | fields))


def pixels(*shape: int, seed: int = 0) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, shape, generator=rng, dtype=torch.uint8)


MAP = pixels(2, 2, 40, 40)


@pytest.mark.parametrize("memory", MEMORIES)
@pytest.mark.parametrize("shared", [True, False])
def test_every_frame_and_their_order_matter(memory: str, shared: bool) -> None:
    policy = policy_of(memory=memory, shared_cameras=shared)
    cameras = pixels(2, 4, 3, 3, 48, 96)
    with torch.inference_mode():
        seen = policy(cameras, MAP).mean
        assert seen.shape == (2,)
        assert not torch.allclose(seen, policy(cameras.flip(1), MAP).mean)
        for frame in range(4):
            changed = cameras.clone()
            changed[:, frame] = 0
            assert not torch.equal(seen, policy(changed, MAP).mean)


@pytest.mark.parametrize("memory", MEMORIES)
def test_all_of_a_policy_with_memory_learns(memory: str) -> None:
    policy = policy_of(memory=memory)
    distribution = policy(pixels(2, 4, 3, 3, 48, 96), MAP)
    torch.autograd.backward(distribution.log_prob(torch.zeros(2)).sum())
    for name, value in policy.named_parameters():
        assert value.grad is not None, name
        assert value.grad.abs().max().item() > 0, name


def test_stacked_frames_are_side_by_side_and_a_gru_keeps_its_width() -> None:
    assert policy_of(memory="stack").memory.width == 4 * 3 * 16
    assert policy_of(memory="gru").memory.width == GRU_WIDTH
    assert policy_of(memory="gru", frames=9).memory.width == GRU_WIDTH


def test_one_frame_needs_no_memory() -> None:
    cameras = pixels(2, 3, 3, 48, 96)
    stack, gru = (policy_of(memory=memory, frames=1) for memory in ("stack", "gru"))
    with torch.inference_mode():
        assert torch.equal(stack(cameras, MAP).mean, gru(cameras, MAP).mean)
    assert not list(gru.memory.parameters())


def test_frames_are_seen_by_the_same_encoders() -> None:
    one, four = policy_of(frames=1), policy_of(frames=4)
    names = {name for name, _ in one.camera_encoders.named_parameters()}
    assert names == {name for name, _ in four.camera_encoders.named_parameters()}


@pytest.mark.parametrize("memory", MEMORIES)
def test_a_policy_with_memory_comes_back_from_its_checkpoint(tmp_path: Path, memory: str) -> None:
    policy = policy_of(memory=memory).eval()
    save_policy(policy, tmp_path)
    loaded = load_policy(tmp_path)
    assert loaded.config == policy.config
    cameras = pixels(2, 4, 3, 3, 48, 96)
    with torch.inference_mode():
        assert torch.equal(policy(cameras, MAP).mean, loaded(cameras, MAP).mean)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((2, 3, 3, 48, 96), "cameras is (2, 3, 3, 48, 96), expected (B, 4, 3, 3, 48, 96)"),
        ((2, 2, 3, 3, 48, 96), "cameras is (B, 2, 3, 3, 48, 96), expected 4 frames: set frames"),
        ((2, 4, 1, 3, 48, 96), "expected 3 cameras: set cameras to 1"),
        ((2, 4, 3, 3, 66, 200), "expected 48 x 96 pixels: set camera_size to (66, 200)"),
    ],
)
def test_a_wrong_shape_is_refused_in_one_line(shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        policy_of()(torch.zeros(shape, dtype=torch.uint8), MAP)
    assert "\n" not in str(error.value)


def test_several_frames_are_refused_by_a_policy_of_one() -> None:
    with pytest.raises(ValueError, match=re.escape("expected (B, 3, 3, 48, 96)")):
        policy_of(frames=1)(pixels(2, 1, 3, 3, 48, 96), MAP)
