"""How large the vehicles of the traffic are. Their shapes and colours are drawn elsewhere."""

import numpy as np
from numba import njit

from drivecnn_envs.noise import uniform

LONG_SHARE = 0.2  # of vans, trucks and buses, before those that will not get through are left out
CAR_LENGTHS, CAR_WIDTHS = (4.2, 5.0), (1.8, 2.0)  # m, least and most
LONG_LENGTHS, LONG_WIDTHS = (6.8, 11.0), (2.3, 2.5)  # m, the same of long vehicles
_KIND_DRAW, _LENGTH_DRAW, _WIDTH_DRAW = 11, 12, 13  # counters of a vehicle's random numbers


@njit(forceinline=True)
def is_long(seed: np.uint32) -> bool:
    """Whether a vehicle is a van, a truck or a bus."""
    return uniform(np.uint64(seed), _KIND_DRAW) < LONG_SHARE


@njit(forceinline=True)
def size_of(seed: np.uint32) -> tuple[float, float]:
    """Length and width [m] of a vehicle."""
    along = uniform(np.uint64(seed), _LENGTH_DRAW)
    across = uniform(np.uint64(seed), _WIDTH_DRAW)
    if is_long(seed):
        return _between(LONG_LENGTHS, along), _between(LONG_WIDTHS, across)
    return _between(CAR_LENGTHS, along), _between(CAR_WIDTHS, across)


@njit(forceinline=True)
def _between(limits: tuple[float, float], share: float) -> float:
    return limits[0] + share * (limits[1] - limits[0])
