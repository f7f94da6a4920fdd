"""Plan-view geometry of OpenDRIVE: where a road's reference line runs, as functions of the station.

Formulas: ASAM OpenDRIVE 1.7, chapter 7. Stations `s` are metres along the line. Axes are
right-handed, headings in rad counter-clockwise from x.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

PANEL_TURN = 1.0  # rad, a spiral is integrated in panels that turn no more than this
TABLE_STEP = 0.1  # m, spacing of the table that inverts arc length
TABLE_SIZES = (64, 100_000)  # fewest and most cells of that table
GAUSS_NODES, GAUSS_WEIGHTS = np.polynomial.legendre.leggauss(8)


class Shape(Protocol):
    """One plan-view primitive in its own frame: it starts at the origin, along x unless said."""

    def local(self, stations: Array, length: float) -> tuple[Array, Array]:
        """Points (N, 2) [m] and headings (N,) [rad] at stations (N,) [m] of a `length` m piece."""
        ...


class Poses(NamedTuple):
    """Where a line is and where it points."""

    points: Array  # (N, 2) m
    headings: Array  # (N,) rad


@dataclass(frozen=True)
class Arc:
    """A circle of constant curvature [1/m], left positive; a straight line where it is zero."""

    curvature: float = 0.0

    def local(self, stations: Array, length: float) -> tuple[Array, Array]:
        """The chord form s sinc(k s / 2), which needs no division by the curvature."""
        turn = self.curvature * stations
        chord = stations * np.sinc(turn / (2 * np.pi))
        return np.stack([chord * np.cos(turn / 2), chord * np.sin(turn / 2)], axis=1), turn


@dataclass(frozen=True)
class Spiral:
    """A clothoid: its curvature [1/m] changes linearly from start to end."""

    start: float
    end: float

    def local(self, stations: Array, length: float) -> tuple[Array, Array]:
        """Gauss-Legendre integration of the unit tangent, panel by panel, exact to rounding."""
        rate = (self.end - self.start) / length
        most = float(np.abs(stations).max(initial=0.0))
        largest = max(abs(self.start), abs(self.start + rate * most))
        panels = max(1, int(np.ceil(largest * most / PANEL_TURN)))
        edges = np.linspace(0.0, most, panels + 1)

        def run(starts: Array, ends: Array) -> Array:
            """The way (N, 2) [m] between stations (N,)."""
            spans = ends - starts
            along = starts[:, None] + spans[:, None] * (GAUSS_NODES + 1) / 2  # (N, 8)
            turn = along * (self.start + rate * along / 2)
            tangents = np.stack([np.cos(turn), np.sin(turn)], axis=1)  # (N, 2, 8)
            return np.asarray(tangents @ (GAUSS_WEIGHTS / 2) * spans[:, None])

        reached = np.concatenate([np.zeros((1, 2)), run(edges[:-1], edges[1:]).cumsum(axis=0)])
        before = np.clip(np.searchsorted(edges, stations, side="right") - 1, 0, panels - 1)
        points = reached[before] + run(edges[before], stations)
        return points, self.start * stations + rate * stations**2 / 2


@dataclass(frozen=True)
class Cubic:
    """A cubic curve (u(p), v(p)) with coefficients in rising order.

    Attributes:
        u: the four coefficients of u [m].
        v: the four coefficients of v [m].
        end: the parameter at the end of the piece, None where the curve ends by its arc length.
        by_arc_length: whether the parameter already is the station.
    """

    u: tuple[float, float, float, float]
    v: tuple[float, float, float, float]
    end: float | None
    by_arc_length: bool

    def local(self, stations: Array, length: float) -> tuple[Array, Array]:
        """The curve at the parameters that belong to the stations."""
        parameters = stations if self.by_arc_length else self._parameters(stations, length)
        du, dv = self._slope(parameters)
        powers = parameters[:, None] ** np.arange(4)  # (N, 4)
        return np.stack([powers @ self.u, powers @ self.v], axis=1), np.arctan2(dv, du)

    def _slope(self, parameters: Array) -> tuple[Array, Array]:
        powers = parameters[..., None] ** np.arange(3)
        scale = np.array([1.0, 2.0, 3.0])
        return powers @ (scale * self.u[1:]), powers @ (scale * self.v[1:])

    def _parameters(self, stations: Array, length: float) -> Array:
        """Parameters (N,) at the stations, from a table of the arc length.

        The whole parameter range is stretched over the piece's stated length, so that a length
        that is slightly off does not tear the road at the end of the piece.
        """
        last = length if self.end is None else self.end
        cells = int(np.clip(np.ceil(length / TABLE_STEP), *TABLE_SIZES))
        edges = np.linspace(0.0, last, cells + 1)
        inner = edges[:-1, None] + (GAUSS_NODES + 1) / 2 * (last / cells)  # (cells, 8)
        run = np.hypot(*self._slope(inner)) @ (GAUSS_WEIGHTS / 2 * last / cells)
        arc = np.concatenate([[0.0], np.cumsum(run)])
        if self.end is not None and arc[-1] > 0:
            arc *= length / arc[-1]
        return np.interp(stations, arc, edges)


def poly3(coefficients: Sequence[float]) -> Cubic:
    """The shape of `<poly3>`: v = a + b u + c u^2 + d u^3, which ends by its arc length."""
    a, b, c, d = coefficients
    return Cubic((0.0, 1.0, 0.0, 0.0), (a, b, c, d), None, by_arc_length=False)


class Piece(NamedTuple):
    """A primitive placed in the world."""

    station: float  # m, along the road
    x: float  # m
    y: float  # m
    heading: float  # rad
    length: float  # m
    shape: Shape

    def poses(self, stations: Array) -> Poses:
        """World poses at stations (N,) [m] along the road."""
        points, headings = self.shape.local(stations - self.station, self.length)
        cos, sin = np.cos(self.heading), np.sin(self.heading)
        turned = points @ np.array([[cos, sin], [-sin, cos]])
        return Poses(turned + np.array([self.x, self.y]), headings + self.heading)


@dataclass(frozen=True)
class ReferenceLine:
    """A road's reference line: pieces in rising order of their stations."""

    pieces: tuple[Piece, ...]

    def poses(self, stations: ArrayLike) -> Poses:
        """World poses at stations (N,) [m], each from the piece it lies on."""
        wanted = np.asarray(stations, dtype=np.float64)
        starts = np.array([piece.station for piece in self.pieces])
        owners = np.clip(np.searchsorted(starts, wanted, side="right") - 1, 0, None)
        points, headings = np.empty((len(wanted), 2)), np.empty(len(wanted))
        for number in np.unique(owners):
            chosen = owners == number
            points[chosen], headings[chosen] = self.pieces[number].poses(wanted[chosen])
        return Poses(points, headings)


@dataclass(frozen=True)
class PiecewiseCubic:
    """A piecewise cubic polynomial of the station, as of `<width>` and `<laneOffset>`.

    Attributes:
        starts: (K,) rising stations [m] where the records begin; K may be 0.
        coefficients: (K, 4) a, b, c, d in the distance from the record's start.
    """

    starts: Array
    coefficients: Array

    def values(self, stations: Array) -> Array:
        """The polynomial (N,) at rising stations (N,), zero before the first record.

        The last station counts as the end of a stretch: a record that begins there belongs to
        the next stretch and is not used, so a step in the records stays between stretches.
        """
        if len(self.starts) == 0:
            return np.zeros(len(stations))
        inside = np.minimum(stations, np.nextafter(stations[-1], -np.inf) - 1e-9)
        owners = np.searchsorted(self.starts, inside, side="right") - 1
        owners[0] = np.searchsorted(self.starts, stations[0], side="right") - 1
        distances = stations - self.starts[owners]
        a, b, c, d = self.coefficients[owners].T
        values: Array = a + distances * (b + distances * (c + distances * d))
        return np.where(owners < 0, 0.0, values)
