"""Where an ego was before: what a policy of several frames has seen on its way.

A trail is kept in the ego's own axes, so that an ego that is moved aside takes its past along.
"""

import numpy as np
from numpy.typing import NDArray

from drivecnn_envs.states import States
from drivecnn_envs.vehicle import DT

Array = NDArray[np.float64]


def begin_trail(states: States) -> None:
    """Let egos come straight from behind at their speed, in place."""
    earlier = np.arange(1, states["trail"].shape[1] + 1)
    states["trail"]["ahead"] = -DT * states["speed"][:, None] * earlier
    states["trail"]["left"] = states["trail"]["yaw"] = 0.0


def lengthen_trail(states: States, before: States) -> None:
    """Add where egos were one decision before to their trails, in place, and forget the oldest."""
    kept = np.concatenate([_here(before), before["trail"][:, :-1]], axis=1)
    x, y, yaw = _poses(before, kept)
    ahead, left = x - states["x"][:, None], y - states["y"][:, None]
    cos, sin = np.cos(states["yaw"])[:, None], np.sin(states["yaw"])[:, None]
    states["trail"]["ahead"] = ahead * cos + left * sin
    states["trail"]["left"] = left * cos - ahead * sin
    states["trail"]["yaw"] = yaw - states["yaw"][:, None]


def with_past(states: States) -> States:
    """Each of B states with those of its trail of T - 1 poses before it, oldest first: (B, T).

    Vehicles around the ego are moved back as far as they have come at the speed they have now.
    """
    trail = np.concatenate([_here(states), states["trail"]], axis=1)[:, ::-1]
    moments = np.repeat(states[:, None], trail.shape[1], axis=1)
    moments["x"], moments["y"], moments["yaw"] = _poses(states, trail)
    ago = np.arange(trail.shape[1])[::-1]
    moments["step"] = np.maximum(moments["step"] - ago, 0)
    vehicles = moments["vehicles"]
    back = DT * ago[:, None] * vehicles["speed"]
    vehicles["x"] -= (back * np.cos(vehicles["yaw"])).astype(np.float32)
    vehicles["y"] -= (back * np.sin(vehicles["yaw"])).astype(np.float32)
    return moments


def _here(states: States) -> States:
    """The present as a point of a trail, (B, 1)."""
    return np.zeros((len(states), 1), states["trail"].dtype)


def _poses(states: States, trail: States) -> tuple[Array, Array, Array]:
    """x, y [m] and yaw [rad] of the points (B, N) of trails behind states (B,)."""
    cos, sin = np.cos(states["yaw"])[:, None], np.sin(states["yaw"])[:, None]
    return (
        states["x"][:, None] + trail["ahead"] * cos - trail["left"] * sin,
        states["y"][:, None] + trail["ahead"] * sin + trail["left"] * cos,
        states["yaw"][:, None] + trail["yaw"],
    )
