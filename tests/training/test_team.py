"""Several processes train as one: their gradients are averaged, and none is left behind."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from brief import BRIEF, SMALL

from drivecnn import load_policy
from drivecnn.losses import LossTerms, NLLLoss
from drivecnn.policy.checkpoint import CheckpointError
from drivecnn.training.run import train
from drivecnn.training.team import Order, ProcessError, team_of
from drivecnn.training.trainer import Trainer, beginning
from drivecnn_envs.errors import InputError

TWO = replace(BRIEF, devices=2)


class NoNumber(NLLLoss):
    """A loss that is not finite."""

    def __call__(self, distribution, curvature):
        terms = super().__call__(distribution, curvature)
        return LossTerms(terms.total * float("nan"), terms.nll, terms.curvature_mae)


def flat(tensors):
    return np.concatenate([tensor.detach().numpy().ravel() for tensor in tensors])


def gradients(trainer, rank):
    """Those of this process's own batch, and those that the processes agree on."""
    generator, config = torch.Generator().manual_seed(rank), trainer.raw_policy.config
    shape, side = (4, config.cameras, 3, *config.camera_size), config.map_size
    cameras = torch.randint(256, shape, generator=generator).to(torch.uint8)
    route_map = torch.randint(256, (4, 2, side, side), generator=generator).to(torch.uint8)
    curvature = torch.rand(4, generator=generator) * 0.1
    weights = list(trainer.raw_policy.parameters())
    total = trainer.loss(trainer.raw_policy(cameras, route_map), curvature).total
    own = flat(torch.autograd.grad(total, weights))
    trainer.optimiser.zero_grad()
    trainer.fabric.backward(trainer.loss(trainer.policy(cameras, route_map), curvature).total)
    return own, flat(weight.grad for weight in weights)


def note_down(config, folder, team):
    """Train for three steps, the second without a number in one process; write what happened."""
    rank = team.fabric.global_rank
    first = beginning(replace(config, seed=5)) if team.leads else None  # which all begin with
    trainer = Trainer(config, team.fabric, first)
    own, agreed = gradients(trainer, rank)
    good, skipped = trainer.loss, []
    for step in range(3):
        trainer.loss = NoNumber() if step == 1 and rank == team.fabric.world_size - 1 else good
        skipped.append(trainer.train_step().skipped)
    np.savez(
        folder / f"{rank}.npz",
        own=own,
        agreed=agreed,
        weights=flat(trainer.raw_policy.parameters()),
        average=flat(trainer.average.parameters()),
        states=trainer.buffer.states,
        skipped=skipped,
    )
    team.wait()


def fail(config, how, team):
    """Fail in the follower, in one way or another."""
    if not team.leads:
        how()
    team.wait()


def lack_a_map():
    raise InputError("no such map")


def die():
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture(scope="module")
def noted(tmp_path_factory):
    """What both processes wrote, and after them what one wrote that trained alone."""
    folder, alone = tmp_path_factory.mktemp("two"), tmp_path_factory.mktemp("one")
    for config, place in ((TWO, folder), (BRIEF, alone)):
        work = partial(note_down, config, place)
        with team_of(config, work) as team:
            work(team)
    return [dict(np.load(path)) for path in (folder / "0.npz", folder / "1.npz", alone / "0.npz")]


def test_gradients_are_the_mean_over_the_processes(noted):
    first, second, alone = noted
    np.testing.assert_array_equal(first["agreed"], second["agreed"])
    mean = (first["own"] + second["own"]) / 2
    np.testing.assert_allclose(first["agreed"], mean, atol=1e-6 * np.abs(mean).max())
    np.testing.assert_allclose(alone["agreed"], alone["own"])


def test_all_processes_have_the_same_weights_to_the_last_bit(noted):
    first, second, alone = noted
    np.testing.assert_array_equal(first["weights"], second["weights"])
    np.testing.assert_array_equal(first["average"], second["average"])
    assert not np.array_equal(first["weights"], alone["weights"])


def test_each_process_drives_its_own_cars(noted):
    first, second, alone = noted
    assert len(first["states"]) == len(second["states"])
    assert not np.isin(first["states"]["seed"], second["states"]["seed"]).any()
    np.testing.assert_array_equal(first["states"][:32], alone["states"][:32])


