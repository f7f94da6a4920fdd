"""What an OpenDRIVE file says: its roads and junctions as checked, typed records.

Attribute names and meanings: ASAM OpenDRIVE 1.7. Signals and objects are left out. Every complaint
names the file and the line in it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from drivecnn_envs.maps.opendrive.reference_line import (
    Arc,
    Cubic,
    Piece,
    PiecewiseCubic,
    ReferenceLine,
    Shape,
    Spiral,
    poly3,
)
from drivecnn_envs.maps.opendrive.sections import (
    Section,
    cubics,
    part_closed_lanes,
    read_sections,
    read_speed,
)
from drivecnn_envs.maps.xml_lines import Element, read_root

MAX_COORDINATE = 1e6  # m from the first point
MAX_ROAD_LENGTH = 1e5  # m
MAX_LANE_LENGTH = 2e6  # m, all lanes of a map together
MAX_SPIRAL_TURN = 200.0  # rad, about 30 full circles
MAX_BREAK = 1.0  # m, between the pieces of a reference line


class Contact(NamedTuple):
    """One end of a road."""

    road: str
    at_end: bool


class Link(NamedTuple):
    """A road's `<predecessor>` or `<successor>`: a road's end or a junction."""

    contact: Contact | None
    junction: str | None
    element: Element


@dataclass(frozen=True)
class Road:
    """One `<road>`."""

    name: str  # its id
    junction: str | None
    left_hand: bool  # traffic keeps to the left
    line: ReferenceLine
    lane_offset: PiecewiseCubic  # m, of the station
    sections: tuple[Section, ...]
    predecessor: Link | None
    successor: Link | None
    speeds: tuple[tuple[float, float], ...]  # (station m, limit m/s), rising
    elevation: PiecewiseCubic  # m, of the station
    element: Element


class Connection(NamedTuple):
    """One `<connection>` of a junction."""

    junction: str
    incoming: str
    connecting: Contact
    lane_links: tuple[tuple[int, int], ...]
    element: Element


@dataclass(frozen=True)
class MapRecords:
    """All that is read from a file."""

    roads: dict[str, Road]
    junctions: frozenset[str]
    connections: list[Connection]
    root: Element


def _shape(element: Element, length: float) -> Shape:
    """The primitive inside a `<geometry>`."""
    for child in element.children:
        if child.tag == "line":
            return Arc()
        if child.tag == "arc":
            return Arc(child.number("curvature"))
        if child.tag == "spiral":
            start, end = child.numbers("curvStart", "curvEnd")
            turn = max(abs(start), abs(end)) * length
            if turn > MAX_SPIRAL_TURN:
                raise child.error(
                    f"the spiral turns up to {turn:.3g} rad, expected at most {MAX_SPIRAL_TURN:g}: "
                    "correct its curvatures"
                )
            return Spiral(start, end)
        if child.tag == "poly3":
            return poly3(child.numbers("a", "b", "c", "d"))
        if child.tag == "paramPoly3":
            by_arc_length = child.text("pRange", "normalized") == "arcLength"
            au, bu, cu, du = child.numbers("aU", "bU", "cU", "dU")
            av, bv, cv, dv = child.numbers("aV", "bV", "cV", "dV")
            end = length if by_arc_length else 1.0
            return Cubic((au, bu, cu, du), (av, bv, cv, dv), end, by_arc_length)
    raise element.error(
        "<geometry> holds no known shape, expected line, arc, spiral, poly3 or paramPoly3: add one"
    )


def _reference_line(road: Element, road_length: float) -> ReferenceLine:
    """The road's `<planView>`, checked to be one unbroken line as long as the road."""
    pieces: list[Piece] = []
    for element in road.all("planView", "geometry"):
        station, x, y, heading, length = element.numbers("s", "x", "y", "hdg", "length")
        if not 0 < length <= MAX_ROAD_LENGTH:
            raise element.error(
                f"the geometry is {length:g} m long, expected more than 0 and at most "
                f"{MAX_ROAD_LENGTH:g} m: remove or correct it"
            )
        _check_follows(element, pieces[-1] if pieces else None, station, (x, y))
        pieces.append(Piece(station, x, y, heading, length, _shape(element, length)))
    if not pieces:
        raise road.error(f"road {road.text('id')!r} has no <geometry>: add its <planView>")
    end = pieces[-1].station + pieces[-1].length
    if abs(end - road_length) > MAX_BREAK:
        raise road.error(
            f"road {road.text('id')!r} is {road_length:g} m long, but its <geometry> ends at "
            f"s={end:g}: make them agree"
        )
    return ReferenceLine(tuple(pieces))


