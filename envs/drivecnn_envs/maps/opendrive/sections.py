"""The lane sections of an OpenDRIVE road: its lanes, how wide they are and how they are marked.

Attribute names and meanings: ASAM OpenDRIVE 1.7, chapter 11.
"""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from drivecnn_envs.maps.opendrive.reference_line import PiecewiseCubic
from drivecnn_envs.maps.xml_lines import Element

DRIVING_KINDS = frozenset(
    {"driving", "bidirectional", "entry", "exit", "onRamp", "offRamp", "connectingRamp"}
)
ROUNDING = 1e-3  # m, what stations may be off before the file counts as wrong
SIDE_SIGNS = {"left": 1, "center": 0, "right": -1}
UNIT_SPEED = {"m/s": 1.0, "km/h": 1 / 3.6, "mph": 0.44704}  # m/s
CLOSED_WIDTH = 0.3  # m, a lane that stays narrower than this ...
CLOSED_LENGTH = 10.0  # m, ... for longer than this is closed there; shorter ones are tapers
CLOSED_STEP = 1.0  # m, between the stations that are looked at


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

    @property
    def length(self) -> float:
        """Metres along the road."""
        return self.end - self.start


def cubics(elements: list[Element], station: str) -> PiecewiseCubic:
    """The records a, b, c, d of elements, whose attribute `station` says where each begins."""
    rows = sorted(element.numbers(station, "a", "b", "c", "d") for element in elements)
    table = np.array(rows, dtype=np.float64).reshape(-1, 5)
    return PiecewiseCubic(table[:, 0], table[:, 1:])


def read_speed(element: Element | None) -> float | None:
    """A `<speed>` in m/s, None where it sets no limit."""
    if element is None or element.text("max") in ("no limit", "undefined"):
        return None
    unit = element.text("unit", "m/s")
    if unit not in UNIT_SPEED:
        raise element.error(
            f"speed unit is {unit[:20]!r}, expected {' or '.join(UNIT_SPEED)}: correct it"
        )
    limit = element.number("max") * UNIT_SPEED[unit]
    return limit if limit > 0 else None


def _lane(element: Element) -> FileLane:
    widths, borders = list(element.all("width")), list(element.all("border"))
    number, kind = element.integer("id"), element.text("type", "none")
    if number != 0 and kind != "none" and not widths and not borders:
        raise element.error(f"lane {number} has no <width>: add one")
    return FileLane(
        number,
        kind,
        cubics(widths or borders, "sOffset"),
        is_border=bool(borders) and not widths,
        predecessors=tuple(link.integer("id") for link in element.all("link", "predecessor")),
        successors=tuple(link.integer("id") for link in element.all("link", "successor")),
        marks=tuple(
            sorted(
                Mark(mark.number("sOffset", 0.0), mark.text("type", "none"))
                for mark in element.all("roadMark")
            )
        ),
        speed=read_speed(element.first("speed")),
        element=element,
    )


def read_sections(road: Element, length: float) -> tuple[Section, ...]:
    """The lane sections of a `<road>` of a length [m], in order and checked to cover it."""
    elements = list(road.all("lanes", "laneSection"))
    if not elements:
        raise road.error(f"road {road.text('id')!r} has no <laneSection>: add one")
    stations = [element.number("s") for element in elements] + [length]
    if abs(stations[0]) > ROUNDING:
        raise elements[0].error(
            f"the first lane section begins at s={stations[0]:g}, expected 0: move it"
        )
    sections = []
    for element, start, end in zip(elements, stations, stations[1:], strict=False):
        if end < start - ROUNDING:
            raise element.error(
                f"the lane section runs from s={start:g} to s={end:g}: sort the sections and keep "
                "them within the road's length"
            )
        if element.text("singleSide", "false") in ("true", "1"):
            raise element.error("singleSide sections are not read: give both sides in each")
        lanes: dict[int, FileLane] = {}
        for side in ("left", "center", "right"):
            for child in element.all(side, "lane"):
                lane = _lane(child)
                if lane.number in lanes or np.sign(lane.number) != SIDE_SIGNS[side]:
                    raise child.error(
                        f"lane {lane.number} is given twice or on the wrong side ({side}): "
                        "renumber it"
                    )
                lanes[lane.number] = lane
        sections.append(Section(start, max(start, end), lanes))
    return tuple(sections)


def part_closed_lanes(section: Section) -> list[Section]:
    """A section in parts: cut wherever a driving lane closes or opens for more than a taper.

    Files may give a lane no width for hundreds of metres until it opens, within one section
    (esmini's tunnels.xodr). Where it is closed it is no driving lane.
    """
    length = section.length
    stations = np.linspace(0.0, length, max(2, round(length / CLOSED_STEP) + 1))
    closed = {
        number: runs
        for number, lane in section.lanes.items()
        if lane.kind in DRIVING_KINDS and (runs := _closed_runs(lane, stations))
    }
    cuts = [0.0]
    for cut in sorted({end for runs in closed.values() for run in runs for end in run}):
        if min(cut - cuts[-1], length - cut) >= CLOSED_LENGTH / 2:
            cuts.append(cut)
    if len(cuts) == 1:
        return [section]
    parts = []
    for start, end in pairwise([*cuts, length]):
        middle = (start + end) / 2
        lanes = {
            number: _lane_part(
                lane,
                (start, end),
                length,
                any(first < middle < last for first, last in closed.get(number, ())),
            )
            for number, lane in section.lanes.items()
        }
        parts.append(Section(section.start + start, section.start + end, lanes))
    return parts


def _closed_runs(lane: FileLane, stations: NDArray[np.float64]) -> list[tuple[float, float]]:
    """Where (start, end) [m] a lane is closed."""
    if lane.is_border:
        return []
    with np.errstate(over="ignore", invalid="ignore"):  # absurd widths are refused when sampled
        narrow = lane.widths.values(stations) < CLOSED_WIDTH
    changes = np.flatnonzero(np.diff(np.concatenate([[False], narrow, [False]]).astype(int)))
    runs = changes.reshape(-1, 2) - [0, 1]  # first and last narrow station of each
    return [
        (float(stations[first]), float(stations[last]))
        for first, last in runs
        if stations[last] - stations[first] > CLOSED_LENGTH
    ]


def _lane_part(lane: FileLane, part: tuple[float, float], length: float, closed: bool) -> FileLane:
    """A lane between two stations [m] of its section, linked to its own other parts."""
    start, end = part
    return replace(
        lane,
        kind="none" if closed else lane.kind,
        widths=PiecewiseCubic(lane.widths.starts - start, lane.widths.coefficients),
        predecessors=lane.predecessors if start == 0.0 else (lane.number,),
        successors=lane.successors if end == length else (lane.number,),
        marks=tuple(mark._replace(offset=mark.offset - start) for mark in lane.marks),
    )
