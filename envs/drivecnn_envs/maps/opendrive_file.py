"""What an OpenDRIVE file says: its roads and junctions as checked, typed records.

Attribute names and meanings: ASAM OpenDRIVE 1.7. Elevation, superelevation, signals and objects
are left out: the world is flat. Every complaint names the file and the line in it.
"""

import math
import xml.sax
import xml.sax.handler
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, NoReturn

import defusedxml.sax
import numpy as np

from drivecnn_envs.errors import MapError
from drivecnn_envs.maps.reference_line import (
    Arc,
    Cubic,
    Piece,
    PiecewiseCubic,
    ReferenceLine,
    Shape,
    Spiral,
    poly3,
)

MAX_FILE_BYTES = 500_000_000
MAX_COORDINATE = 1e6  # m from the first point, and the longest road
MAX_SPIRAL_TURN = 200.0  # rad, about 30 full circles
ROUNDING = 1e-3  # m, what stations may be off before the file counts as wrong
SIDE_SIGNS = {"left": 1, "center": 0, "right": -1}
UNIT_SPEED = {"m/s": 1.0, "km/h": 1 / 3.6, "mph": 0.44704}  # m/s


@dataclass(frozen=True, slots=True)
class Element:
    """An XML element that knows where it stands in its file."""

    tag: str
    attributes: dict[str, str]
    path: Path
    line: int
    children: list["Element"] = field(default_factory=list)

    def fail(self, message: str) -> NoReturn:
        """Raise a MapError that names the file and the line of this element."""
        raise MapError(f"{self.path}:{self.line}: " + " ".join(message.split()))

    def all(self, *tags: str) -> Iterator["Element"]:
        """The elements at the end of a path of tags."""
        for child in self.children:
            if child.tag == tags[0]:
                if len(tags) == 1:
                    yield child
                else:
                    yield from child.all(*tags[1:])

    def first(self, *tags: str) -> "Element | None":
        """The first element at the end of a path of tags, None where there is none."""
        return next(self.all(*tags), None)

    def text(self, name: str, default: str | None = None) -> str:
        """An attribute; a missing one without a default is a MapError."""
        value = self.attributes.get(name, default)
        if value is None:
            self.fail(f"<{self.tag}> has no attribute '{name}': add it or remove the element")
        return value

    def number(self, name: str, default: float | None = None) -> float:
        """An attribute as a finite number."""
        if default is not None and name not in self.attributes:
            return default
        text = self.text(name)
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            self.fail(
                f"attribute '{name}' of <{self.tag}> is {text[:40]!r}, expected a finite number: "
                "correct it"
            )
        return value

    def integer(self, name: str) -> int:
        """An attribute as a whole number, as lane ids are."""
        text = self.text(name)
        if not text.strip().lstrip("+-").isdecimal() or len(text) > 9:
            self.fail(
                f"attribute '{name}' of <{self.tag}> is {text[:40]!r}, expected a whole number: "
                "correct it"
            )
        return int(text)

    def numbers(self, *names: str) -> tuple[float, ...]:
        """Several attributes as finite numbers."""
        return tuple(self.number(name) for name in names)