def _check_follows(
    element: Element, before: Piece | None, station: float, point: tuple[float, float]
) -> None:
    """Complain unless a geometry begins where the one before it ends, or at s=0."""
    end = 0.0 if before is None else before.station + before.length
    if abs(station - end) > MAX_BREAK:
        raise element.error(
            f"the geometry begins at s={station:g}, expected s={end:g}: close the gap"
        )
    if before is None:
        return
    with np.errstate(over="ignore", invalid="ignore"):
        reached = before.poses(np.array([end])).points[0]
        gap = float(np.linalg.norm(reached - point))
    if not gap <= MAX_BREAK:
        raise element.error(
            f"the geometry begins {gap:.3g} m from where the one before it ends, expected at most "
            f"{MAX_BREAK:g} m: correct its x and y"
        )


def _link(road: Element, tag: str) -> Link | None:
    element = road.first("link", tag)
    if element is None:
        return None
    target = element.text("elementId")
    if element.text("elementType") == "junction":
        return Link(None, target, element)
    return Link(Contact(target, _at_end(element)), None, element)


def _at_end(element: Element) -> bool:
    contact = element.text("contactPoint")
    if contact not in ("start", "end"):
        raise element.error(f"contactPoint is {contact[:20]!r}, expected start or end: correct it")
    return contact == "end"


def _road(element: Element) -> Road:
    length = element.number("length")
    if not 0 < length <= MAX_ROAD_LENGTH:
        raise element.error(
            f"road {element.text('id')!r} is {length:g} m long, expected more than 0 and at most "
            f"{MAX_ROAD_LENGTH:g} m: remove or correct it"
        )
    limits = (
        (kind.number("s", 0.0), read_speed(kind.first("speed"))) for kind in element.all("type")
    )
    junction = element.text("junction", "-1")
    return Road(
        name=element.text("id"),
        junction=None if junction == "-1" else junction,
        left_hand=element.text("rule", "RHT") == "LHT",
        line=_reference_line(element, length),
        lane_offset=cubics(list(element.all("lanes", "laneOffset")), "s"),
        sections=read_sections(element, length),
        predecessor=_link(element, "predecessor"),
        successor=_link(element, "successor"),
        speeds=tuple(sorted((at, limit) for at, limit in limits if limit is not None)),
        elevation=cubics(list(element.all("elevationProfile", "elevation")), "s"),
        element=element,
    )


def _roads(root: Element) -> dict[str, Road]:
    """All roads by id, refused where their sampled lanes would not fit into memory."""
    roads: dict[str, Road] = {}
    total = 0.0  # m of lanes; a section without lanes counts once, for its reference line
    for element in root.all("road"):
        road = _road(element)
        if road.name in roads:
            raise element.error(f"road id {road.name!r} comes twice: renumber one")
        total += sum(part.length * max(len(part.lanes), 1) for part in road.sections)
        if total > MAX_LANE_LENGTH:
            raise root.error(
                f"the lanes are more than {MAX_LANE_LENGTH / 1000:.0f} km long in all: cut the map "
                "into parts"
            )
        parts = tuple(part for section in road.sections for part in part_closed_lanes(section))
        road = replace(road, sections=parts)
        roads[road.name] = road
    if not roads:
        raise root.error("expected at least one <road>, got none: give a file with roads")
    return roads


def _connections(junction: Element) -> Iterator[Connection]:
    """The connections of an ordinary or direct junction; a virtual junction connects nothing."""
    kind = junction.text("type", "default")
    if kind == "virtual":
        return
    connecting = "linkedRoad" if kind == "direct" else "connectingRoad"
    for element in junction.all("connection"):
        links = element.all("laneLink")
        yield Connection(
            junction.text("id"),
            element.text("incomingRoad"),
            Contact(element.text(connecting), _at_end(element)),
            tuple((link.integer("from"), link.integer("to")) for link in links),
            element,
        )


def read_records(path: Path) -> MapRecords:
    """What an OpenDRIVE file says.

    Raises:
        MapError: if the file is no OpenDRIVE file, has no road, gives a road id twice, or holds
            a record that is incomplete or impossible.
    """
    root = read_root(path, "OpenDRIVE")
    junctions = list(root.all("junction"))
    connections = [connection for junction in junctions for connection in _connections(junction)]
    return MapRecords(
        _roads(root), frozenset(junction.text("id") for junction in junctions), connections, root
    )
