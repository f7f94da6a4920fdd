"""Towns from OpenStreetMap: streets with as many lanes as the map says, joined at junctions.

Right-handed axes, x east and y north, in metres from the middle of the map. Heights are left out.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from drivecnn_envs.errors import InputError, MapError
from drivecnn_envs.maps.curves import stations
from drivecnn_envs.maps.osm.connections import Connection, Connector
from drivecnn_envs.maps.osm.file import OsmRecords, read_records
from drivecnn_envs.maps.osm.junctions import Arm, Place, Plan, Rules, find_places
from drivecnn_envs.maps.osm.lanes import NO_LINE, StreetLanes
from drivecnn_envs.maps.osm.place import fetch_records
from drivecnn_envs.maps.osm.side import keeps_left
from drivecnn_envs.maps.osm.streets import Array, Circle, Street, plan_streets
from drivecnn_envs.roads import PavedStrip, SampledLane, TownNetwork

RADII = (50.0, 20_000.0)  # m, least and most of a part that is cut out


@dataclass(frozen=True)
class OsmOptions:
    """How to read an OpenStreetMap file.

    Attributes:
        traffic: the side traffic keeps to; None finds out.
        service: whether service roads (driveways, parking aisles) are wanted.
        around: degrees north and east of the middle of the part to cut out; None takes all.
        radius: m, of that part.
    """

    traffic: Literal["left", "right"] | None = None
    service: bool = False
    around: tuple[float, float] | None = None
    radius: float | None = None

    def __post_init__(self) -> None:
        """Refuse what is no place."""
        if self.traffic not in ("left", "right", None):
            raise InputError(f"traffic: expected left, right or nothing, got {self.traffic!r}")
        if (self.around is None) != (self.radius is None):
            raise InputError("around and radius go together: give both, or none for the whole map")
        if self.around is None or self.radius is None:
            return
        north, east = self.around
        if not (abs(north) <= 89.0 and abs(east) <= 180.0):
            raise InputError(
                f"around: expected degrees north (-89 to 89) and east (-180 to 180), "
                f"got {north:g}, {east:g}"
            )
        if not RADII[0] <= self.radius <= RADII[1]:
            raise InputError(
                f"radius: expected {RADII[0]:g} to {RADII[1]:g} m, got {self.radius:g} m"
            )


def read_osm(path: Path, options: OsmOptions | None = None) -> TownNetwork:
    """The road network of an .osm, .osm.bz2 or .osm.pbf file, named after the file.

    Raises:
        MapError: one line, if the file cannot be read or has no road that can be driven.
    """
    options = options or OsmOptions()
    name = path.name.split(".osm")[0]
    return build_network(name, read_records(path, service=options.service), options)


def read_place(place: str, options: OsmOptions | None = None) -> TownNetwork:
    """The road network of a place by name, such as `Piedmont, California, USA`.

    Raises:
        MapError: one line, if it cannot be downloaded or has no road that can be driven.
    """
    options = options or OsmOptions()
    return build_network(place, fetch_records(place, service=options.service), options)


def build_network(name: str, records: OsmRecords, options: OsmOptions) -> TownNetwork:
    """The network of a map's records."""
    circle = None
    if options.around is not None and options.radius is not None:
        circle = Circle(*options.around, options.radius)
    streets, north, east = plan_streets(records, circle)
    left_hand = options.traffic == "left"
    if options.traffic is None:
        left_hand = keeps_left(records.driving_sides, map(_ring_turn, streets), north, east)
    network = TownNetwork(name, left_hand=left_hand)
    plan = find_places(streets)
    lanes = StreetLanes(plan, left_hand=left_hand)
    connector = Connector(plan, lanes, Rules(records.restrictions))
    connections = [(place, connector.connect(place)) for place in plan.places]
    _add_streets(network, plan, lanes)
    if not network.graph:
        raise MapError(f"{records.path}: no street is long enough to drive: give a larger map")
    for place, links in connections:
        _add_connections(network, lanes, place, links)
        _pave(network, plan, place)
        if not _is_junction(links):
            _pave_openings(network, lanes, links)
    return network