class _TreeHandler(xml.sax.handler.ContentHandler):
    """Collects elements; the parser's locator says on which line each begins."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.locator: xml.sax.handler.ContentHandler | None = None
        self.open: list[Element] = [Element("", {}, path, 0)]

    def setDocumentLocator(self, locator: "xml.sax.xmlreader.Locator") -> None:  # noqa: N802
        self.locator = locator

    def startElement(self, name: str, attrs: "xml.sax.xmlreader.AttributesImpl") -> None:  # noqa: N802
        line = self.locator.getLineNumber() if self.locator else 0
        element = Element(name.rpartition(":")[2], dict(attrs), self.path, line)
        self.open[-1].children.append(element)
        self.open.append(element)

    def endElement(self, name: str) -> None:  # noqa: N802
        self.open.pop()


def _root(path: Path) -> Element:
    """The root element of an OpenDRIVE file.

    Raises:
        MapError: if the file is missing, larger than 500 MB, no XML, or not OpenDRIVE, or if it
            declares entities, which no map needs and which can blow up when expanded.
    """
    handler = _TreeHandler(path)
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise MapError(
                f"{path}: the file has {size / 1e6:.0f} MB, expected at most "
                f"{MAX_FILE_BYTES / 1e6:.0f} MB: cut the map into parts"
            )
        with path.open("rb") as stream:
            defusedxml.sax.parse(stream, handler)
    except OSError as error:
        raise MapError(
            f"{path}: expected an OpenDRIVE file, {error.strerror or error}: check the path"
        ) from error
    except xml.sax.SAXParseException as error:
        raise MapError(
            f"{path}:{error.getLineNumber()}: expected XML, {error.getMessage()}: "
            "give a whole OpenDRIVE (.xodr) file"
        ) from error
    except MapError:
        raise
    except (ValueError, LookupError) as error:  # forbidden entities and unknown encodings
        reason = " ".join(str(error).split())[:100]
        raise MapError(
            f"{path}: expected plain XML without entity declarations, got {reason}: remove them"
        ) from error
    root = handler.open[0].children[0]
    if root.tag != "OpenDRIVE":
        root.fail(f"expected <OpenDRIVE>, got <{root.tag[:40]}>: give an OpenDRIVE (.xodr) file")
    return root


class Mark(NamedTuple):
    """One `<roadMark>` record."""

    offset: float  # m from the start of the lane section
    kind: str


@dataclass(frozen=True)
class FileLane:
    """One `<lane>` of a lane section."""

    number: int  # its id: negative right of the reference line, positive left of it
    kind: str
    widths: PiecewiseCubic  # m, of the distance from the section's start
    is_border: bool  # widths are the outer border's offset from the reference line instead
    predecessors: tuple[int, ...]
    successors: tuple[int, ...]
    marks: tuple[Mark, ...]
    speed: float | None  # m/s
    element: Element


@dataclass(frozen=True)
class Section:
    """One `<laneSection>`."""

    start: float  # m along the road
    end: float  # m along the road
    lanes: dict[int, FileLane]


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


def _cubics(elements: list[Element], station: str) -> PiecewiseCubic:
    rows = sorted(element.numbers(station, "a", "b", "c", "d") for element in elements)
    table = np.array(rows, dtype=np.float64).reshape(-1, 5)
    return PiecewiseCubic(table[:, 0], table[:, 1:])


def _speed(element: Element | None) -> float | None:
    """A `<speed>` in m/s, None where it sets no limit."""
    if element is None or element.text("max") in ("no limit", "undefined"):
        return None
    unit = element.text("unit", "m/s")
    if unit not in UNIT_SPEED:
        element.fail(f"speed unit is {unit[:20]!r}, expected one of {', '.join(UNIT_SPEED)}")
    return element.number("max") * UNIT_SPEED[unit] or None


def _shape(element: Element, length: float) -> Shape:
    """The primitive inside a `<geometry>`."""
    for child in element.children:
        if child.tag == "line":
            return Arc()
        if child.tag == "arc":
            return Arc(child.number("curvature"))
        if child.tag == "spiral":
            start, end = child.numbers("curvStart", "curvEnd")
            if max(abs(start), abs(end)) * length > MAX_SPIRAL_TURN:
                child.fail(
                    f"the spiral turns up to {max(abs(start), abs(end)) * length:.3g} rad, expected "
                    f"at most {MAX_SPIRAL_TURN:g}: correct its curvatures"
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
    element.fail(
        "<geometry> holds no known shape, expected line, arc, spiral, poly3 or paramPoly3: add one"
    )


def _reference_line(road: Element) -> ReferenceLine:
    pieces = []
    for element in road.all("planView", "geometry"):
        station, x, y, heading, length = element.numbers("s", "x", "y", "hdg", "length")
        if not 0 < length <= MAX_COORDINATE:
            element.fail(
                f"the geometry is {length:g} m long, expected more than 0 and at most "
                f"{MAX_COORDINATE:g} m: remove or correct it"
            )
        if pieces and station < pieces[-1].station:
            element.fail(f"geometry at s={station:g} follows s={pieces[-1].station:g}: sort them")
        pieces.append(Piece(station, x, y, heading, length, _shape(element, length)))
    if not pieces:
        road.fail(f"road {road.text('id')!r} has no <geometry>: add its <planView>")
    return ReferenceLine(tuple(pieces))


def _lane(element: Element) -> FileLane:
    widths, borders = list(element.all("width")), list(element.all("border"))
    number, kind = element.integer("id"), element.text("type", "none")
    if number != 0 and kind != "none" and not widths and not borders:
        element.fail(f"lane {number} has no <width>: add one")
    return FileLane(
        number,
        kind,
        _cubics(widths or borders, "sOffset"),
        is_border=bool(borders) and not widths,
        predecessors=tuple(link.integer("id") for link in element.all("link", "predecessor")),
        successors=tuple(link.integer("id") for link in element.all("link", "successor")),
        marks=tuple(
            sorted(
                Mark(mark.number("sOffset", 0.0), mark.text("type", "none"))
                for mark in element.all("roadMark")
            )
        ),
        speed=_speed(element.first("speed")),
        element=element,
    )


def _sections(road: Element, length: float) -> tuple[Section, ...]:
    elements = list(road.all("lanes", "laneSection"))
    if not elements:
        road.fail(f"road {road.text('id')!r} has no <laneSection>: add one")
    stations = [element.number("s") for element in elements] + [length]
    sections = []
    for element, start, end in zip(elements, stations, stations[1:], strict=False):
        if end < start - ROUNDING:
            element.fail(
                f"the lane section runs from s={start:g} to s={end:g}: sort the sections and keep "
                "them within the road's length"
            )
        if element.text("singleSide", "false") in ("true", "1"):
            element.fail("singleSide lane sections are not read: give both sides in each section")
        lanes: dict[int, FileLane] = {}
        for side in ("left", "center", "right"):
            for child in element.all(side, "lane"):
                lane = _lane(child)
                if lane.number in lanes or np.sign(lane.number) != SIDE_SIGNS[side]:
                    child.fail(
                        f"lane {lane.number} is given twice or on the wrong side ({side}): "
                        "renumber it"
                    )
                lanes[lane.number] = lane
        sections.append(Section(start, max(start, end), lanes))
    return tuple(sections)


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
        element.fail(f"contactPoint is {contact[:20]!r}, expected start or end: correct it")
    return contact == "end"


def _road(element: Element) -> Road:
    length = element.number("length")
    if not 0 < length <= MAX_COORDINATE:
        element.fail(
            f"road {element.text('id')!r} is {length:g} m long, expected more than 0 and at most "
            f"{MAX_COORDINATE:g} m: remove or correct it"
        )
    limits = ((kind.number("s", 0.0), _speed(kind.first("speed"))) for kind in element.all("type"))
    junction = element.text("junction", "-1")
    return Road(
        name=element.text("id"),
        junction=None if junction == "-1" else junction,
        left_hand=element.text("rule", "RHT") == "LHT",
        line=_reference_line(element),
        lane_offset=_cubics(list(element.all("lanes", "laneOffset")), "s"),
        sections=_sections(element, length),
        predecessor=_link(element, "predecessor"),
        successor=_link(element, "successor"),
        speeds=tuple(sorted((at, limit) for at, limit in limits if limit is not None)),
        element=element,
    )


def _roads(root: Element) -> dict[str, Road]:
    """All roads by id."""
    roads: dict[str, Road] = {}
    for element in root.all("road"):
        road = _road(element)
        if road.name in roads:
            element.fail(f"road id {road.name!r} comes twice: renumber one")
        roads[road.name] = road
    if not roads:
        root.fail("expected at least one <road>, got none: give a file with roads")
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
    root = _root(path)
    junctions = list(root.all("junction"))
    connections = [connection for junction in junctions for connection in _connections(junction)]
    return MapRecords(
        _roads(root), frozenset(junction.text("id") for junction in junctions), connections, root
    )
