"""The policy network, its steering distribution and its checkpoint. Needs torch only."""

from drivecnn.policy.checkpoint import CheckpointError, load_metadata, load_policy, save_policy
from drivecnn.policy.distribution import GaussianMixture, SteeringDistribution
from drivecnn.policy.network import CameraEncoder, DrivingPolicy, MapEncoder, PolicyConfig

__all__ = [
    "CameraEncoder",
    "CheckpointError",
    "DrivingPolicy",
    "GaussianMixture",
    "MapEncoder",
    "PolicyConfig",
    "SteeringDistribution",
    "load_metadata",
    "load_policy",
    "save_policy",
]
