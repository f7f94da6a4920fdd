"""What tags say of a road: lanes, widths, turns, speeds."""

import pytest

from drivecnn_envs.maps.osm.file import is_drivable
from drivecnn_envs.maps.osm.side import keeps_left
from drivecnn_envs.maps.osm.tags import MAX_LANES, layout_of, metres, parse_speed


def layout(**tags):
    tags = {key.replace("__", ":"): value for key, value in tags.items()}
    return layout_of({"highway": "residential"} | tags)[0]


@pytest.mark.parametrize(
    ("tags", "lanes"),
    [
        ({}, (1, 1)),
        ({"oneway": "yes"}, (1, 0)),
        ({"oneway": "-1"}, (1, 0)),
        ({"oneway": "1", "lanes": "3"}, (3, 0)),
        ({"oneway": "no", "lanes": "4"}, (2, 2)),
        ({"junction": "roundabout"}, (1, 0)),
        ({"highway": "motorway"}, (2, 0)),
        ({"highway": "motorway", "oneway": "no"}, (1, 1)),
        ({"lanes": "1"}, (1, 1)),
        ({"lanes": "3"}, (1, 1)),
        ({"lanes": "3", "lanes__forward": "2"}, (2, 1)),
        ({"lanes": "3", "lanes__backward": "2"}, (1, 2)),
        ({"lanes": "5", "lanes__both_ways": "1"}, (2, 2)),
        ({"lanes": "4", "turn__lanes__forward": "left|through|right"}, (3, 1)),
        ({"lanes": "1000"}, (MAX_LANES, MAX_LANES)),
        ({"lanes": "-2"}, (1, 1)),
        ({"lanes": "two"}, (1, 1)),
        ({"lanes": "2;3"}, (1, 1)),
        ({"lanes": "1.5"}, (1, 1)),
        ({"lanes": ""}, (1, 1)),
        ({"lanes": "9" * 5000}, (MAX_LANES, MAX_LANES)),
    ],
)
def test_lanes_of_each_direction(tags, lanes):
    street = layout(**tags)
    assert (len(street.forward), len(street.backward)) == lanes


def test_only_oneway_minus_one_is_meant_against_its_nodes():
    assert layout_of({"highway": "residential", "oneway": "-1"})[1]
    assert not layout_of({"highway": "residential", "oneway": "yes"})[1]


def test_turns_that_do_not_fit_the_lanes_say_nothing():
    told = layout(oneway="yes", lanes="2", turn__lanes="left;through|right")
    assert told.forward == (frozenset({"left", "through"}), frozenset({"right"}))
    assert layout(oneway="yes", lanes="3", turn__lanes="left|right").forward == (frozenset(),) * 3
    assert layout(oneway="yes", lanes="2", turn__lanes="none|").forward == (frozenset(),) * 2


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("3.5", 3.5),
        ("3,5", 3.5),
        ("7 m", 7.0),
        ("3'6\"", 1.0668),
        ("12'", 3.6576),
        ("12 ft", 3.6576),
        ("350 cm", 3.5),
        ("", None),
        ("wide", None),
        ("-3", None),
        ("nan", None),
    ],
)
def test_lengths_as_mappers_write_them(text, length):
    assert metres(text) == (None if length is None else pytest.approx(length))


@pytest.mark.parametrize(
    ("text", "speed"),
    [
        ("50", 13.89),
        ("50 km/h", 13.89),
        ("30 mph", 13.41),
        ("30mph", 13.41),
        ("RU:urban", 13.9),
        ("walk", 2.8),
        ("none", 40.0),
        ("signals", 13.9),
        ("", 13.9),
        ("0", 1.0),
        ("99999", 40.0),
    ],
)
def test_speeds_as_mappers_write_them(text, speed):
    assert parse_speed(text, "residential") == pytest.approx(speed, abs=0.01)


