"""Worlds, cameras, vehicles and Gymnasium environments to drive in.

`gymnasium.make("drivecnn_envs:DriveCNN/Town-v0", map="procedural:7")` makes an environment, and
`CameraObservation(gymnasium.make("roundabout-v1"))` puts cameras on one of highway-env.
"""

from typing import TYPE_CHECKING, Any

from gymnasium.envs.registration import register, registry

if TYPE_CHECKING:
    from drivecnn_envs.camera_observation import CameraObservation

__all__ = ["TOWN_ID", "TRACK_ID", "CameraObservation"]

TOWN_ID = "DriveCNN/Town-v0"
TRACK_ID = "DriveCNN/Track-v0"

if TOWN_ID not in registry:
    register(
        id=TOWN_ID,
        entry_point="drivecnn_envs.town_env:TownEnv",
        vector_entry_point="drivecnn_envs.vector_env:TownVectorEnv",
    )
    register(
        id=TRACK_ID,
        entry_point="drivecnn_envs.track_env:TrackEnv",
        vector_entry_point="drivecnn_envs.track_env:TrackVectorEnv",
    )


def __getattr__(name: str) -> Any:  # noqa: ANN401 - what PEP 562 asks for
    """Import the wrapper when it is wanted: kernels and highway-env take a second."""
    if name == "CameraObservation":
        from drivecnn_envs.camera_observation import CameraObservation

        return CameraObservation
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
