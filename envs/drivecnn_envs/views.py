"""Where each camera image is taken from: the rig on the car, and how it sways."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from drivecnn_envs.errors import InputError
from drivecnn_envs.noise import MOUNT, mix, normal, uniform
from drivecnn_envs.states import States

Array = NDArray[np.float64]

MAX_IMAGE_SIDE = 4096  # px
LOWEST = 0.2  # m above the road, of a camera that is off its rig
STEEPEST = 0.2  # rad, the most that a camera may be pitched or rolled off
WIDEST = 2.6  # rad, of a horizontal field of view
_SWAY_DRAW = 8  # counter of the mount's random numbers, after those of four offsets
_BOUND = 2.0  # standard deviations at most
_RHYTHMS = np.array([0.61, 1.37])  # rad per decision: the two waves that make a car sway


class Modality(StrEnum):
    """What a camera image shows."""

    RGB = "rgb"
    SEMANTIC = "semantic"
    DEPTH = "depth"


@dataclass(frozen=True)
class PoseJitter:
    """How far cameras are off their rig, one standard deviation; at most twice as much.

    Attributes:
        height: m, for an episode.
        pitch: rad, for an episode, as yaw and roll.
        yaw: rad.
        roll: rad.
        sway: rad, of the pitch from moment to moment.
    """

    height: float = 0.08
    pitch: float = 0.012
    yaw: float = 0.012
    roll: float = 0.01
    sway: float = 0.002

    def __post_init__(self) -> None:
        """Refuse what no camera mount is."""
        angles = self.pitch, self.yaw, self.roll, self.sway
        if not (0.0 <= self.height <= 0.5 and all(0.0 <= a <= STEEPEST / _BOUND for a in angles)):
            raise InputError(
                f"camera jitter is {self.height} m and {angles} rad, expected 0 to 0.5 m and 0 to "
                f"{STEEPEST / _BOUND} rad"
            )


@dataclass(frozen=True)
class CameraRig:
    """Cameras on a vehicle, all alike but for their yaw.

    Attributes:
        yaws: rad, counter-clockwise from straight ahead: left, centre, right.
        field_of_view: rad, horizontal.
        height: m above the road.
        ahead: m from the vehicle's middle to the cameras.
        image_size: height and width [px].
        horizon: row of the horizon as a share of the image height, from the top.
        modalities: what images show; "rgb" is always among them.
        jitter: how far the cameras are off all this.
    """

    yaws: tuple[float, ...] = (0.87, 0.0, -0.87)
    field_of_view: float = 1.12
    height: float = 1.5
    ahead: float = 0.6
    image_size: tuple[int, int] = (48, 96)
    horizon: float = 0.4
    modalities: tuple[Literal["rgb", "semantic", "depth"], ...] = ("rgb",)
    jitter: PoseJitter = field(default_factory=PoseJitter)

    def __post_init__(self) -> None:
        """Refuse cameras that cannot exist."""
        if not all(1 <= side <= MAX_IMAGE_SIDE for side in self.image_size):
            raise InputError(
                f"camera image_size is {self.image_size}, expected 1 to {MAX_IMAGE_SIDE} px a side"
            )
        if not np.isfinite([*self.yaws, self.ahead]).all():
            raise InputError(
                f"camera yaws are {self.yaws} rad and ahead {self.ahead} m, expected finite numbers"
            )
        if not (self.yaws and 0.1 <= self.field_of_view <= WIDEST):
            raise InputError(
                f"cameras need yaws and a field_of_view of 0.1 to {WIDEST} rad, got "
                f"{len(self.yaws)} yaws and {self.field_of_view}"
            )
        if not (0.3 <= self.height <= 20.0 and 0.0 <= self.horizon < 1.0):
            raise InputError(
                f"camera height is {self.height} m and horizon {self.horizon}, expected 0.3 to "
                "20 m and 0 to below 1"
            )
        lowest = self.height - _BOUND * self.jitter.height
        if lowest < LOWEST:
            raise InputError(
                f"camera height is {self.height} m and its jitter {self.jitter.height} m, expected "
                f"cameras to stay {LOWEST} m above the road"
            )
        known = [str(modality) for modality in Modality]
        if Modality.RGB not in self.modalities or not set(self.modalities) <= set(known):
            raise InputError(
                f"camera modalities are {[*self.modalities]}, expected rgb and any of {known[1:]}"
            )

    @property
    def focal(self) -> float:
        """Focal length [px]."""
        return float(self.image_size[1] / 2 / np.tan(self.field_of_view / 2))

    @property
    def steepest(self) -> float:
        """Rows that a horizon falls from column to column at most."""
        return _BOUND * self.jitter.roll


class Views(NamedTuple):
    """The C cameras of each of B cars, in arrays for kernels. They differ in their yaw only."""

    x: Array  # (B,) m
    y: Array  # (B,) m
    height: Array  # (B,) m
    horizon: Array  # (B,) row in the middle of the image [px]
    roll: Array  # (B,) rows that the horizon falls from column to column
    cos: Array  # (B, C) of the yaw
    sin: Array  # (B, C)
    focal: float  # px

    @classmethod
    def of(cls, states: States, rig: CameraRig) -> "Views":
        """The cameras of states (B,)."""
        poses = np.stack([states[name].astype(np.float64) for name in ("x", "y", "yaw")], axis=1)
        jitter = rig.jitter
        bounds = np.array([jitter.height, jitter.pitch, jitter.yaw, jitter.roll, jitter.sway])
        mount = np.array([rig.height, rig.ahead, rig.horizon * rig.image_size[0], rig.focal])
        placed, turned = np.empty((5, len(states))), np.empty((2, len(states), len(rig.yaws)))
        seeds, steps = states["seed"].astype(np.uint64), states["step"].astype(np.int64)
        _place(poses, seeds, steps, np.asarray(rig.yaws), mount, bounds, placed, turned)
        x, y, height, horizon, roll = placed
        return cls(x, y, height, horizon, roll, turned[0], turned[1], rig.focal)


@njit(parallel=True, nogil=True, cache=True)
def _place(
    poses: Array,
    seeds: NDArray[np.uint64],
    steps: NDArray[np.int64],
    yaws: Array,
    mount: Array,
    jitter: Array,
    placed: Array,
    turned: Array,
) -> None:
    """Fill the rows of `Views`, `placed` and `turned`, with the cameras of B cars."""
    for i in prange(len(poses)):
        seed, off = mix(seeds[i], MOUNT), np.empty(4)
        for k in range(4):
            off[k] = jitter[k] * min(max(normal(seed, k), -_BOUND), _BOUND)
        for k in range(2):
            phase = 2.0 * np.pi * uniform(seed, _SWAY_DRAW + k)
            off[1] += jitter[4] * np.sin(_RHYTHMS[k] * steps[i] + phase)
        heading = poses[i, 2]
        placed[0, i] = poses[i, 0] + mount[1] * np.cos(heading)
        placed[1, i] = poses[i, 1] + mount[1] * np.sin(heading)
        placed[2, i] = mount[0] + off[0]
        placed[3, i] = mount[2] + mount[3] * off[1]
        placed[4, i] = off[3]
        for camera in range(len(yaws)):
            yaw = heading + yaws[camera] + off[2]
            turned[0, i, camera], turned[1, i, camera] = np.cos(yaw), np.sin(yaw)
