"""How an OpenDRIVE map hangs together: shared nodes between roads, and which lane continues which.

A node is a place of a road, at the boundary of lane sections, for one direction of travel.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from drivecnn_envs.maps.opendrive.file import (
    Connection,
    Contact,
    Link,
    MapRecords,
    Road,
)
from drivecnn_envs.maps.opendrive.reference_line import Array
from drivecnn_envs.maps.opendrive.sections import DRIVING_KINDS
from drivecnn_envs.maps.xml_lines import Element

MIN_SECTION_LENGTH = 0.05  # m, a shorter lane section has no lane of its own: its ends become one


class Node(NamedTuple):
    """A lane-section boundary of a road, for one direction of travel."""

    road: str
    boundary: int  # 0 is the road's start
    with_s: bool  # travel with rising stations

    def __str__(self) -> str:
        return f"{self.road}.{self.boundary}{'+' if self.with_s else '-'}"


class LaneKey(NamedTuple):
    """A lane of one lane section."""

    road: str
    section: int
    lane: int


class LaneEnd(NamedTuple):
    """The end of a lane at one boundary of its section."""

    key: LaneKey
    at_end: bool  # at the higher station


class LaneJoint(NamedTuple):
    """A lane and one that continues it, in driving direction."""

    before: LaneKey
    after: LaneKey
    element: Element  # that says so


class TouchingEnds(NamedTuple):
    """Two road ends that lie at the same place."""

    one: Contact
    other: Contact
    lane_links: tuple[tuple[int, int], ...]  # that the junction adds to the lanes' own
    element: Element  # that says so


class Nodes:
    """Which nodes are one: a union-find that never recurses."""

    def __init__(self) -> None:
        self._parents: dict[Node, Node] = {}

    def find(self, node: Node) -> Node:
        """The node that stands for all that are one with this one."""
        while (parent := self._parents.get(node, node)) != node:
            self._parents[node] = self._parents.get(parent, parent)
            node = parent
        return node

    def unite(self, one: Node, other: Node) -> None:
        """Make two nodes one."""
        self._parents[self.find(other)] = self.find(one)


def goes_with_s(road: Road, lane: int) -> bool:
    """Whether traffic on a lane follows rising stations: right lanes do where it keeps right."""
    return (lane < 0) != road.left_hand


def is_short(road: Road, section: int) -> bool:
    """Whether a lane section is too short for lanes of its own."""
    return road.sections[section].length < MIN_SECTION_LENGTH


def touching_ends(records: MapRecords) -> list[TouchingEnds]:
    """All pairs of road ends that a link or a junction joins.

    Raises:
        MapError: if a link or a connection names a road or junction that the file does not hold.
    """
    found = []
    for road in records.roads.values():
        for link, at_end in ((road.predecessor, False), (road.successor, True)):
            if link is None:
                continue
            _check_target(link, records)
            if link.contact is not None:
                here = Contact(road.name, at_end)
                found.append(TouchingEnds(here, link.contact, (), link.element))
    for connection in records.connections:
        incoming = _incoming_end(connection, records.roads)
        found.append(
            TouchingEnds(incoming, connection.connecting, connection.lane_links, connection.element)
        )
    return found


def _check_target(link: Link, records: MapRecords) -> None:
    if link.contact is None:
        kind, target, exists = "junction", link.junction, link.junction in records.junctions
    else:
        kind, target, exists = "road", link.contact.road, link.contact.road in records.roads
    if not exists:
        raise link.element.error(
            f"the {link.element.tag} is {kind} {target!r}, which is not in the file: "
            "add it or remove the link"
        )


def _incoming_end(connection: Connection, roads: dict[str, Road]) -> Contact:
    """The end of the incoming road that lies at the junction; the nearer one where both may."""
    for name in (connection.incoming, connection.connecting.road):
        if name not in roads:
            raise connection.element.error(
                f"the connection names road {name[:40]!r}, which is not in the file: "
                "add it or remove the connection"
            )
    road = roads[connection.incoming]
    links = {False: road.predecessor, True: road.successor}
    ends = [
        at_end for at_end, link in links.items() if link and link.junction == connection.junction
    ]
    target = _end_point(roads, connection.connecting)

    def distance(contact: Contact) -> float:
        with np.errstate(over="ignore", invalid="ignore"):  # a tiny road may have wild coefficients
            return float(np.linalg.norm(_end_point(roads, contact) - target))

    return min((Contact(road.name, at_end) for at_end in ends or [False, True]), key=distance)


def _end_point(roads: dict[str, Road], contact: Contact) -> Array:
    sections = roads[contact.road].sections
    station = sections[-1].end if contact.at_end else sections[0].start
    points = roads[contact.road].line.poses([station]).points  # (1, 2)
    return points.ravel()


def shared_nodes(roads: dict[str, Road], ends: Iterable[TouchingEnds]) -> Nodes:
    """The nodes after joining touching road ends and the two ends of each short section."""
    nodes = Nodes()
    for road in roads.values():
        for number in range(len(road.sections)):
            if is_short(road, number):
                for with_s in (False, True):
                    nodes.unite(
                        Node(road.name, number, with_s), Node(road.name, number + 1, with_s)
                    )
    for one, other, _, _ in ends:
        nodes.unite(_node(roads, one, leaving=True), _node(roads, other, leaving=False))
        nodes.unite(_node(roads, other, leaving=True), _node(roads, one, leaving=False))
    return nodes


def _node(roads: dict[str, Road], contact: Contact, *, leaving: bool) -> Node:
    boundary = len(roads[contact.road].sections) if contact.at_end else 0
    return Node(contact.road, boundary, contact.at_end == leaving)


def lane_joints(roads: dict[str, Road], ends: Iterable[TouchingEnds]) -> list[LaneJoint]:
    """Which driving lane continues which, as lane links say; short sections are passed through.

    A link to a lane that does not exist is left out, as real files hold some (esmini's
    highway_merge.xodr).

    Raises:
        MapError: if a link joins two lanes of opposite directions.
    """
    found = [joint for road in roads.values() for joint in _section_joints(roads, road)]
    for pair in ends:
        found += _road_joints(roads, pair)
        for one, other in pair.lane_links:
            here, there = _lane_end(roads, pair.one, one), _lane_end(roads, pair.other, other)
            found += _joint(roads, here, there, pair.element)
    return _past_short_sections(roads, found)


def _section_joints(roads: dict[str, Road], road: Road) -> Iterator[LaneJoint]:
    """The joints between the lane sections of one road."""
    for number, section in enumerate(road.sections):
        for lane in section.lanes.values():
            key = LaneKey(road.name, number, lane.number)
            for at_end, targets in ((True, lane.successors), (False, lane.predecessors)):
                beside = number + (1 if at_end else -1)
                if 0 <= beside < len(road.sections):
                    for target in targets:
                        there = LaneEnd(LaneKey(road.name, beside, target), not at_end)
                        yield from _joint(roads, LaneEnd(key, at_end), there, lane.element)


def _road_joints(roads: dict[str, Road], pair: TouchingEnds) -> Iterator[LaneJoint]:
    """The joints that the lanes at a road's end name themselves, if the pair is the road's link."""
    road = roads[pair.one.road]
    own = road.successor if pair.one.at_end else road.predecessor
    if own is None or own.element is not pair.element:
        return
    for lane in road.sections[-1 if pair.one.at_end else 0].lanes.values():
        here = _lane_end(roads, pair.one, lane.number)
        for target in lane.successors if pair.one.at_end else lane.predecessors:
            yield from _joint(roads, here, _lane_end(roads, pair.other, target), lane.element)


def _lane_end(roads: dict[str, Road], contact: Contact, lane: int) -> LaneEnd:
    last = len(roads[contact.road].sections) - 1
    return LaneEnd(LaneKey(contact.road, last if contact.at_end else 0, lane), contact.at_end)


def _joint(
    roads: dict[str, Road], here: LaneEnd, there: LaneEnd, element: Element
) -> Iterator[LaneJoint]:
    """The joint of two lane ends, turned into driving direction; none unless both are driven."""
    for road, section, number in (here.key, there.key):
        lane = roads[road].sections[section].lanes.get(number)
        if lane is None or lane.kind not in DRIVING_KINDS:
            return
    leaves, arrives = (
        goes_with_s(roads[end.key.road], end.key.lane) == end.at_end for end in (here, there)
    )
    if leaves == arrives:
        raise element.error(
            f"lane {here.key.lane} of road {here.key.road!r} is linked to lane {there.key.lane} of "
            f"road {there.key.road!r}, which runs the other way: correct the link"
        )
    first, second = (here, there) if leaves else (there, here)
    yield LaneJoint(first.key, second.key, element)


def _past_short_sections(roads: dict[str, Road], joints: list[LaneJoint]) -> list[LaneJoint]:
    """The joints between lanes that are not short, each once."""
    following: dict[LaneKey, list[LaneJoint]] = {}
    for joint in joints:
        following.setdefault(joint.before, []).append(joint)
    passed: dict[tuple[LaneKey, LaneKey], LaneJoint] = {}
    for start in following:
        if is_short(roads[start.road], start.section):
            continue
        waiting, seen = [start], {start}
        while waiting:
            for joint in following.get(waiting.pop(), []):
                if not is_short(roads[joint.after.road], joint.after.section):
                    passed.setdefault((start, joint.after), joint._replace(before=start))
                elif joint.after not in seen:
                    seen.add(joint.after)
                    waiting.append(joint.after)
    return list(passed.values())
