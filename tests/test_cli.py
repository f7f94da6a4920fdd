"""The command line: bad input is one line and exit code 2."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from drivecnn import DrivingPolicy, commands, evaluation, save_policy
from drivecnn.cli import main
from drivecnn.training import run as training_run
from drivecnn.training import speedrun, trainer
from drivecnn_envs.observation import ObservationConfig
from drivecnn_envs.views import CameraRig

ROOT = Path(__file__).parents[1]


def run(capsys, *arguments):
    """Exit code and what was written to standard error."""
    try:
        code = main([str(argument) for argument in arguments])
    except SystemExit as stop:
        code = stop.code
    return code, capsys.readouterr().err


def test_torch_is_loaded_when_its_environment_is_set_and_the_clock_runs():
    program = (
        "import sys\n"
        "import drivecnn.cli\n"
        "loaded = sorted({'torch', 'numba', 'wandb'} & set(sys.modules))\n"
        "import os, drivecnn\n"
        "print(loaded, os.environ['OMP_WAIT_POLICY'], drivecnn.DrivingPolicy.__name__)\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[] PASSIVE DrivingPolicy\n"


def test_the_expert_is_evaluated_without_a_run(capsys, tmp_path):
    arguments = ["--driver", "expert", "--map", "procedural:4", "--routes", 2]
    code, error = run(
        capsys, "evaluate", *arguments, "--route_length", 60, "--out", tmp_path / "out"
    )
    assert (code, error) == (0, "")
    assert json.loads((tmp_path / "out" / "report.json").read_text())["success_rate"] == 1.0


def test_more_vehicles_than_fit_are_said_in_one_line(capsys, tmp_path):
    arguments = ["--driver", "expert", "--map", "procedural:4", "--routes", 1, "--traffic", 10000]
    code, error = run(
        capsys, "evaluate", *arguments, "--route_length", 60, "--out", tmp_path / "out"
    )
    assert code == 0
    assert error.startswith("drivecnn evaluate: traffic: 10000 vehicles wanted, 64 fit: ")
    assert error.count("\n") == 1


def test_a_map_is_drawn_and_measured(capsys, tmp_path):
    assert main(["map", "procedural:4", "--out", str(tmp_path / "map.png")]) == 0
    assert "lane km" in capsys.readouterr().out
    assert (tmp_path / "map.png").read_bytes().startswith(b"\x89PNG")


def test_what_a_map_leaves_out_is_said_in_one_line(capsys, tmp_path, shared):
    path = shared / "data/maps/opendrive/esmini/velodrome.xodr"
    code, error = run(capsys, "map", path, "--out", tmp_path / "map.png")
    assert code == 0
    assert error.startswith(f"drivecnn map: {path}: left out: ")
    assert error.count("\n") == 1


@pytest.mark.parametrize("command", commands._COMMANDS)
def test_every_command_explains_itself(capsys, command):
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    assert "--out" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["map", "nowhere"], "procedural:SEED"),
        (["map", "procedural:x"], "whole number"),
        (["map", "highway:nothing"], "roundabout"),
        (["map", "missing.xodr"], "missing.xodr"),
        (["evaluate", "no/such/run", "--map", "procedural:1"], "no/such/run"),
        (["evaluate", "--driver", "nobody"], "nobody"),
        (["evaluate", "--driver", "expert", "--routes", "0"], "count 0"),
        (["evaluate", "--driver", "expert", "--drop", "cameras"], "the expert sees none"),
        (["evaluate", "--driver", "expert", "--seed", "-1"], "seed is -1"),
        (["uncertainty", "--ensemble", "[no/such/run]"], "no/such/run"),
        (["speedrun", "--devices", "2"], "leave out --devices"),
        (["evaluate", "--driver", "expert", "--map", "procedural:9-3"], "FIRST-LAST"),
        (["drive", "no/such/run"], "no/such/run"),
        (["drive", "--driver", "expert", "--routes", "5", "--route", "5"], "route is 5"),
        (["drive", "--driver", "expert", "--route_length", "60", "--last", "0"], "last 0 s"),
        (["evaluate", "--driver", "expert", "--traffic", "thick"], "thick"),
        (
            ["evaluate", "--driver", "expert", "--action", "wild"],
            "action is 'wild', expected one of",
        ),
        (["drive", "--driver", "expert", "--action", "wild"], "nearest_mode"),
        (["evaluate", "--driver", "expert", "--traffic", "-3"], "traffic is -3"),
        (["train", "--data.traffic", "thick"], "thick"),
        (["train", "--optimizer.steps", "3"], "optimizer"),
        (["train", "--optimiser.steps", "0"], "optimiser.steps is 0"),
        (["train", "--optimiser.loss", "l1"], "loss is 'l1', expected one of nll"),
        (["train", "--optimiser.loss", "hl_gauss"], "does not fit distribution gaussian_mixture"),
        (["train", "--policy.distribution", "point"], "loss nll does not fit distribution point"),
        (["train", "--policy.distribution", "normal"], "distribution is 'normal'"),
        (["train", "--policy.components", "0"], "components is 0, expected a whole number >= 1"),
        (["train", "--policy.hidden", "[]"], "hidden is ()"),
        (["train", "--data.maps", "[nowhere]", "--tracking.mode", "disabled"], "nowhere"),
        (["train", "--policy.hidden", "[0]"], "an entry is 0"),
        (["train", "--policy.camera_encoder", "big"], "expected one of donkeycar"),
        (["train", "--policy.camera_encoder", "pilotnet"], "at least 61 x 61 px, got 48 x 96"),
        (["train", "--optimiser.batch_size", "300000"], "data.buffer_size 200000"),
        (["train", "--optimiser.accelerator", "warp"], "optimiser.accelerator is warp"),
        (["train", "--policy.features", "0"], "features is 0"),
        (["train", "--devices", "0"], "devices is 0"),
        (["train", "--validation.maps", "[procedural:11]"], "validation.maps has procedural:11"),
        (["train", "--data.maps", "[]"], "data.maps is empty"),
        (["train", "--observation.route_map.size", "8"], "map_size"),
        (["train", "--observation.cameras.image_size", "[0, 20000]"], "image_size"),
        (["train", "--observation.cameras.modalities", "[rgb, xray]"], "xray"),
        (["train", "--observation.cameras.modalities", "[depth]"], "expected rgb"),
        (["train", "--observation.looks", "old"], "old"),
        (["train", "--observation.looks", "new", "--data.maps", "[nowhere]"], "nowhere"),
        (["train", "--config", "missing.yaml"], "missing.yaml"),
        (["train", "--tracking.project", "a/b"], "tracking.project is 'a/b', expected a name"),
        (["train", "--data.maps", "[procedural:0-99999999999]"], "expected 10000 at most"),
        (["train", "--resume"], "nothing to resume"),
        (["speedrun", "--data.maps", "[procedural:2003]"], "procedural:2003, which data.maps"),
        (["fly"], "fly"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(capsys, tmp_path, monkeypatch, arguments, reason):
    monkeypatch.chdir(tmp_path)
    code, error = run(capsys, *arguments)
    assert code == 2
    assert error.count("\n") == 1
    assert reason in error
    assert "Traceback" not in error
    assert not list(tmp_path.rglob("*"))


@pytest.mark.parametrize(
    ("section", "name"),
    [("data:\n#  maps: [a]\n", "data"), ("observation:\n  cameras:\n", "observation.cameras")],
)
def test_a_section_with_nothing_in_it_is_named(capsys, tmp_path, section, name):
    config = tmp_path / "mine.yaml"
    config.write_text(section + "optimiser:\n  steps: 3\n")
    code, error = run(capsys, "train", "--config", config, "--out", tmp_path / "run")
    assert code == 2
    assert error == f"drivecnn train: {name} is empty: give it settings, or leave the section out\n"


def test_a_config_that_is_no_text_is_one_line(capsys, tmp_path):
    config = tmp_path / "mine.yaml"
    config.write_bytes(b"seed: \xff\xfe\n")
    code, error = run(capsys, "train", "--config", config)
    assert code == 2
    assert error.count("\n") == 1
    assert "UTF-8" in error


@pytest.mark.parametrize(
    "arguments",
    [
        ["train"],
        ["speedrun"],
        ["evaluate", "--driver", "expert"],
        ["uncertainty"],
        ["drive", "--driver", "expert"],
        ["map", "procedural:1"],
    ],
)
def test_what_cannot_be_written_is_refused_before_the_work(
    capsys, tmp_path, monkeypatch, arguments
):
    for module in (training_run, trainer, speedrun, evaluation, commands):
        monkeypatch.setattr(module, "load_simulator", worked, raising=False)
        monkeypatch.setattr(module, "load_map", worked, raising=False)
    (tmp_path / "file").write_text("")
    out = tmp_path / "file" / "below"
    code, error = run(capsys, *arguments, "--out", out)
    assert code == 2
    assert error.count("\n") == 1
    assert str(tmp_path / "file") in error


@pytest.mark.parametrize("allocate", [lambda: np.ones(10**15), lambda: torch.ones(10**15)])
def test_what_does_not_fit_into_memory_is_one_line(capsys, monkeypatch, allocate):
    monkeypatch.setattr(commands, "train", lambda *_arguments: allocate())
    code, error = run(capsys, "train")
    assert code == 1
    assert error.startswith("drivecnn train: not enough memory: ")
    assert error.count("\n") == 1


def test_an_error_of_the_code_is_no_matter_of_memory(monkeypatch):
    def broken(*_arguments):
        raise RuntimeError("a mistake")

    monkeypatch.setattr(commands, "train", broken)
    with pytest.raises(RuntimeError, match="a mistake"):
        main(["train"])


def worked(*_arguments, **_named):
    raise AssertionError("towns are built already")


@pytest.mark.parametrize("command", ["train", "speedrun"])
def test_a_policy_is_not_overwritten(capsys, tmp_path, command):
    path = save_policy(DrivingPolicy(), tmp_path)
    before = path.read_bytes()
    code, error = run(capsys, command, "--out", tmp_path)
    assert code == 2
    assert error == f"drivecnn {command}: {tmp_path} holds a policy already: give another --out\n"
    assert path.read_bytes() == before


def test_names_with_brackets_are_printed_as_they_are(capsys, tmp_path):
    out = tmp_path / "[bold]" / "[" / "map.png"
    assert main(["map", "track:1", "--out", str(out)]) == 0
    assert str(out) in capsys.readouterr().out.replace("\n", "")


def test_members_of_an_ensemble_see_alike(capsys, tmp_path):
    wide = dataclasses.asdict(ObservationConfig(cameras=CameraRig(field_of_view=1.5)))
    save_policy(DrivingPolicy(), tmp_path, {"config": {"observation": wide}})
    code, error = run(capsys, "uncertainty", "shipped", "--ensemble", f"[{tmp_path}]")
    assert code == 2
    assert f"{tmp_path} sees other cameras, maps or frames than shipped" in error
    assert error.count("\n") == 1


def test_an_unknown_config_key_is_named(capsys, tmp_path):
    config = tmp_path / "mine.yaml"
    config.write_text("optimiser:\n  stepps: 3\n")
    code, error = run(capsys, "train", "--config", config, "--out", tmp_path / "run")
    assert code == 2
    assert error.count("\n") == 1
    assert "stepps" in error
    assert not (tmp_path / "run").exists()


def test_a_checkpoint_of_another_version_is_named(capsys, tmp_path):
    save_policy(DrivingPolicy(), tmp_path)
    path = tmp_path / "policy.safetensors"
    header = {"format": 99, "policy": {}, "metadata": {}}
    save_file(load_file(path), path, {"drivecnn": json.dumps(header)})
    code, error = run(capsys, "evaluate", tmp_path, "--map", "procedural:1")
    assert code == 2
    assert error.count("\n") == 1
    assert "99" in error


def test_a_checkpoint_that_does_not_say_what_it_sees_is_refused(capsys, tmp_path):
    torch.manual_seed(0)
    save_policy(DrivingPolicy(), tmp_path)
    code, error = run(capsys, "evaluate", tmp_path, "--map", "procedural:1", "--routes", 1)
    assert code == 2
    assert "does not say what its policy sees" in error


@pytest.mark.parametrize(
    ("observation", "reasons"),
    [
        ({"looks": "old"}, ["looks", "old", "train"]),
        ({"cameras": {"field_of_view": 1e9}}, ["field_of_view"]),
        (3, ["does not say what its policy sees"]),
    ],
)
def test_a_checkpoint_that_sees_what_cannot_be_says_why(capsys, tmp_path, observation, reasons):
    save_policy(DrivingPolicy(), tmp_path, {"config": {"observation": observation}})
    code, error = run(capsys, "evaluate", tmp_path, "--map", "procedural:1", "--routes", 1)
    assert code == 2
    assert error.count("\n") == 1
    assert all(reason in error for reason in [str(tmp_path), *reasons])


def test_a_checkpoint_file_is_reported_on_beside_it(capsys, tmp_path):
    torch.manual_seed(0)
    observation = dataclasses.asdict(ObservationConfig())
    checkpoint = save_policy(DrivingPolicy(), tmp_path, {"config": {"observation": observation}})
    arguments = [checkpoint, "--map", "procedural:1", "--routes", 1, "--route_length", 60]
    assert run(capsys, "evaluate", *arguments) == (0, "")
    assert json.loads((tmp_path / "report.json").read_text())["routes"] == 1


@pytest.mark.parametrize(
    "config", sorted((ROOT / "configs").rglob("*.yaml")), ids=lambda p: f"{p.parent.name}/{p.stem}"
)
def test_every_shipped_config_is_read(capsys, tmp_path, config):
    without = ["--data.maps", "[nowhere]", "--validation.maps", "[nowhere]", "--start_from", "null"]
    code, error = run(capsys, "train", "--config", config, *without, "--out", tmp_path / "r")
    assert code == 2
    assert "nowhere" in error
