"""The speed run: what its clock counts, and when it stops."""

import json
import math
import time
from dataclasses import replace

import pytest
from brief import BRIEF

from drivecnn.losses import LOSSES, LossTerms
from drivecnn.policy import load_policy
from drivecnn.rollout import DivergedError
from drivecnn.training import speedrun as module
from drivecnn.training.speedrun import speedrun
from drivecnn_envs.errors import InputError
from drivecnn_envs.towns import RouteOptions

CONFIG = replace(BRIEF, validation=replace(BRIEF.validation, times=3))


@pytest.fixture(autouse=True)
def one_short_route(monkeypatch):
    monkeypatch.setattr(module, "TOWNS", ("procedural:2000",))
    monkeypatch.setattr(module, "ROUTES", RouteOptions(1, 30.0))


def test_without_success_all_checkpoints_are_tested(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "DRIVES", 1.1)
    told = []
    result = speedrun(CONFIG, tmp_path / "run", time.time(), told.append)
    assert result.seconds is None
    assert [attempt.step for attempt in result.attempts] == [1, 2, 3]
    assert told == list(result.attempts)
    content = json.loads((tmp_path / "run" / "speedrun.json").read_text())
    assert content["seconds"] is None
    assert content["config"]["seed"] == CONFIG.seed


def test_it_stops_at_the_first_checkpoint_that_drives(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "DRIVES", 0.0)
    result = speedrun(CONFIG, tmp_path, time.time() - 100.0)
    assert [attempt.step for attempt in result.attempts] == [1]
    assert result.seconds == result.attempts[0].seconds > 100.0
    assert load_policy(tmp_path).config == CONFIG.fitted_policy()


def test_the_clock_stands_still_while_a_checkpoint_is_tested(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "DRIVES", 1.1)
    drive = module._drive

    def slowly(*arguments):
        time.sleep(3.0)
        return drive(*arguments)

    monkeypatch.setattr(module, "_drive", slowly)
    began = time.time()
    result = speedrun(CONFIG, tmp_path, began)
    assert result.attempts[-1].seconds < time.time() - began - 8.5


@pytest.mark.parametrize(
    ("config", "name"),
    [
        (replace(CONFIG, start_from="shipped"), "start_from is shipped"),
        (
            replace(CONFIG, policy=replace(CONFIG.policy, camera_weights="w.pth")),
            "policy.camera_weights is w.pth",
        ),
    ],
)
def test_a_head_start_is_refused(tmp_path, config, name):
    with pytest.raises(InputError, match=f"^{name}, but a speed run starts from nothing"):
        speedrun(config, tmp_path / "run", time.time())
    assert not (tmp_path / "run").exists()


def test_several_processes_are_refused(tmp_path):
    with pytest.raises(InputError, match="of one process: leave out --devices"):
        speedrun(replace(CONFIG, devices=2), tmp_path / "run", time.time())
    assert not (tmp_path / "run").exists()


def test_a_training_without_finite_numbers_ends(tmp_path, monkeypatch):
    def broken(distribution, curvature):
        return LossTerms(distribution.mean.sum() * math.nan, None, curvature.mean())

    monkeypatch.setitem(LOSSES, "nll", broken)
    monkeypatch.setattr(module, "DRIVES", 1.1)
    monkeypatch.setattr(module, "MAX_SKIPPED", 2)
    with pytest.raises(DivergedError, match="in the 2 steps up to 2"):
        speedrun(CONFIG, tmp_path, time.time())
