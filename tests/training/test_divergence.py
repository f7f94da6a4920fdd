"""A loss that is no number changes no weights; ten in a row end the training with a good policy."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from brief import BRIEF

from drivecnn import load_policy
from drivecnn.cli import main
from drivecnn.losses import LOSSES, LossTerms, NLLLoss
from drivecnn.policy import load_metadata
from drivecnn.rollout import DivergedError
from drivecnn.training.run import train
from drivecnn.training.trainer import EXPERT_STINT, Trainer

LONG = replace(BRIEF, optimiser=replace(BRIEF.optimiser, steps=30), checkpoint_seconds=1e-9)


class BrokenLoss(NLLLoss):
    """Is no number in the calls of a range; the first call is 0."""

    def __init__(self, calls, total=lambda total: total * float("nan")):
        self.calls, self.total, self.count = calls, total, 0

    def __call__(self, distribution, curvature):
        terms = super().__call__(distribution, curvature)
        self.count += 1
        if self.count - 1 in self.calls:
            return LossTerms(self.total(terms.total), terms.nll, terms.curvature_mae)
        return terms


def break_loss(monkeypatch, calls):
    loss = BrokenLoss(calls)
    monkeypatch.setitem(LOSSES, "nll", loss)


def everything(trainer):
    """Copies of weights, averaged weights and the optimiser's moments."""
    moments = trainer.optimiser.state_dict()["state"]
    return [
        value.clone()
        for state in (
            trainer.raw_policy.state_dict(),
            trainer.average.state_dict(),
            *moments.values(),
        )
        for value in state.values()
    ]


def count(policy, *_):
    """Change what a batch normalisation would."""
    if policy.training:
        policy.calls += 1


@pytest.fixture(scope="module", params=["32-true", "bf16-mixed"])
def trainer(request):
    """One that has taken a step, with a statistic that every batch changes."""
    optimiser = replace(BRIEF.optimiser, precision=request.param)
    trainer = Trainer(replace(BRIEF, optimiser=optimiser))
    for policy in (trainer.raw_policy, trainer.driving_policy, trainer.average.module):
        policy.register_buffer("calls", torch.zeros(()))
    trainer.raw_policy.register_forward_hook(count)
    trainer.train_step()
    return trainer


@pytest.mark.parametrize(
    "total",
    [
        lambda total: total * float("nan"),
        lambda total: total + float("inf"),
        lambda total: total + torch.sqrt(0.0 * total),  # finite, its gradient is not
    ],
    ids=["nan", "inf", "gradient"],
)
def test_a_step_without_finite_numbers_changes_no_weights(trainer, total):
    trainer.loss = BrokenLoss(range(1), total)
    before, step, skipped = everything(trainer), trainer.step, trainer.skipped
    report = trainer.train_step()
    assert (report.skipped, report.step, trainer.skipped) == (True, step + 1, skipped + 1)
    assert all(torch.equal(a, b) for a, b in zip(before, everything(trainer), strict=True))
    assert not trainer.train_step().skipped
    assert not all(torch.equal(a, b) for a, b in zip(before, everything(trainer), strict=True))
    assert trainer.is_finite()


def test_training_goes_on_after_skipped_steps(tmp_path, monkeypatch):
    break_loss(monkeypatch, range(1, 10))
    progress = []
    train(
        replace(LONG, optimiser=replace(LONG.optimiser, steps=11)), tmp_path, False, progress.append
    )
    assert progress[-1].step == 11
    assert progress[-1].skipped == 9
    assert np.isfinite(progress[-1].loss)
    assert load_metadata(tmp_path)["skipped_steps"] == 9
    assert not (tmp_path / "bad_states.npy").exists()


def test_ten_skipped_steps_in_a_row_end_the_training(tmp_path, monkeypatch):
    break_loss(monkeypatch, range(100))
    with pytest.raises(DivergedError, match=r"bad_states\.npy.* step 10,.*--resume with") as stop:
        train(LONG, tmp_path)
    assert "\n" not in str(stop.value)
    states = np.load(tmp_path / "bad_states.npy", allow_pickle=False)
    assert len(states) == LONG.optimiser.batch_size
    assert np.isfinite(states["x"]).all()
    assert all(value.isfinite().all() for value in load_policy(tmp_path).state_dict().values())
    assert not list(tmp_path.glob(".*"))


def test_the_last_good_checkpoint_stays_and_is_resumed(tmp_path, monkeypatch):
    break_loss(monkeypatch, range(3, 100))
    with pytest.raises(DivergedError, match="step 13"):
        train(LONG, tmp_path)
    assert load_metadata(tmp_path)["step"] == 3
    monkeypatch.undo()
    steps = []
    shorter = replace(LONG, optimiser=replace(LONG.optimiser, steps=5))
    train(shorter, tmp_path, resume=True, on_progress=lambda p: steps.append(p.step))
    assert steps == [4, 5]


def test_weights_that_overflow_never_drive_and_are_never_saved(tmp_path):
    """From the second step on the policy answers NaN; the expert drives its cars."""
    config = replace(
        LONG,
        data=replace(LONG.data, cars=8, expert_fraction=0.0, decisions_per_step=EXPERT_STINT),
        optimiser=replace(LONG.optimiser, learning_rate=1e37, warmup_steps=1),
    )
    with pytest.raises(DivergedError, match=r"bad_states\.npy"):
        train(config, tmp_path)
    assert all(value.isfinite().all() for value in load_policy(tmp_path).state_dict().values())


def test_the_command_line_says_what_happened(tmp_path, monkeypatch, capsys):
    arguments = ["train", "--data.maps", "[procedural:0]", "--data.cars", "8"]
    arguments += ["--data.routes", "8"]
    arguments += ["--validation.maps", "[procedural:1]", "--validation.routes", "1"]
    arguments += ["--validation.route_length", "20", "--validation.times", "1"]
    arguments += ["--optimiser.batch_size", "8", "--tracking.mode", "disabled"]
    break_loss(monkeypatch, range(100))
    assert main([*arguments, "--out", str(tmp_path / "bad")]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"drivecnn train: {tmp_path / 'bad' / 'bad_states.npy'}: ")
    assert error.count("\n") == 1
    break_loss(monkeypatch, range(1))
    assert main([*arguments, "--optimiser.steps", "2", "--out", str(tmp_path / "good")]) == 0
    assert capsys.readouterr().out.count("skipped steps: 1,") == 1
