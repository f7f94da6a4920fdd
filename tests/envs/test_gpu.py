"""Cameras on the GPU see what those on the CPU see."""

import dataclasses
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from looking import STILL
from numba import cuda

from drivecnn_envs.boxes import Box, Boxes, Kind
from drivecnn_envs.errors import InputError
from drivecnn_envs.gpu import TOGETHER, GpuObserver
from drivecnn_envs.grading import draw_grades
from drivecnn_envs.looks import Light, draw_looks
from drivecnn_envs.neighbours import surrounding_boxes
from drivecnn_envs.observation import ObservationConfig, Observer
from drivecnn_envs.route_map import RouteMapView
from drivecnn_envs.views import CameraRig, Modality, PoseJitter

SIMULATED = Path(__file__).parents[1] / "support/simulated_gpu.py"
HAS_GPU = cuda.is_available()
needs_gpu = pytest.mark.skipif(not HAS_GPU, reason="needs an NVIDIA GPU and numba-cuda")


def agree(one, other):
    """Share of the pixels that differ by at most one level, of the worst kind of image."""
    shares = []
    for name, pixels in one.items():
        apart = np.abs(pixels.astype(float) - other[name].astype(float))
        limit = 1.0 if pixels.dtype == np.uint8 else 1e-3 * np.maximum(pixels, 1.0)
        shares.append(float((apart <= (0.0 if name == "semantic" else limit)).mean()))
    return min(shares)


def around(states, count=6):
    """Boxes of all kinds before the cameras of states."""
    rng, boxes = np.random.default_rng(0), []
    for number, (x, y, yaw) in enumerate(states[["x", "y", "yaw"]].tolist()):
        own = []
        for k in range(count):
            ahead, left = rng.uniform((4.0, -8.0), (30.0, 8.0))
            place = (
                x + ahead * np.cos(yaw) - left * np.sin(yaw),
                y + ahead * np.sin(yaw) + left * np.cos(yaw),
            )
            size = (8.0, 2.4, 3.0) if k == 0 else (4.5, 1.9, 1.5)
            kind = list(Kind)[k % len(Kind)]
            own.append(Box(*place, rng.uniform(-3.0, 3.0), *size, 10 * number + k, kind))
        boxes.append(own)
    return Boxes.of(boxes)


def test_kernels_of_the_gpu_see_what_the_cpu_sees(simulator, tmp_path):
    """Numba's simulator runs them, slowly, so the images are small."""
    rig = CameraRig(
        image_size=(16, 24), yaws=(0.6, -0.4), modalities=tuple(Modality),
        jitter=PoseJitter(roll=0.05),
    )  # fmt: skip
    config = ObservationConfig(cameras=rig, route_map=RouteMapView(size=12))
    light = draw_looks(np.arange(200, dtype=np.uint64), "train").light
    seeds = [
        int(light[:, Light.RAIN].argmax()),
        int(light[:, Light.SUN].argmax()),
        int(light[:, Light.HEADLIGHTS].argmax()),
    ]
    states = simulator.start([0, 1, 2], seeds)
    boxes, scene = around(states), simulator.scene
    grades = draw_grades(len(states), 1.0, np.random.default_rng(0))
    given, wanted = tmp_path / "given.pickle", tmp_path / "seen.npz"
    given.write_bytes(pickle.dumps((config, scene.atlas, scene.table, states, boxes, grades)))
    settings = {"NUMBA_ENABLE_CUDASIM": "1", "NUMBA_DISABLE_JIT": "1"}
    subprocess.run(
        [sys.executable, str(SIMULATED), str(given), str(wanted)],
        check=True,
        env=os.environ | settings,
    )
    observer = Observer(config)
    expected = observer.observe(scene, states, boxes)._asdict()
    observer.grade(expected["cameras"], grades)
    with np.load(wanted) as seen:
        assert agree(expected, seen) >= 0.995


@pytest.mark.skipif(HAS_GPU, reason="there is a GPU")
def test_without_a_gpu_one_line_says_so():
    with pytest.raises(InputError, match="need an NVIDIA GPU"):
        GpuObserver(ObservationConfig())


@needs_gpu
@pytest.mark.parametrize("size", [(48, 96), (66, 200)])
@pytest.mark.parametrize("looks", ["train", "new"])
def test_images_of_the_gpu_are_the_cpus(simulator, size, looks):
    rig = CameraRig(image_size=size, modalities=tuple(Modality))
    config = ObservationConfig(cameras=rig, looks=looks)
    states = simulator.start([*range(10)] * 4, range(40))
    boxes = surrounding_boxes(simulator.scene, states)
    expected = Observer(config).observe(simulator.scene, states, boxes)._asdict()
    seen = GpuObserver(config).observe(simulator.scene, states, boxes)._asdict()
    assert agree(expected, {name: a.copy_to_host() for name, a in seen.items()}) >= 0.999


@needs_gpu
def test_images_of_the_gpu_do_not_depend_on_the_batch(simulator):
    rig = CameraRig(image_size=(12, 16), jitter=dataclasses.replace(STILL, roll=0.05))
    observer = GpuObserver(ObservationConfig(cameras=rig))
    states = simulator.start([*range(10)] * (TOGETHER // 5), range(2 * TOGETHER // 10 * 10))
    every = observer.observe(simulator.scene, states).cameras.copy_to_host()
    some = observer.observe(simulator.scene, states[-7:]).cameras.copy_to_host()
    assert np.array_equal(every[-7:], some)


@needs_gpu
def test_torch_takes_the_images_without_a_copy(simulator):
    seen = GpuObserver(ObservationConfig()).observe(simulator.scene, simulator.start([0], [0]))
    tensor = torch.as_tensor(seen.cameras, device="cuda")
    assert tensor.data_ptr() == seen.cameras.__cuda_array_interface__["data"][0]
