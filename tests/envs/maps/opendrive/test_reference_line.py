"""Plan-view primitives against closed forms and against plain numerical integration."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivecnn_envs.maps.opendrive.reference_line import (
    Arc,
    Cubic,
    Piece,
    PiecewiseCubic,
    ReferenceLine,
    Spiral,
    poly3,
)


def integrated(headings, length, cells=200_000):
    """End point (2,) of a line whose heading is a function of the station: the midpoint rule."""
    middles = (np.arange(cells) + 0.5) * length / cells
    turn = headings(middles)
    return np.array([np.cos(turn).sum(), np.sin(turn).sum()]) * length / cells


def test_line_runs_straight_along_its_heading():
    piece = Piece(10.0, 3.0, -2.0, np.pi / 3, 20.0, Arc())
    poses = piece.poses(np.array([10.0, 15.0, 30.0]))
    along = np.array([0.0, 5.0, 20.0])
    expected = np.stack([3 + along * np.cos(np.pi / 3), -2 + along * np.sin(np.pi / 3)], axis=1)
    np.testing.assert_allclose(poses.points, expected, atol=1e-12)
    np.testing.assert_allclose(poses.headings, np.pi / 3)


@pytest.mark.parametrize("curvature", [0.05, -0.2])
def test_arc_lies_on_its_circle(curvature):
    stations = np.linspace(0.0, 60.0, 50)
    points, headings = Arc(curvature).local(stations, 60.0)
    radius = 1 / curvature
    expected = np.stack(
        [radius * np.sin(stations / radius), radius * (1 - np.cos(stations / radius))], axis=1
    )
    np.testing.assert_allclose(points, expected, atol=1e-10)
    np.testing.assert_allclose(headings, curvature * stations)


@pytest.mark.parametrize(
    ("start", "end", "length"),
    [(0.0, 0.1, 40.0), (0.05, -0.12, 75.0), (-0.3, 0.0, 100.0), (0.0, 1e-12, 500.0)],
)
def test_spiral_agrees_with_fine_integration_of_its_heading(start, end, length):
    points, headings = Spiral(start, end).local(np.array([length]), length)
    rate = (end - start) / length
    expected = integrated(lambda s: start * s + rate * s**2 / 2, length)
    np.testing.assert_allclose(points[0], expected, atol=1e-6)
    assert headings[0] == pytest.approx((start + end) / 2 * length)


def test_poly3_follows_its_polynomial_by_arc_length():
    coefficients = (0.0, 0.0, 0.01, -1e-4)
    stations = np.linspace(0.0, 50.0, 101)
    points, headings = poly3(coefficients).local(stations, 50.0)
    u, v = points.T
    np.testing.assert_allclose(v, 0.01 * u**2 - 1e-4 * u**3, atol=1e-9)
    np.testing.assert_allclose(np.tan(headings), 0.02 * u - 3e-4 * u**2, atol=1e-9)
    steps = np.hypot(np.diff(u), np.diff(v))
    np.testing.assert_allclose(steps, 0.5, atol=2e-4)


def test_normalised_param_poly3_reaches_its_end_at_its_length_in_even_steps():
    length = 31.4159265
    shape = Cubic((0.0, 30.0, 5.0, -15.0), (0.0, 0.0, 25.0, -5.0), 1.0, by_arc_length=False)
    points, headings = shape.local(np.linspace(0.0, length, 2001), length)
    np.testing.assert_allclose(points[-1], [20.0, 20.0], atol=1e-9)
    assert headings[-1] == pytest.approx(np.arctan2(35.0, -5.0))
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    np.testing.assert_allclose(steps, steps.mean(), rtol=0.01)


def test_arc_length_param_poly3_takes_the_station_as_its_parameter():
    shape = Cubic((0.0, 1.0, 0.0, -1e-4), (0.0, 0.0, 0.02, 0.0), 20.0, by_arc_length=True)
    points, _ = shape.local(np.array([0.0, 5.0, 20.0]), 20.0)
    np.testing.assert_allclose(points, [[0, 0], [5 - 0.0125, 0.5], [20 - 0.8, 8.0]], atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(
    curvature=st.floats(-0.3, 0.3),
    change=st.floats(-0.3, 0.3),
    length=st.floats(0.5, 120.0),
)
def test_spiral_moves_one_metre_per_station_and_faces_where_it_goes(curvature, change, length):
    stations = np.linspace(0.0, length, 2001)
    points, headings = Spiral(curvature, curvature + change).local(stations, length)
    steps = np.diff(points, axis=0)
    np.testing.assert_allclose(np.linalg.norm(steps, axis=1), length / 2000, rtol=1e-3)
    middles = (headings[1:] + headings[:-1]) / 2
    across = steps[:, 1] * np.cos(middles) - steps[:, 0] * np.sin(middles)
    np.testing.assert_allclose(across, 0.0, atol=1e-3 * length / 2000)


def test_reference_line_takes_each_station_from_the_piece_it_lies_on():
    line = ReferenceLine(
        (Piece(0.0, 0.0, 0.0, 0.0, 10.0, Arc()), Piece(10.0, 10.0, 0.0, 0.0, 5.0, Arc(0.1)))
    )
    poses = line.poses([5.0, 10.0, 15.0])
    np.testing.assert_allclose(poses.points[:2], [[5, 0], [10, 0]], atol=1e-12)
    np.testing.assert_allclose(poses.headings, [0.0, 0.0, 0.5])


def test_step_between_records_stays_out_of_the_stretch_that_ends_there():
    records = PiecewiseCubic(np.array([0.0, 10.0]), np.array([[3.0, 0, 0, 0], [7.0, 0, 0, 0]]))
    np.testing.assert_array_equal(records.values(np.array([0.0, 5.0, 10.0])), [3, 3, 3])
    np.testing.assert_array_equal(records.values(np.array([10.0, 15.0])), [7, 7])


def test_no_records_mean_zero():
    records = PiecewiseCubic(np.zeros(0), np.zeros((0, 4)))
    np.testing.assert_array_equal(records.values(np.array([0.0, 1.0])), [0, 0])
