"""Markings: what the map says along the lanes, and stop lines and crossings where roads meet."""

import numpy as np
import pytest

from drivecnn_envs.maps import load_map
from drivecnn_envs.markings import (
    AHEAD,
    DASH,
    DASH_PERIOD,
    LEFT,
    MARKS,
    NOWHERE,
    RIGHT,
    marks_of,
    paint_at,
)
from drivecnn_envs.roads import SampledLane, TownNetwork
from drivecnn_envs.townscape import Townscape

STRIPED, CONTINUOUS = 1, 2
SEED = np.uint64(5)


@pytest.fixture
def plain():
    """The markings of a lane of 100 m that has none."""
    marks = np.zeros(1, MARKS)
    marks["stop"], marks["zebras"], marks["arrow_tip"] = NOWHERE, NOWHERE, NOWHERE
    marks["length"], marks["centre"] = 100.0, -1
    return marks


def painted(marks, station, lateral, half=1.75):
    return paint_at(marks[0], float(station), float(lateral), half)


def with_all_marks(**shares):
    """A townscape with all stop lines, crossings and arrows, but for those given."""
    return Townscape.of(0)._replace(**({"stop_lines": 1.0, "zebras": 1.0, "arrows": 1.0} | shares))


def test_lane_without_lines_has_no_paint(plain):
    for lateral in np.linspace(-2.0, 2.0, 17):
        assert painted(plain, 50.0, lateral) == (0.0, False)


def test_lines_lie_on_their_edges_and_one_is_the_centre(plain):
    plain["lines"], plain["centre"] = CONTINUOUS, 1
    assert painted(plain, 50.0, -1.75)[0] > 0.7
    assert painted(plain, 50.0, 0.0)[0] == 0.0
    assert painted(plain, 50.0, 1.75)[1]
    assert not painted(plain, 50.0, -1.75)[1]


def test_striped_line_has_dashes_and_gaps(plain):
    plain["lines"][0] = STRIPED, 0
    stations = np.arange(0.05, 97.0, 0.1)
    dashed = np.array([painted(plain, s, -1.75)[0] > 0.5 for s in stations])
    assert np.array_equal(dashed, stations % DASH_PERIOD <= DASH)


def test_zebra_has_bars_across_the_whole_lane(plain):
    plain["zebras"][0] = 40.0, NOWHERE
    row = [painted(plain, 41.5, lateral)[0] for lateral in np.arange(-1.74, 1.75, 0.05)]
    assert 0.35 < np.mean(row) < 0.65
    assert max(row) == 1.0
    assert min(row) == 0.0
    assert painted(plain, 39.0, -1.5)[0] == painted(plain, 44.0, -1.5)[0] == 0.0


@pytest.mark.parametrize(("way", "aside"), [(LEFT, 0.8), (RIGHT, -0.8)])
def test_arrow_points_to_the_side_it_leads_to(plain, way, aside):
    plain["arrow"], plain["arrow_tip"] = way, 50.0
    stations = np.arange(44.0, 51.0, 0.1)
    assert max(painted(plain, s, aside)[0] for s in stations) == 1.0
    assert max(painted(plain, s, -aside)[0] for s in stations) == 0.0
    plain["arrow"] = AHEAD
    assert max(painted(plain, s, aside)[0] for s in stations) == 0.0
    assert max(painted(plain, s, 0.0)[0] for s in stations) > 0.8


def test_lanes_into_a_crossroads_have_stop_lines_near_their_ends():
    network = load_map("highway:intersection")
    marks = marks_of(network, with_all_marks(zebras=0.0), SEED)
    for mark, lane in zip(marks, network.lanes.values(), strict=True):
        if lane.junction is None and any(
            follower.junction is not None
            for index in network.followers(next(i for i, x in network.lanes.items() if x is lane))
            for follower in [network.lanes[index]]
        ):
            assert 0.0 < lane.length - mark["stop"] < 2.0
        else:
            assert mark["stop"] == NOWHERE


def test_crossing_lies_on_all_lanes_of_an_arm_at_one_distance(town):
    marks = marks_of(town, with_all_marks(), SEED)
    crossed = 0
    for (start, end, _), mark, lane in zip(town.lanes, marks, town.lanes.values(), strict=True):
        if lane.junction is not None or mark["zebras"][1] == NOWHERE:
            continue
        opposite = town.lanes.get((end.replace("in", "out"), start.replace("out", "in"), 0))
        crossed += 1
        assert mark["stop"] == NOWHERE or mark["stop"] < mark["zebras"][1]
        if opposite is not None:
            number = list(town.lanes.values()).index(opposite)
            here = lane.position(mark["zebras"][1] + 3.0, 0.0)
            there = opposite.position(marks[number]["zebras"][0], 0.0)
            ahead = np.array([np.cos(lane.headings[-1]), np.sin(lane.headings[-1])])
            assert abs((there - here) @ ahead) < 0.3
    assert crossed > 5


def test_road_that_goes_on_has_no_stop_line():
    network = TownNetwork("bend")
    ends = ([[0, 0], [60, 0]], None), ([[60, 0], [70, 0]], "j"), ([[70, 0], [130, 0]], None)
    for number, (points, junction) in enumerate(ends):
        network.add_lane(str(number), str(number + 1), SampledLane(points, 3.5, junction=junction))
    marks = marks_of(network, with_all_marks(), SEED)
    assert (marks["stop"] == NOWHERE).all()


def test_lanes_of_an_avenue_have_arrows_for_the_ways_they_lead(shared):
    network = load_map("procedural:hard:3")
    marks = marks_of(network, with_all_marks(), SEED)
    arrows = {int(way) for way in marks["arrow"]}
    assert arrows - {0}
    for mark, (index, lane) in zip(marks, network.lanes.items(), strict=False):
        if mark["arrow"]:
            assert len(network.graph[index[0]][index[1]]) > 1
            assert 0.0 < mark["arrow_tip"] < lane.length
