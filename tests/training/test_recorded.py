"""Work on a GPU that is recorded does what it does otherwise."""

import pytest
import torch

from drivecnn.training import recorded
from drivecnn.training.config import DataConfig, OptimiserConfig, RunConfig
from drivecnn.training.recorded import WARM_UP, Recorded
from drivecnn.training.trainer import Trainer

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
STEPS = 2 * WARM_UP


@needs_gpu
def test_recorded_work_answers_for_the_inputs_it_is_given() -> None:
    double = Recorded(lambda value: 2.0 * value)
    given = [torch.full((3,), float(number), device="cuda") for number in range(STEPS)]
    assert [float(double(value)[0]) for value in given] == [2.0 * n for n in range(STEPS)]


@needs_gpu
@pytest.mark.parametrize("method", ["muon", "adamw"])
def test_a_recorded_training_is_the_training(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    config = RunConfig(
        data=DataConfig(maps=("procedural:3",), routes=8, cars=8),
        optimiser=OptimiserConfig(steps=STEPS, batch_size=32, method=method, precision="32-true"),
    )
    trainer = Trainer(config)
    losses = [trainer.train_step().loss for _ in range(STEPS)]
    monkeypatch.setattr(recorded, "WARM_UP", STEPS)
    usual = Trainer(config)
    assert losses == pytest.approx([usual.train_step().loss for _ in range(STEPS)], rel=0.02)
    assert losses[-1] < losses[0]
