"""Plane curves that maps are drawn with: fillets, parallels and even sampling.

A curve is an (N, 2) array of points [m].
"""

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SAMPLE_SPACING = 0.5  # m


def wrap(angle: float) -> float:
    """The same angle in [-pi, pi) [rad]."""
    return float((angle + np.pi) % (2 * np.pi) - np.pi)


def stations(curve: Array) -> Array:
    """Distance (N,) [m] of each point from the first one, along the curve."""
    return np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(curve, axis=0), axis=1))])


def trim(curve: Array, at_start: float = 0.0, at_end: float = 0.0) -> Array:
    """The curve without its first and last metres, sampled evenly; (M, 2) m."""
    along = stations(curve)
    length = float(along[-1]) - at_start - at_end
    keep = np.linspace(at_start, along[-1] - at_end, int(length / SAMPLE_SPACING) + 2)
    return np.stack([np.interp(keep, along, axis) for axis in curve.T], axis=1)


def parallel(curve: Array, left: float) -> Array:
    """The curve moved `left` [m] to its left; (N, 2) m."""
    tangents = np.gradient(curve, axis=0)
    normals = np.stack([-tangents[:, 1], tangents[:, 0]], axis=1)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return np.asarray(curve + normals * left)


def hermite(start: Array, first: Array, end: Array, last: Array) -> Array:
    """A cubic from `start` with derivative `first` to `end` with derivative `last`; (N, 2) m."""
    length = float(np.linalg.norm(end - start))
    t = np.linspace(0.0, 1.0, max(int(length / SAMPLE_SPACING), 2) + 1)[:, None]
    curve: Array = (
        (2 * t**3 - 3 * t**2 + 1) * start
        + (t**3 - 2 * t**2 + t) * first
        + (3 * t**2 - 2 * t**3) * end
        + (t**3 - t**2) * last
    )
    return curve


def connect(
    start: Array, start_heading: float, end: Array, end_heading: float, radius: float = math.inf
) -> Array:
    """A smooth path from one pose to another, about two points a metre; (N, 2) m.

    A circular fillet of at most this radius [m] between the two tangents where they meet ahead,
    else a cubic.
    """
    first = np.array([np.cos(start_heading), np.sin(start_heading)])
    last = np.array([np.cos(end_heading), np.sin(end_heading)])
    turn = wrap(end_heading - start_heading)
    gap = end - start
    sine = first[0] * last[1] - first[1] * last[0]
    if abs(turn) > 0.25 and abs(sine) > 1e-6:
        ahead = (gap[0] * last[1] - gap[1] * last[0]) / sine  # start to where the tangents meet
        behind = (first[0] * gap[1] - first[1] * gap[0]) / sine  # from there to the end
        if ahead > 0.5 and behind > 0.5:
            tangent = min(min(ahead, behind) * 0.999, radius * math.tan(abs(turn) / 2))
            return _fillet(start, start + ahead * first, end, tangent, turn)
    length = float(np.linalg.norm(gap))
    return hermite(start, first * length, end, last * length)


def _fillet(start: Array, corner: Array, end: Array, tangent: float, turn: float) -> Array:
    """Straight, arc of the largest radius that fits, straight; sampled evenly, (N, 2) m."""
    first = (corner - start) / np.linalg.norm(corner - start)
    radius = tangent / np.tan(abs(turn) / 2)
    left = np.sign(turn) * np.array([-first[1], first[0]])
    centre = corner - tangent * first + radius * left
    angles = np.linspace(0.0, turn, max(int(radius * abs(turn) / 0.1), 8))
    spokes = -left * radius
    arc = centre + np.stack(
        [
            np.cos(angles) * spokes[0] - np.sin(angles) * spokes[1],
            np.sin(angles) * spokes[0] + np.cos(angles) * spokes[1],
        ],
        axis=1,
    )
    path = np.concatenate([[start], arc, [end]])
    return trim(path)


def arc(centre: Array, radius: float, start: float, end: float) -> Array:
    """Points on a circle from one angle [rad] to another, whichever is larger; (N, 2) m."""
    count = max(int(radius * abs(end - start) / SAMPLE_SPACING), 2) + 1
    angles = np.linspace(start, end, count)
    return np.asarray(centre + radius * np.stack([np.cos(angles), np.sin(angles)], axis=1))
