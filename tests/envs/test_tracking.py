"""Where a car is along its route."""

import numpy as np
import pytest

from drivecnn_envs.routes import follow
from drivecnn_envs.states import RouteTable
from drivecnn_envs.tracking import point_at, project, speed_at, width_at


@pytest.fixture(scope="module")
def table(make_road):
    """Route 0 turns left in a circle of 20 m radius; route 1 goes 100 m to the east."""
    angles = np.arange(0.0, 6.0, 0.02)
    circle = make_road(np.column_stack([20 * np.sin(angles), 20 - 20 * np.cos(angles)]), width=3.0)
    line = make_road([[0.0, 0.0], [100.0, 0.0]], width=[3.0, 4.0])
    return RouteTable.of([follow(network, [("a", "b", 0)]) for network in (circle, line)])


def test_point_beside_a_straight_route_has_its_station_and_offset(table):
    assert project(table, 1, 31.25, 1.5, 30.0) == pytest.approx((31.25, 1.5))
    assert project(table, 1, 31.25, -1.5, 30.0) == pytest.approx((31.25, -1.5))


def test_left_of_a_left_turn_is_towards_its_centre(table):
    x, y = 18 * np.sin(1.0), 20 - 18 * np.cos(1.0)
    progress, lateral = project(table, 0, x, y, 18.0)
    assert progress == pytest.approx(20.0, abs=0.1)
    assert lateral == pytest.approx(2.0, abs=0.02)


def test_projection_stays_near_the_last_progress_where_a_route_comes_back(make_road):
    turn = np.arange(0.0, 4.5 * np.pi, 0.05)  # more than twice round the same circle
    network = make_road(np.column_stack([10 * np.cos(turn), 10 * np.sin(turn)]))
    table = RouteTable.of([follow(network, [("a", "b", 0)], 0.0, np.inf)])
    x, y, _ = point_at(table, 0, 20.0)
    once_round = 20 * np.pi
    assert project(table, 0, x, y, 19.0)[0] == pytest.approx(20.0, abs=0.1)
    assert project(table, 0, x, y, 19.0 + once_round)[0] == pytest.approx(20 + once_round, abs=0.3)


def test_projection_does_not_leave_the_route_at_its_ends(table):
    assert project(table, 1, -5.0, 0.5, 0.0)[0] == 0.0
    assert project(table, 1, 120.0, 0.5, 98.0)[0] == table.offset[2] - table.offset[1] - 1


def test_point_at_a_station_projects_back_to_it(table):
    for station in np.linspace(0.0, 80.0, 33):
        x, y, _ = point_at(table, 0, station)
        assert project(table, 0, x, y, station) == pytest.approx((station, 0.0), abs=1e-6)


def test_points_before_and_after_a_route_are_its_ends(table):
    assert point_at(table, 1, -3.0) == (0.0, 0.0, 0.0)
    assert point_at(table, 1, 1e6) == (99.0, 0.0, 0.0)


def test_width_and_speed_are_those_of_the_route_asked_for(table):
    assert width_at(table, 0, 50.0) == pytest.approx(3.0)
    assert width_at(table, 1, 50.0) == pytest.approx(3.5)
    assert speed_at(table, 0, 50.0) == pytest.approx(np.sqrt(2.5 * 20.0), rel=0.02)
    assert speed_at(table, 1, 50.0) == 8.0
    assert width_at(table, 1, -10.0) == pytest.approx(3.0)
