"""Random numbers that are functions of their arguments, for kernels.

A draw depends on a seed and a counter only, so what a car sees does not depend on the batch it is
in, its place there, or the number of threads. Source: Steele, Lea, Flood, "Fast splittable
pseudorandom number generators", OOPSLA 2014 (the SplitMix64 finaliser).
"""

import numpy as np
from numba import njit

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
_UNIT = 1.0 / (1 << 53)


# Salts of an episode's seed, one for each use, so that no two draw the same numbers.
LOOKS, MOUNT, MAP_ERROR, SENSOR, TRAFFIC_PLACES, TRAFFIC_SEEDS = range(6)


@njit(forceinline=True, cache=True)
def mix(seed: np.uint64, counter: int) -> np.uint64:
    """A well-mixed 64-bit number from a seed and a counter."""
    z = seed + np.uint64(counter + 1) * _GOLDEN
    z = (z ^ (z >> _S30)) * _MIX_1
    z = (z ^ (z >> _S27)) * _MIX_2
    return z ^ (z >> _S31)


@njit(forceinline=True, cache=True)
def uniform(seed: np.uint64, counter: int) -> float:
    """A number in [0, 1) from a seed and a counter."""
    return float(mix(seed, counter) >> _S11) * _UNIT


@njit(forceinline=True)
def normal(seed: np.uint64, counter: int) -> float:
    """A standard normal number from a seed and a counter (Box-Muller)."""
    radius = np.sqrt(-2.0 * np.log(1.0 - uniform(seed, 2 * counter)))
    return float(radius * np.cos(2.0 * np.pi * uniform(seed, 2 * counter + 1)))
