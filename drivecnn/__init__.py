"""End-to-end driving: cameras and a route map in, a distribution over steering out."""

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the policy package has
    """What the policy package has, loaded when it is first asked for.

    So the command line can see to torch's environment, and start its clock, before torch is there.
    """
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from drivecnn import policy

    return getattr(policy, name)
