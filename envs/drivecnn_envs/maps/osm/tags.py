"""What the tags of a road say: lanes of each direction, widths, turns and speed."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from drivecnn_envs.maps.osm.file import RINGS

MAX_LANES = 6  # a direction
LANE_WIDTHS = (2.6, 4.0)  # m, least and most
SHARED_WIDTH = 2.5  # m, of each direction where one lane serves both
LANE_WIDTH = {"motorway": 3.6, "trunk": 3.5, "primary": 3.3, "secondary": 3.3, "tertiary": 3.2}
MINOR_LANE_WIDTH = {"living_street": 2.8, "service": 2.8}
DEFAULT_LANE_WIDTH = 3.0  # m
DEFAULT_SPEED = 13.9  # m/s, 50 km/h
SPEED = {"motorway": 33.3, "trunk": 27.8, "living_street": 2.8, "service": 5.6}  # m/s
SPEEDS = (1.0, 40.0)  # m/s, least and most
SPEED_UNITS = {"": 1 / 3.6, "km/h": 1 / 3.6, "kmh": 1 / 3.6, "mph": 0.44704, "knots": 0.51444}
NAMED_SPEEDS = {"urban": 13.9, "rural": 25.0, "motorway": 33.3, "living_street": 2.8, "walk": 2.8}
FOOT, INCH = 0.3048, 0.0254  # m
PAINTED = frozenset({"motorway", "trunk", "primary", "secondary", "tertiary"})
UNPAINTED = frozenset({"living_street", "service"})

_NUMBER = re.compile(r"\s*(\d{1,6}(?:[.,]\d{1,6})?)\s*([a-z/]*)", re.IGNORECASE)
_FEET = re.compile(r"\s*(\d{1,4})\s*'\s*(?:(\d{1,2})\s*(?:\"|''))?")

Turns = frozenset[str]  # turn:lanes values of one lane; empty where nothing is said


@dataclass(frozen=True)
class Layout:
    """The lanes of a street as seen along its line; each direction's from left to right.

    Attributes:
        forward: turns of each lane along the line.
        backward: turns of each lane against it.
        lane_width: m.
        median: m, of the lane between the directions that belongs to both.
        speeds: m/s along and against the line.
        painted: whether edges are marked.
        divided: whether the directions are parted by a line.
        ring: whether it is part of a roundabout.
    """

    forward: tuple[Turns, ...]
    backward: tuple[Turns, ...]
    lane_width: float
    median: float = 0.0
    speeds: tuple[float, float] = (DEFAULT_SPEED, DEFAULT_SPEED)
    painted: bool = False
    divided: bool = True
    ring: bool = False

    @property
    def width(self) -> float:
        """Of the whole street [m]."""
        return (len(self.forward) + len(self.backward)) * self.lane_width + self.median

    @property
    def shape(self) -> tuple[int, int, float, float, bool, bool]:
        """What must be the same for one street to go on as another."""
        return (
            len(self.forward),
            len(self.backward),
            self.lane_width,
            self.median,
            self.painted and self.divided,
            self.ring,
        )

    def turned(self) -> "Layout":
        """The same street, seen the other way."""
        return replace(self, forward=self.backward, backward=self.forward, speeds=self.speeds[::-1])

    def offsets(self, *, backward: bool, left_hand: bool) -> list[float]:
        """How far [m] to the left of the line, as it runs, each lane of a direction lies."""
        count = len(self.backward if backward else self.forward)
        edge = self.width / 2  # lanes are counted from the driver's left
        first = edge if left_hand else edge - (self.width - count * self.lane_width)
        aside = [first - (number + 0.5) * self.lane_width for number in range(count)]
        return [-offset for offset in aside] if backward else aside


def layout_of(tags: Mapping[str, str]) -> tuple[Layout, bool]:
    """The lanes of a way, and whether they are meant against its nodes' order (oneway=-1)."""
    road = tags["highway"]
    base = road.removesuffix("_link")
    oneway, reverse = _oneway(tags)
    forward, backward, both = _counts(tags, oneway)
    turns = _turns(tags, "turn:lanes" if oneway else "turn:lanes:forward", forward)
    width = _lane_width(tags, forward + backward + both)
    if not oneway and _count(tags, "lanes") == 1:
        width = SHARED_WIDTH
    speeds = tuple(
        parse_speed(tags.get(f"maxspeed:{way}") or tags.get("maxspeed", ""), base)
        for way in ("forward", "backward")
    )
    layout = Layout(
        turns,
        _turns(tags, "turn:lanes:backward", backward),
        width,
        both * width,
        (speeds[0], speeds[1]),
        painted=base in PAINTED,
        divided=base not in UNPAINTED and width > SHARED_WIDTH,
        ring=tags.get("junction") in RINGS,
    )
    return layout, reverse