def test_all_skip_a_step_that_is_no_number_in_one(noted):
    for process in noted:
        assert process["skipped"].tolist() == [False, True, False]


def test_two_processes_stop_are_resumed_and_finish(tmp_path):
    def stop(progress):
        if progress.step == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(TWO, tmp_path, on_progress=stop)
    assert not multiprocessing.active_children()
    assert {"trainer.safetensors", "trainer-1.safetensors"} <= {p.name for p in tmp_path.iterdir()}
    with pytest.raises(CheckpointError, match=r"of 2 processes, not 1: .* --devices 2"):
        train(BRIEF, tmp_path, resume=True)
    steps = []
    metrics = train(TWO, tmp_path, resume=True, on_progress=lambda p: steps.append(p.step))
    assert steps == [3]
    assert metrics.routes == 1
    assert not multiprocessing.active_children()
    assert load_policy(tmp_path).config == BRIEF.fitted_policy()


@pytest.mark.parametrize(
    ("how", "error", "reason"),
    [
        (lack_a_map, InputError, "no such map"),
        (die, ProcessError, "process 1 ended with exit code -9"),
    ],
)
def test_what_another_process_fails_with_is_told_and_no_process_is_left(how, error, reason):
    work = partial(fail, TWO, how)
    with pytest.raises(error, match=reason), team_of(TWO, work) as team:
        work(team)
    assert not multiprocessing.active_children()


def test_a_process_alone_is_a_team():
    with team_of(BRIEF, print) as team:
        team.tell(Order.STEP)
        team.wait()
        assert team.leads
        assert team.share("told") == "told"


def outcome(config, folder):
    """The loss at the end of a training, and in the validation."""
    progress = []
    metrics = train(config, folder, on_progress=progress.append)
    return progress[-1].loss, metrics.nll


@pytest.mark.slow
def test_two_processes_train_as_well_as_one_with_batches_twice_as_large(tmp_path):
    validation = replace(SMALL.validation, maps=("procedural:900-902",), routes=24)
    one = replace(SMALL, validation=validation)
    two = replace(
        one,
        devices=2,
        data=replace(one.data, cars=one.data.cars // 2),
        optimiser=replace(one.optimiser, batch_size=one.optimiser.batch_size // 2),
    )
    loss, nll = outcome(one, tmp_path / "one")
    loss_of_two, nll_of_two = outcome(two, tmp_path / "two")
    assert loss_of_two == pytest.approx(loss, abs=0.25)
    assert nll_of_two == pytest.approx(nll, abs=0.5)


def command(*arguments):
    """A short training from the command line."""
    options = {
        "data.maps": "[procedural:0]",
        "data.routes": 8,
        "data.cars": 8,
        "optimiser.batch_size": 8,
        "validation.maps": "[procedural:1]",
        "validation.routes": 1,
        "validation.route_length": 20,
        "tracking.mode": "disabled",
    }
    pairs = [f"--{name}={value}" for name, value in options.items()]
    return ["-m", "drivecnn.cli", "train", *pairs, *map(str, arguments)]


@pytest.mark.slow
def test_torchrun_trains_too(tmp_path):
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2"]
    arguments = command("--optimiser.steps=3", f"--out={tmp_path}")
    result = subprocess.run([*torchrun, *arguments], capture_output=True, text=True, check=True)
    assert result.stdout.count("of 1 routes through") == 1
    assert (tmp_path / "trainer-1.safetensors").exists()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_signal_to_the_first_process_ends_all(tmp_path, number):
    arguments = command("--optimiser.steps=100000", "--devices=2", f"--out={tmp_path}")
    first = subprocess.Popen([sys.executable, *arguments], stderr=subprocess.PIPE, text=True)
    while not (tmp_path / "trainer-1.safetensors").exists():
        assert first.poll() is None
        time.sleep(0.1)
    first.send_signal(number)
    error = first.communicate()[1]  # ends when no process holds the pipe any more
    assert first.returncode == (130 if number == signal.SIGINT else -number)
    assert error == ("drivecnn train: stopped\n" if number == signal.SIGINT else "")
