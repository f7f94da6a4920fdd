"""Curves bent just enough to be driven: the sharp places of a polyline are eased, the rest stays.

A curve is an (N, 2) array of points [m].
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from drivecnn_envs.maps.curves import stations

Array = NDArray[np.float64]

EASE_LENGTH = 2.5  # m, over which even a slight kink is spread
ROUNDS = 16  # each stiffens the places that still bend too sharply
STIFFER = 2.5  # per round
REACH = 2.0  # m around a sharp place that stiffen with it
AIM = 0.9  # of the limit, to which sharp places are drawn


def even(curve: Array, step: float) -> Array:
    """The curve sampled evenly about every `step` [m], both ends kept; (M, 2) m."""
    along = stations(curve)
    keep = np.linspace(0.0, along[-1], max(round(along[-1] / step), 3) + 1)
    return np.stack([np.interp(keep, along, axis) for axis in curve.T], axis=1)


def ease(curve: Array, step: float, limit: float, pinned: int) -> Array:
    """The curve nearest to a polyline that bends by at most `limit` [1/m] where that can be.

    Points are drawn to the polyline and resist bending a little; where the result is too sharp,
    resistance against bending by more than the limit grows until it is not.

    Args:
        curve: (N, 2) polyline.
        step: m between the points of the result.
        limit: 1/m.
        pinned: how many points at either end stay: 1 keeps the place, 2 also the heading.
    """
    points = even(curve, step)
    spacing = float(np.linalg.norm(np.diff(points, axis=0), axis=1).mean())
    origin = points[0].copy()
    return even(_ease(points - origin, spacing, limit, pinned) + origin, step)


def sharpest(curve: Array) -> float:
    """Largest curvature [1/m] of a curve, either way."""
    return float(_sharpest(np.ascontiguousarray(curve)))


@njit(cache=True)
def _sharpest(points: Array) -> float:
    return float(np.abs(_curvature(points)).max())


@njit(cache=True)
def _curvature(points: Array) -> Array:
    """Curvature (N,) [1/m] at each point, 0 at both ends: turn by mean length of the two steps."""
    result = np.zeros(len(points))
    for i in range(1, len(points) - 1):
        ax, ay = points[i, 0] - points[i - 1, 0], points[i, 1] - points[i - 1, 1]
        bx, by = points[i + 1, 0] - points[i, 0], points[i + 1, 1] - points[i, 1]
        turn = np.arctan2(ax * by - ay * bx, ax * bx + ay * by)
        length = 0.5 * (np.hypot(ax, ay) + np.hypot(bx, by))
        result[i] = turn / max(length, 1e-6)
    return result


@njit(cache=True)
def _ease(target: Array, spacing: float, limit: float, pinned: int) -> Array:
    count = len(target)
    base = (EASE_LENGTH / spacing) ** 4
    stiffness = np.full(count, base)
    bend = np.zeros((count, 2))
    reach = max(int(REACH / spacing), 1)
    points = _balance(target, stiffness, bend, pinned)
    for _ in range(ROUNDS):
        curvature = np.abs(_curvature(points))
        sharp = curvature > limit
        if not sharp.any():
            break
        for i in range(1, count - 1):
            if sharp[max(i - reach, 0) : i + reach + 1].any():
                stiffness[i] *= STIFFER
            share = min(AIM * limit / max(curvature[i], 1e-9), 1.0)
            wanted = share * (points[i - 1] - 2.0 * points[i] + points[i + 1])
            bend[i] = wanted * (1.0 - base / stiffness[i])
        points = _balance(target, stiffness, bend, pinned)
    return points


@njit(cache=True)
def _balance(target: Array, stiffness: Array, bend: Array, pinned: int) -> Array:
    """Minimise |p - target|^2 + stiffness |second difference of p - bend|^2, some points fixed.

    A band system, solved by LDL^T with two bands below the diagonal.
    """
    count = len(target)
    middle, below, second = np.ones(count), np.zeros(count), np.zeros(count)
    points = target.copy()
    for i in range(1, count - 1):  # the second difference p[i-1] - 2 p[i] + p[i+1]
        middle[i - 1] += stiffness[i]
        middle[i] += 4.0 * stiffness[i]
        middle[i + 1] += stiffness[i]
        below[i - 1] -= 2.0 * stiffness[i]
        below[i] -= 2.0 * stiffness[i]
        second[i - 1] += stiffness[i]
        points[i - 1] += stiffness[i] * bend[i]
        points[i] -= 2.0 * stiffness[i] * bend[i]
        points[i + 1] += stiffness[i] * bend[i]
    for i in range(count):
        if pinned <= i < count - pinned:
            continue
        for band, step in ((below, 1), (second, 2)):  # what is known goes to the other side
            if i >= step:
                points[i - step] -= band[i - step] * target[i]
                band[i - step] = 0.0
            if i + step < count:
                points[i + step] -= band[i] * target[i]
                band[i] = 0.0
        middle[i] = 1.0
        points[i] = target[i]
    for i in range(count):  # factorise and go forward
        if i + 1 < count:
            factor = below[i] / middle[i]
            middle[i + 1] -= factor * below[i]
            if i + 2 < count:
                below[i + 1] -= factor * second[i]
            points[i + 1] -= factor * points[i]
        if i + 2 < count:
            factor = second[i] / middle[i]
            middle[i + 2] -= factor * second[i]
            points[i + 2] -= factor * points[i]
    for i in range(count - 1, -1, -1):  # and back
        rest = points[i].copy()
        if i + 1 < count:
            rest -= below[i] * points[i + 1]
        if i + 2 < count:
            rest -= second[i] * points[i + 2]
        points[i] = rest / middle[i]
    return points