def _oneway(tags: Mapping[str, str]) -> tuple[bool, bool]:
    """Whether traffic runs one way only, and whether against the order of the nodes."""
    value = tags.get("oneway", "")
    if value in ("-1", "reverse"):
        return True, True
    implied = tags["highway"] in ("motorway", "motorway_link") or tags.get("junction") in RINGS
    return value in ("yes", "1", "true") or (implied and value not in ("no", "0", "false")), False


def _counts(tags: Mapping[str, str], oneway: bool) -> tuple[int, int, int]:
    """Lanes along the way, against it, and between for both."""
    total = _count(tags, "lanes")
    if oneway:
        told = len(tags.get("turn:lanes", "").split("|")) if "turn:lanes" in tags else None
        default = 2 if tags["highway"] == "motorway" else 1
        return _bounded(total or _count(tags, "lanes:forward") or told or default), 0, 0
    forward, backward = (
        _count(tags, f"lanes:{way}")
        or (len(turns.split("|")) if (turns := tags.get(f"turn:lanes:{way}")) else None)
        for way in ("forward", "backward")
    )
    both = min(_count(tags, "lanes:both_ways") or 0, 1)
    if total is not None:
        if forward is None and backward is None:
            both = both or int(total > 1 and total % 2 == 1)
            forward = backward = max((total - both) // 2, 1)
        forward = total - both - (backward or 0) if forward is None else forward
        backward = total - both - forward if backward is None else backward
    return _bounded(forward or 1), _bounded(backward or 1), both


def _bounded(lanes: int) -> int:
    return min(max(lanes, 1), MAX_LANES)


def _count(tags: Mapping[str, str], key: str) -> int | None:
    """A number of lanes, None where it is missing or no number above 0."""
    found = _NUMBER.match(tags.get(key, ""))
    lanes = int(float(found[1].replace(",", "."))) if found else 0
    return lanes if lanes > 0 else None


def _turns(tags: Mapping[str, str], key: str, count: int) -> tuple[Turns, ...]:
    """What each lane may do, nothing said where the tag does not fit the number of lanes."""
    lanes = tags.get(key, "").split("|")
    if len(lanes) != count:
        return (frozenset(),) * count
    return tuple(frozenset(lane.split(";")) - {"", "none"} for lane in lanes)


def _lane_width(tags: Mapping[str, str], lanes: int) -> float:
    """Width of each lane [m], from the tags or what is usual for such a road."""
    each = [width for text in tags.get("width:lanes", "").split("|") if (width := metres(text))]
    width = sum(each) / len(each) if each else (metres(tags.get("width", "")) or 0.0) / lanes
    road = tags["highway"].removesuffix("_link")
    usual = LANE_WIDTH.get(road) or MINOR_LANE_WIDTH.get(road, DEFAULT_LANE_WIDTH)
    return round(min(max(width or usual, LANE_WIDTHS[0]), LANE_WIDTHS[1]), 2)


def metres(text: str) -> float | None:
    """A length [m] as OpenStreetMap writes it: `3.5`, `3.5 m`, `12 ft`, `3'6"`."""
    feet = _FEET.match(text)
    if feet:
        return int(feet[1]) * FOOT + int(feet[2] or 0) * INCH
    number = _NUMBER.match(text)
    if not number:
        return None
    unit = {"ft": FOOT, "feet": FOOT, "cm": 0.01, "km": 1000.0}.get(number[2].lower(), 1.0)
    return float(number[1].replace(",", ".")) * unit


def parse_speed(text: str, road: str) -> float:
    """A speed limit [m/s] as OpenStreetMap writes it: `50`, `30 mph`, `RU:urban`, `none`."""
    number = _NUMBER.match(text)
    named = NAMED_SPEEDS.get(text.rpartition(":")[2].strip())
    if number:
        speed = float(number[1].replace(",", ".")) * SPEED_UNITS.get(number[2].lower(), 1 / 3.6)
    elif text == "none":
        speed = SPEEDS[1]
    else:
        speed = named or SPEED.get(road, DEFAULT_SPEED)
    return min(max(speed, SPEEDS[0]), SPEEDS[1])
