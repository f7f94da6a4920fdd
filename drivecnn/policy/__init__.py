"""The policy network, its encoders, its steering distribution and its checkpoint.

It needs torch only; encoders that are torchvision's need torchvision when one is made.
"""

from drivecnn.policy.actions import ACTIONS, DEFAULT_ACTION, Action
from drivecnn.policy.checkpoint import CheckpointError, load_metadata, load_policy, save_policy
from drivecnn.policy.distributions import FAMILIES, GaussianMixture, Modes, SteeringDistribution
from drivecnn.policy.encoders import ENCODERS, build_encoder
from drivecnn.policy.errors import PolicyError
from drivecnn.policy.network import DrivingPolicy, PolicyConfig
from drivecnn.policy.pretrained import load_camera_weights, load_policy_weights

__all__ = [
    "ACTIONS",
    "DEFAULT_ACTION",
    "ENCODERS",
    "FAMILIES",
    "Action",
    "CheckpointError",
    "DrivingPolicy",
    "GaussianMixture",
    "Modes",
    "PolicyConfig",
    "PolicyError",
    "SteeringDistribution",
    "build_encoder",
    "load_camera_weights",
    "load_metadata",
    "load_policy",
    "load_policy_weights",
    "save_policy",
]
