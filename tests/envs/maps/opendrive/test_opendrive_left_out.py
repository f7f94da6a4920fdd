"""Which maps lose something in a flat world, and that they say so once."""

import re
import warnings

import pytest
from opendrive_text import GOOD, TWO_WAY, document, geometry, lane, road, section

from drivecnn_envs.errors import MapWarning
from drivecnn_envs.maps.opendrive import read_opendrive

VIRTUAL = "<junction id='v' type='virtual'/>"


def height(start, slope=0.0):
    record = f"<elevation s='0' a='{start}' b='{slope}' c='0' d='0'/>"
    return f"<elevationProfile>{record}</elevationProfile>"


def bank(tag, angle):
    record = f"<{tag} s='0' t='0' a='{angle}' b='0' c='0' d='0'/>"
    return f"<lateralProfile>{record}</lateralProfile>"


def crossing(height_of_other):
    """A road to the east, and one to the north across its middle."""
    north = geometry(x=50, y=-50, heading=1.5707963)
    return document(
        road("a", TWO_WAY, more=height(0)),
        road("b", TWO_WAY, plan=north, more=height(height_of_other)),
    )


def warnings_of(read_xodr, text):
    """What is said about a document, the file's name taken off."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        read_xodr(text)
    for warning in caught:
        assert warning.category is MapWarning
        assert "\n" not in str(warning.message)
    return [str(warning.message).partition("town.xodr: left out: ")[2] for warning in caught]


FLAT = {
    "no heights": GOOD,
    "one height": document(road("a", TWO_WAY, more=height(123))),
    "a kerb's worth": document(road("a", TWO_WAY, more=height(0, 0.004))),
    "hill without cars": document(
        road("a", TWO_WAY), road("b", section(0, lane(1, "sidewalk")), more=height(0, 0.1))
    ),
    "drainage": document(road("a", TWO_WAY, more=bank("superelevation", 0.005))),
    "crossing": crossing(0),
    "stepped crossing": crossing(0.3),
}
LOST = {
    "hill": (document(road("a", TWO_WAY, more=height(1, 0.05))), "heights from 1 to 6 m"),
    "bridge": (crossing(6), r"heights from 0 to 6 m, .*; bridges or tunnels \(1\), which become"),
    "superelevation": (
        document(road("a", TWO_WAY, more=bank("superelevation", -0.2))),
        "superelevation up to 0.2 rad",
    ),
    "crossfall": (
        document(road("a", TWO_WAY, more=bank("crossfall", 0.03))),
        "crossfall up to 0.03 rad",
    ),
    "shape": (
        document(road("a", TWO_WAY, more=bank("shape", 1))),
        r"lateral shape of roads \(1\)",
    ),
    "virtual junction": (document(road("a", TWO_WAY), VIRTUAL * 2), r"virtual junctions \(2\)"),
    "absurd heights": (document(road("a", TWO_WAY, more=height(0, 1e308))), "heights from 0 to"),
}


@pytest.mark.parametrize("name", FLAT)
def test_nothing_is_said_about_a_map_that_loses_nothing(read_xodr, name):
    assert warnings_of(read_xodr, FLAT[name]) == []


@pytest.mark.parametrize("name", LOST)
def test_one_line_names_all_that_is_left_out(read_xodr, name):
    text, expected = LOST[name]
    (message,) = warnings_of(read_xodr, text)
    assert re.match(expected, message)


def test_heights_do_not_change_the_lanes(read_xodr):
    flat = read_xodr(crossing(0)).lanes
    with pytest.warns(MapWarning):
        hilly = read_xodr(crossing(6)).lanes
    assert [one.points.tolist() for one in flat.values()] == [
        one.points.tolist() for one in hilly.values()
    ]


def test_town04_says_that_its_motorway_crosses_itself(shared):
    path = shared / "data" / "maps" / "opendrive" / "carla" / "Town04.xodr"
    with pytest.warns(MapWarning, match=r"Town04\.xodr: left out: heights from 0 to 11 m, .*\(1\)"):
        read_opendrive(path)
