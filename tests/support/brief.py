"""Configs of trainings that are over soon: a small policy, and the same for three steps."""

from dataclasses import replace

from drivecnn import PolicyConfig
from drivecnn.tracking import TrackingConfig
from drivecnn.training.config import (
    DataConfig,
    OptimiserConfig,
    RunConfig,
    ValidationConfig,
)
from drivecnn_envs.observation import ObservationConfig
from drivecnn_envs.views import CameraRig

SMALL = RunConfig(
    observation=ObservationConfig(cameras=CameraRig(image_size=(24, 48))),
    policy=PolicyConfig(camera_encoder="small:24,48", map_encoder="small_map:12,24", features=64),
    data=DataConfig(maps=("procedural:0-3",), routes=64, route_length=150.0, cars=32),
    optimiser=OptimiserConfig(steps=600, batch_size=96, learning_rate=3e-3, precision="32-true"),
    validation=ValidationConfig(maps=("procedural:900",), routes=4, route_length=60.0, times=1),
    tracking=TrackingConfig(mode="disabled"),
)
BRIEF = replace(
    SMALL,
    data=replace(SMALL.data, maps=("procedural:0",), routes=16),
    optimiser=replace(SMALL.optimiser, steps=3, batch_size=16),
    validation=replace(SMALL.validation, maps=("procedural:1",), routes=1, route_length=20.0),
)
