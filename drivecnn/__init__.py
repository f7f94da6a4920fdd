"""End-to-end driving: cameras and a route map in, a distribution over steering out."""

from importlib.metadata import PackageNotFoundError, version

from drivecnn.policy import (
    DrivingPolicy,
    PolicyConfig,
    SteeringDistribution,
    load_policy,
    save_policy,
)

try:
    __version__ = version("drivecnn")
except PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "0+unknown"

__all__ = [
    "DrivingPolicy",
    "PolicyConfig",
    "SteeringDistribution",
    "__version__",
    "load_policy",
    "save_policy",
]