def _ring_turn(street: Street) -> float:
    """How far [rad] a roundabout's part turns, counter-clockwise positive; 0 for other streets.

    A part of less than a circle counts as a whole one.
    """
    if not street.layout.ring or len(street.line) < 3:
        return 0.0
    steps = np.diff(street.line, axis=0)
    headings = np.unwrap(np.arctan2(steps[:, 1], steps[:, 0]))
    turn = float(headings[-1] - headings[0])
    return math.copysign(2 * math.pi, turn) if abs(turn) > 0.5 else 0.0


def _add_streets(network: TownNetwork, plan: Plan, lanes: StreetLanes) -> None:
    """Add the lanes of all streets between places, an edge for each direction."""
    inside = {number for place in plan.places for number in place.inside}
    for number in range(len(plan.streets)):
        if number in inside:
            continue
        length = plan.length(number)
        for backward in (False, True):
            first, last = Arm(number, backward), Arm(number, not backward)
            for lane in lanes.of(number, backward=backward):
                points = lane.between(plan.cuts[first], length - plan.cuts[last])
                network.add_lane(
                    _start_node(first),
                    _end_node(last),
                    SampledLane(points, lane.width, lane.line_types, speed_limit=lane.speed_limit),
                )


def _start_node(arm: Arm) -> str:
    """The network's node where lanes begin that leave a place by an arm."""
    return f"{arm.street}{'-' if arm.at_end else '+'}:start"


def _end_node(arm: Arm) -> str:
    """The network's node where lanes end that arrive at a place by an arm."""
    return f"{arm.street}{'+' if arm.at_end else '-'}:end"


def _add_connections(
    network: TownNetwork, lanes: StreetLanes, place: Place, links: list[Connection]
) -> None:
    """Add the lanes across a place. It is a junction if any street has a choice there."""
    junction = place.name if _is_junction(links) else None
    goes_on = junction is None and len(place.arms) == 2
    for link in sorted(links, key=lambda link: (link.origin, link.target)):
        (origin, number), (target, beyond) = link.origin, link.target
        here, there = lanes.arriving(origin), lanes.leaving(target)
        lines = here[number].line_types if goes_on and len(here) == len(there) else None
        network.add_lane(
            _end_node(origin),
            _start_node(target),
            SampledLane(
                link.points,
                np.linspace(here[number].width, there[beyond].width, len(link.points)),
                lines or (NO_LINE, NO_LINE),
                speed_limit=min(here[number].speed_limit, there[beyond].speed_limit),
                junction=junction,
            ),
        )


def _is_junction(links: list[Connection]) -> bool:
    """Whether traffic from any street has a choice."""
    ways: dict[Arm, set[Arm]] = {}
    for link in links:
        ways.setdefault(link.origin[0], set()).add(link.target[0])
    return any(len(targets) > 1 for targets in ways.values())


def _pave_openings(network: TownNetwork, lanes: StreetLanes, links: list[Connection]) -> None:
    """Make road, wider and wider, of the way to a lane that begins beside those that go on."""
    reached = {link.target for link in links}
    for link in links:
        target, number = link.target
        if link.origin[0] == target:
            continue
        for beside in (number - 1, number + 1):
            if not 0 <= beside < len(lanes.leaving(target)) or (target, beside) in reached:
                continue
            lane = lanes.leaving(target)[beside]
            shift = lanes.start_pose(target, beside).point - link.points[-1]
            share = np.linspace(0.0, 1.0, len(link.points))
            line = link.points + (share**2 * (3 - 2 * share))[:, None] * shift
            network.paved.append(PavedStrip(line, np.full(len(line), lane.width)))


def _pave(network: TownNetwork, plan: Plan, place: Place) -> None:
    """Make road of the streets inside a place and of what was cut off those that lead there."""
    strips: list[tuple[Array, float]] = [
        (plan.lines[number], plan.streets[number].layout.width) for number in place.inside
    ]
    for arm in place.arms:
        line = plan.leaving(arm)
        if len(place.arms) > 2:
            line = line[stations(line) <= plan.cuts[arm]]
            strips.append((line, plan.streets[arm.street].layout.width))
    for line, width in strips:
        if len(line) > 1:
            network.paved.append(PavedStrip(line, np.full(len(line), width)))