@pytest.mark.parametrize(
    ("tags", "width"),
    [
        ({"width": "7"}, 3.5),
        ({"width": "2"}, 2.6),
        ({"width": "500"}, 4.0),
        ({"lanes": "4", "width__lanes": "3|3.4|3.4|3"}, 3.2),
        ({"lanes": "1"}, 2.5),
        ({"highway": "motorway"}, 3.6),
    ],
)
def test_lane_widths_stay_drivable(tags, width):
    assert layout(**tags).lane_width == pytest.approx(width)


@pytest.mark.parametrize("left_hand", [False, True])
def test_lanes_lie_side_by_side_from_the_drivers_left_to_right(left_hand):
    street = layout(lanes="3", lanes__forward="2", width="9")
    forward = street.offsets(backward=False, left_hand=left_hand)
    backward = street.offsets(backward=True, left_hand=left_hand)
    assert forward == sorted(forward, reverse=True)
    assert sorted(forward + backward) == pytest.approx([-3.0, 0.0, 3.0])
    assert backward == pytest.approx([-3.0 if left_hand else 3.0])


def test_a_turned_street_has_its_lanes_in_the_same_places():
    street = layout(lanes="4", lanes__forward="3", turn__lanes__forward="left||right")
    assert street.turned().turned() == street
    there = street.turned().offsets(backward=True, left_hand=False)
    assert [-offset for offset in there] == street.offsets(backward=False, left_hand=False)


@pytest.mark.parametrize(
    ("tags", "drivable"),
    [
        ({"highway": "primary_link"}, True),
        ({"highway": "living_street"}, True),
        ({"highway": "footway"}, False),
        ({"highway": "construction"}, False),
        ({"highway": "service"}, False),
        ({"building": "yes"}, False),
        ({"highway": "residential", "access": "private"}, False),
        ({"highway": "residential", "access": "no", "motor_vehicle": "yes"}, True),
        ({"highway": "residential", "motor_vehicle": "no"}, False),
        ({"highway": "residential", "access": "destination"}, True),
        ({"highway": "residential", "area": "yes"}, False),
    ],
)
def test_which_ways_cars_may_use(tags, drivable):
    assert is_drivable(tags) == drivable


def test_service_roads_are_a_wish():
    assert is_drivable({"highway": "service"}, service=True)


@pytest.mark.parametrize(
    ("north", "east", "left"),
    [
        (51.5, -0.1, True),  # London
        (53.3, -6.3, True),  # Dublin
        (35.9, 14.5, True),  # Valletta
        (35.2, 33.4, True),  # Nicosia
        (35.7, 139.7, True),  # Tokyo
        (22.3, 114.2, True),  # Hong Kong
        (13.8, 100.5, True),  # Bangkok
        (1.3, 103.8, True),  # Singapore
        (-6.2, 106.8, True),  # Jakarta
        (-33.9, 151.2, True),  # Sydney
        (-36.8, 174.8, True),  # Auckland
        (28.6, 77.2, True),  # Delhi
        (23.8, 90.4, True),  # Dhaka
        (-33.9, 18.4, True),  # Cape Town
        (-1.3, 36.8, True),  # Nairobi
        (18.0, -76.8, True),  # Kingston
        (48.9, 2.4, False),  # Paris
        (50.95, 1.85, False),  # Calais
        (37.6, 127.0, False),  # Seoul
        (22.54, 114.06, False),  # Shenzhen
        (11.6, 104.9, False),  # Phnom Penh
        (17.97, 102.6, False),  # Vientiane
        (16.8, 96.2, False),  # Yangon
        (-1.9, 30.1, False),  # Kigali
        (-11.7, 27.5, False),  # Lubumbashi
        (40.7, -74.0, False),  # New York
        (-23.5, -46.6, False),  # Sao Paulo
        (55.8, 37.6, False),  # Moscow
    ],
)
def test_side_of_traffic_by_country(north, east, left):
    assert keeps_left([], [], north, east) == left


def test_tags_and_roundabouts_say_more_of_the_side_than_the_country():
    sydney = (-33.9, 151.2)
    assert not keeps_left(["right"], [-6.3], *sydney)
    assert not keeps_left([], [6.3, 6.3, -6.3], *sydney)
    assert keeps_left(["left", "right"], [6.3, -6.3], *sydney)
