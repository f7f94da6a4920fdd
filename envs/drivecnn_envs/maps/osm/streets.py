"""Streets: drivable ways cut where they meet, joined where nothing changes, in local metres."""

import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from drivecnn_envs.errors import MapError, MapWarning
from drivecnn_envs.maps.osm.file import OsmRecords, OsmWay
from drivecnn_envs.maps.osm.tags import Layout, layout_of

Array = NDArray[np.float64]

MAX_SEGMENT = 5_000.0  # m between two nodes of a way; a longer one is an error in the data
MAX_LENGTH = 3e6  # m, all streets together


class Circle(NamedTuple):
    """A part of the map to cut out."""

    north: float  # degrees
    east: float  # degrees
    radius: float  # m


@dataclass(frozen=True)
class Street:
    """A road between two places where something else begins.

    Attributes:
        ends: the first and the last node.
        line: (N, 2) m.
        layout: lanes along the line.
        ways: the first and the last way, to which turn restrictions refer.
    """

    ends: tuple[int, int]
    line: Array
    layout: Layout
    ways: tuple[int, int]

    def turned(self) -> "Street":
        """The same street from its other end."""
        return Street(self.ends[::-1], self.line[::-1], self.layout.turned(), self.ways[::-1])


class StreetPlan(NamedTuple):
    """All streets of a map and where its middle is."""

    streets: list[Street]
    north: float  # degrees
    east: float  # degrees


def plan_streets(records: OsmRecords, circle: Circle | None = None) -> StreetPlan:
    """The streets of a map or of a part of it.

    Warns of ways whose nodes are missing; the parts that are there are kept.

    Raises:
        MapError: if nothing is left, or too much.
    """
    positions = np.array(list(records.positions.values()), np.float64).reshape(-1, 2)
    if len(positions) == 0:
        raise MapError(f"{records.path}: none of the roads' nodes is in the file: give a whole map")
    north, east = circle[:2] if circle else (float(value) for value in np.median(positions, axis=0))
    metres = _project(positions, north, east)
    inside = np.linalg.norm(metres, axis=1) <= (circle.radius if circle else np.inf)
    places = {
        node: place
        for node, place, kept in zip(records.positions, metres, inside, strict=True)
        if kept
    }
    runs = [(way, run) for way in records.ways for run in _runs(way, places)]
    streets = _join(_cut(runs, places))
    length = sum(float(np.linalg.norm(np.diff(s.line, axis=0), axis=1).sum()) for s in streets)
    if not streets:
        raise MapError(f"{records.path}: no drivable road is left: give a larger part of the map")
    if length > MAX_LENGTH:
        raise MapError(
            f"{records.path}: {length / 1000:,.0f} km of streets, expected at most "
            f"{MAX_LENGTH / 1000:,.0f} km: cut out a part with the options around and radius"
        )
    _warn_of_gaps(records)
    return StreetPlan(streets, north, east)


def _project(positions: Array, north: float, east: float) -> Array:
    """Local metres (N, 2), x east and y north, of degrees (N, 2) north and east.

    Length of a degree on WGS 84 at the middle's latitude; right to 1e-4 over some ten km.
    """
    phi = np.radians(north)
    per_north = 111_132.95 - 559.82 * np.cos(2 * phi) + 1.175 * np.cos(4 * phi)
    per_east = 111_412.84 * np.cos(phi) - 93.5 * np.cos(3 * phi) + 0.118 * np.cos(5 * phi)
    away = positions - (north, east)
    away[:, 1] = (away[:, 1] + 180.0) % 360.0 - 180.0  # the shorter way around the earth
    return np.stack([away[:, 1] * per_east, away[:, 0] * per_north], axis=1)


def _warn_of_gaps(records: OsmRecords) -> None:
    missing = {node for way in records.ways for node in way.nodes} - records.positions.keys()
    if missing:
        ways = sum(not records.positions.keys() >= set(way.nodes) for way in records.ways)
        warnings.warn(
            f"{records.path}: {len(missing)} nodes of {ways} roads are not in the file or have no "
            "position: these roads are cut there",
            MapWarning,
            stacklevel=2,
        )


def _runs(way: OsmWay, places: Mapping[int, Array]) -> Iterator[list[int]]:
    """The parts of a way whose nodes are there, each of at least two nodes."""
    run: list[int] = []
    for node in way.nodes:
        place = places.get(node)
        gap = 0.0 if not run or place is None else float(np.linalg.norm(place - places[run[-1]]))
        if place is None or gap > MAX_SEGMENT:
            if len(run) > 1:
                yield run
            run = []
        if place is not None and (not run or node != run[-1]):
            run.append(node)
    if len(run) > 1:
        yield run


def _cut(runs: Sequence[tuple[OsmWay, list[int]]], places: Mapping[int, Array]) -> list[Street]:
    """The runs, cut at every node that another run, or the same one once more, goes through."""
    uses = Counter(node for _, run in runs for node in run)
    uses.update(end for _, run in runs for end in (run[0], run[-1]))
    streets = []
    for way, run in runs:
        layout, reverse = layout_of(way.tags)
        nodes = run[::-1] if reverse else run
        cuts = [number for number, node in enumerate(nodes) if uses[node] > 1]
        for first, last in pairwise(cuts):
            piece = nodes[first : last + 1]
            line = np.array([places[node] for node in piece])
            streets.append(Street((piece[0], piece[-1]), line, layout, (way.name, way.name)))
    return streets


def _join(streets: list[Street]) -> list[Street]:
    """The streets, with those made one that meet where nothing else does and look the same."""
    meeting: dict[int, list[int]] = {}
    for number, street in enumerate(streets):
        for end in street.ends:
            meeting.setdefault(end, []).append(number)
    done: set[int] = set()
    joined = []
    for number, street in enumerate(streets):
        if number not in done:
            done.add(number)
            for _ in range(2):  # lengthen it at its end, turn it, lengthen it at the other end
                street = _lengthened(street, streets, meeting, done).turned()
            joined.append(street)
    return joined


def _lengthened(
    street: Street, streets: list[Street], meeting: Mapping[int, list[int]], done: set[int]
) -> Street:
    """The street with all that continue it at its end, which are then done."""
    parts = [street]
    while True:
        last = parts[-1]
        beside = [number for number in meeting[last.ends[1]] if number not in done]
        if len(meeting[last.ends[1]]) != 2 or len(beside) != 1:
            break
        following = streets[beside[0]]
        if following.ends[0] != last.ends[1]:
            following = following.turned()
        if following.layout.shape != street.layout.shape:
            break
        done.add(beside[0])
        parts.append(following)
    last = parts[-1]
    line = np.concatenate([street.line, *(part.line[1:] for part in parts[1:])])
    longest = max(parts, key=lambda part: len(part.line))
    layout = replace(
        street.layout, forward=last.layout.forward, speeds=longest.layout.speeds
    )  # turns are marked where a street ends, and where it begins for the other direction
    return Street((street.ends[0], last.ends[1]), line, layout, (street.ways[0], last.ways[1]))
