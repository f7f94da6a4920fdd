"""Worlds, cameras, vehicles and Gymnasium environments to drive in.

`gymnasium.make("drivecnn_envs:DriveCNN/Town-v0", map="procedural:7")` makes an environment.
"""

from gymnasium.envs.registration import register, registry

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
